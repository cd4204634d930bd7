//! One Kubernetes object of any origin: its raw value is the truth, views read it on demand.

use std::fmt;
use std::sync::Arc;

use crate::source::Source;
use crate::tree::{NodeId, NodeKind, Tree, Value};
use crate::workload;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $scope:ident [$($group:literal),+]),+ $(,)?) => {
        /// The kinds that rules know. All others are [`Kind::Other`] and keep their raw value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the names are Kubernetes' own")]
        pub enum Kind { $($(#[$doc])* $name,)+ Other }

        impl Kind {
            /// Every known kind, [`Kind::Other`] excluded.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The kind by its API group (`""` is the core group) and name.
            ///
            /// Nobody can add kinds to the core group: a kind of another group there, as `Deployment` with
            /// `apiVersion: v1`, is a slip, and the object is taken for what was meant.
            pub fn of(group: &str, kind: &str) -> Self {
                match kind {
                    $(stringify!($name) if group.is_empty() || [$($group),+].contains(&group) => Self::$name,)+
                    _ => Self::Other,
                }
            }

            /// The kind's name as in `kind:`; empty for [`Kind::Other`].
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ Self::Other => "" }
            }

            /// The kind's API group, the newest where there were several; empty for the core group
            /// and for [`Kind::Other`].
            pub fn group(self) -> &'static str {
                match self { $(Self::$name => [$($group),+][0],)+ Self::Other => "" }
            }

            /// Whether objects of the kind live in a namespace. Unknown kinds are taken to.
            pub fn is_namespaced(self) -> bool {
                match self { $(Self::$name => kinds!(@ $scope),)+ Self::Other => true }
            }
        }
    };
    (@ namespaced) => { true };
    (@ cluster) => { false };
}

kinds! {
    Pod namespaced [""],
    Deployment namespaced ["apps", "extensions"],
    StatefulSet namespaced ["apps"],
    DaemonSet namespaced ["apps", "extensions"],
    ReplicaSet namespaced ["apps", "extensions"],
    ReplicationController namespaced [""],
    PodTemplate namespaced [""],
    Job namespaced ["batch"],
    CronJob namespaced ["batch"],
    Service namespaced [""],
    Endpoints namespaced [""],
    EndpointSlice namespaced ["discovery.k8s.io"],
    ConfigMap namespaced [""],
    Secret namespaced [""],
    ServiceAccount namespaced [""],
    PersistentVolumeClaim namespaced [""],
    PersistentVolume cluster [""],
    StorageClass cluster ["storage.k8s.io"],
    Namespace cluster [""],
    Node cluster [""],
    ResourceQuota namespaced [""],
    LimitRange namespaced [""],
    NetworkPolicy namespaced ["networking.k8s.io", "extensions"],
    Ingress namespaced ["networking.k8s.io", "extensions"],
    IngressClass cluster ["networking.k8s.io"],
    AdminNetworkPolicy cluster ["policy.networking.k8s.io"],
    BaselineAdminNetworkPolicy cluster ["policy.networking.k8s.io"],
    ClusterNetworkPolicy cluster ["policy.networking.k8s.io"],
    PodDisruptionBudget namespaced ["policy"],
    HorizontalPodAutoscaler namespaced ["autoscaling"],
    PriorityClass cluster ["scheduling.k8s.io"],
    Role namespaced ["rbac.authorization.k8s.io"],
    ClusterRole cluster ["rbac.authorization.k8s.io"],
    RoleBinding namespaced ["rbac.authorization.k8s.io"],
    ClusterRoleBinding cluster ["rbac.authorization.k8s.io"],
    CustomResourceDefinition cluster ["apiextensions.k8s.io"],
    ValidatingWebhookConfiguration cluster ["admissionregistration.k8s.io"],
    MutatingWebhookConfiguration cluster ["admissionregistration.k8s.io"],
    ValidatingAdmissionPolicy cluster ["admissionregistration.k8s.io"],
    APIService cluster ["apiregistration.k8s.io"],
    BreakGlass namespaced ["hardline.dev"],
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One Kubernetes object.
#[derive(Debug, Clone)]
pub struct Resource {
    tree: Arc<Tree>,
    root: NodeId,
    kind: Kind,
    names: Names,
    /// `apiVersion` and `kind` of a member of a typed list that does not repeat them.
    implied: Option<Arc<(String, String)>>,
    /// The namespace that applies when the object names none.
    default_namespace: Option<Arc<str>>,
    /// The resource's place in its inventory; 0 before it is in one.
    pub(crate) index: u32,
}

/// Where an object says what it is: what everybody asks for, looked up once.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    api_version: Option<NodeId>,
    kind: Option<NodeId>,
    /// `metadata.name`, of whatever type.
    name: Option<NodeId>,
    namespace: Option<NodeId>,
    /// Of what carries a pod: its template, and that one's `spec`.
    template: Option<NodeId>,
    pod_spec: Option<NodeId>,
}

impl Names {
    fn of(value: Value<'_>, kind: Kind, of_type: (&str, &str)) -> Self {
        let metadata = value.get("metadata");
        let template = workload::template_path(kind, || of_type).and_then(|path| value.at(path));
        let of = |parent: Option<Value<'_>>, key| parent.and_then(|parent| parent.get(key)).map(Value::id);
        Self {
            api_version: of(Some(value), "apiVersion"),
            kind: of(Some(value), "kind"),
            name: of(metadata, "name"),
            namespace: of(metadata, "namespace"),
            template: template.map(Value::id),
            pod_spec: of(template, "spec"),
        }
    }
}

/// What a [`Resource`] is called, in owned text: for reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceId {
    /// Group and version, as in `apiVersion:`.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace, unless the kind has none or nothing says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name, or the `generateName` prefix with a `*`.
    pub name: String,
}

/// Why a value is not a Kubernetes object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAResource {
    /// The document is no map, or has neither `apiVersion` nor `kind`: some other YAML.
    #[error("no Kubernetes object")]
    Unrelated,
    /// `kind` without `apiVersion`, or either is no string.
    #[error("`apiVersion` is missing or not a string")]
    ApiVersion,
    /// `apiVersion` without `kind`, or it is no string.
    #[error("`kind` is missing or not a string")]
    Kind,
}

impl Resource {
    /// The object whose root is this node.
    pub fn new(tree: Arc<Tree>, root: NodeId) -> Result<Self, NotAResource> {
        let value = tree.value(root);
        let (api_version, kind) = match (value.entry("apiVersion"), value.entry("kind")) {
            (None, None) => return Err(NotAResource::Unrelated),
            _ if value.kind() != NodeKind::Map => return Err(NotAResource::Unrelated),
            (api_version, kind) => (
                api_version.and_then(|entry| entry.value.str()).ok_or(NotAResource::ApiVersion)?,
                kind.and_then(|entry| entry.value.str()).ok_or(NotAResource::Kind)?,
            ),
        };
        let of_type = (group_of(api_version), kind);
        let kind = Kind::of(of_type.0, of_type.1);
        let names = Names::of(value, kind, of_type);
        Ok(Self { tree, root, kind, names, implied: None, default_namespace: None, index: 0 })
    }

    /// The object at this node as a member of a typed list, such as a `PodList` of the API: its type
    /// goes without saying there.
    pub fn member(&self, root: NodeId) -> Result<Self, NotAResource> {
        let value = self.tree.value(root);
        let named = value.entry("apiVersion").is_some() || value.entry("kind").is_some();
        let implied = self.kind_name().strip_suffix("List").filter(|kind| !kind.is_empty() && !named);
        let (Some(kind), NodeKind::Map) = (implied, value.kind()) else { return Self::new(self.tree.clone(), root) };
        let known = Kind::of(self.group(), kind);
        Ok(Self {
            kind: known,
            names: Names::of(value, known, (self.group(), kind)),
            implied: Some(Arc::new((self.api_version().to_owned(), kind.to_owned()))),
            root,
            ..self.clone()
        })
    }

    /// This object, in the given namespace unless it names one itself.
    #[must_use]
    pub fn with_default_namespace(mut self, namespace: Option<Arc<str>>) -> Self {
        self.default_namespace = namespace;
        self
    }

    /// The namespace that applies when the object names none.
    pub fn default_namespace(&self) -> Option<&str> {
        self.default_namespace.as_deref()
    }

    /// What tells it from every other object that is in memory.
    pub(crate) fn identity(&self) -> (*const Tree, NodeId) {
        (Arc::as_ptr(&self.tree), self.root)
    }

    /// The raw object.
    pub fn value(&self) -> Value<'_> {
        self.tree.value(self.root)
    }

    /// The text the object was read from.
    pub fn source(&self) -> &Arc<Source> {
        self.tree.source()
    }

    /// The object's kind, if rules know it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        let implied = || self.implied.as_deref().map(|(api_version, _)| api_version.as_str());
        self.text_at(self.names.api_version).or_else(implied).unwrap_or_default()
    }

    /// The API group: `apps` of `apps/v1`, empty of `v1`.
    pub fn group(&self) -> &str {
        group_of(self.api_version())
    }

    /// `kind` as written, also when rules do not know it.
    pub fn kind_name(&self) -> &str {
        let implied = || self.implied.as_deref().map(|(_, kind)| kind.as_str());
        self.text_at(self.names.kind).or_else(implied).unwrap_or_default()
    }

    /// `metadata.name`, or `metadata.generateName`.
    pub fn name(&self) -> &str {
        let prefix = || self.value().at(&["metadata", "generateName"]).and_then(Value::str);
        self.text_at(self.names.name).or_else(prefix).unwrap_or_default()
    }

    /// Whether the object has a name of its own, and not only a prefix for one.
    pub fn is_named(&self) -> bool {
        self.names.name.is_some()
    }

    /// The namespace the object is in, if it can be in one and anything says which.
    pub fn namespace(&self) -> Option<&str> {
        if !self.kind.is_namespaced() {
            return None;
        }
        self.text_at(self.names.namespace).or(self.default_namespace.as_deref())
    }

    fn text_at(&self, node: Option<NodeId>) -> Option<&str> {
        self.tree.value(node?).str()
    }

    /// A label of the object itself.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.value().at(&["metadata", "labels"])?.get(key)?.str()
    }

    /// An annotation of the object itself.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value().at(&["metadata", "annotations"])?.get(key)?.str()
    }

    /// Where [`workload::template_path`] leads to, and the `spec` there.
    pub(crate) fn pod(&self) -> (Option<Value<'_>>, Option<Value<'_>>) {
        let value = |node: Option<NodeId>| node.map(|node| self.tree.value(node));
        (value(self.names.template), value(self.names.pod_spec))
    }

    /// A field below `spec`.
    #[inline]
    pub fn spec(&self, key: &str) -> Option<Value<'_>> {
        self.value().get("spec")?.get(key)
    }

    /// Adds the object's names to a text, as a [`ResourceId`] displays.
    pub(crate) fn write_name(&self, text: &mut String) {
        text.extend([self.kind_name(), " "]);
        if let Some(namespace) = self.namespace() {
            text.extend([namespace, "/"]);
        }
        text.push_str(self.name());
        if self.is_generated() {
            text.push('*');
        }
    }

    /// Whether the object has no name yet, but a prefix that the API server will make one from.
    fn is_generated(&self) -> bool {
        !self.is_named() && !self.name().is_empty()
    }

    /// The object's names in owned text.
    pub fn id(&self) -> ResourceId {
        let name = self.name();
        ResourceId {
            api_version: self.api_version().to_owned(),
            kind: self.kind_name().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: if self.is_generated() { format!("{name}*") } else { name.to_owned() },
        }
    }
}

impl fmt::Display for ResourceId {
    /// `Deployment shop/checkout`: kind, namespace if any, name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}
