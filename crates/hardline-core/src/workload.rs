//! The same view over everything that carries a pod template.

use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::Value;

/// A resource that carries a pod: a Pod, a controller's template, or a custom kind's by path.
#[derive(Clone, Copy)]
pub struct Workload<'a> {
    /// The resource that carries the pod.
    pub resource: &'a Resource,
    path: &'static [&'static str],
    /// What every rule asks for first, looked up once.
    template: Option<Value<'a>>,
    pod_spec: Option<Value<'a>>,
}

/// Where known kinds of other projects carry their pod template.
///
/// Argo Rollouts (argoproj.io `Rollout`), Knative Serving (`Service`, `Configuration`),
/// `OpenShift` (`DeploymentConfig`), `OpenKruise`.
const CUSTOM_WORKLOADS: &[(&str, &str, &[&str])] = &[
    ("argoproj.io", "Rollout", &["spec", "template"]),
    ("serving.knative.dev", "Service", &["spec", "template"]),
    ("serving.knative.dev", "Configuration", &["spec", "template"]),
    ("apps.openshift.io", "DeploymentConfig", &["spec", "template"]),
    ("apps.kruise.io", "CloneSet", &["spec", "template"]),
    ("apps.kruise.io", "StatefulSet", &["spec", "template"]),
    ("apps.kruise.io", "DaemonSet", &["spec", "template"]),
];

/// Whether all resources of a kind carry a pod.
pub const fn is_carrier(kind: Kind) -> bool {
    template_of(kind).is_some()
}

/// Known kinds of other projects that carry a pod: their API groups and names.
pub fn custom() -> impl Iterator<Item = (&'static str, &'static str)> {
    CUSTOM_WORKLOADS.iter().map(|known| (known.0, known.1))
}

/// Where a resource carries its pod template, by its kind or by the group and name of that.
pub(crate) fn template_path<'a>(
    kind: Kind,
    of_type: impl FnOnce() -> (&'a str, &'a str),
) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Other => {
            let of_type = of_type();
            CUSTOM_WORKLOADS.iter().find(|known| (known.0, known.1) == of_type).map(|known| known.2)
        }
        _ => template_of(kind),
    }
}

/// Where a known kind carries its pod template.
const fn template_of(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Pod => Some(&[]),
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::Job => Some(&["spec", "template"]),
        Kind::PodTemplate => Some(&["template"]),
        Kind::CronJob => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of `containers`.
    Main,
    /// One of `initContainers` that runs to its end before the next starts.
    Init,
    /// One of `initContainers` with `restartPolicy: Always`: it runs beside the main ones
    /// (KEP-753).
    Sidecar,
    /// One of `ephemeralContainers`.
    Ephemeral,
}

/// A container of a [`Workload`].
#[derive(Clone, Copy)]
pub struct Container<'a> {
    /// The workload that it is part of.
    pub workload: Workload<'a>,
    /// The raw container.
    pub value: Value<'a>,
    /// What the container is for.
    pub role: Role,
    index: usize,
}

impl<'a> Workload<'a> {
    /// The view of a resource that carries a pod; `None` for all others.
    pub fn of(resource: &'a Resource) -> Option<Self> {
        let path = template_path(resource.kind(), || (resource.group(), resource.kind_name()))?;
        let (template, pod_spec) = resource.pod();
        Some(Self { resource, path, template, pod_spec })
    }

    /// The kind of the carrying resource.
    pub fn kind(&self) -> Kind {
        self.resource.kind()
    }

    /// The pod template: the object that holds the pod's `metadata` and `spec`.
    pub fn template(&self) -> Option<Value<'a>> {
        self.template
    }

    /// The pod's spec.
    pub fn pod_spec(&self) -> Option<Value<'a>> {
        self.pod_spec
    }

    /// A field of the pod's spec.
    #[inline]
    pub fn pod(&self, key: &str) -> Option<Value<'a>> {
        self.pod_spec()?.get(key)
    }

    /// A field of the pod's security context, which containers inherit unless they set it.
    #[inline]
    pub fn security(&self, key: &str) -> Option<Value<'a>> {
        self.pod("securityContext")?.get(key)
    }

    /// The path of the pod's spec in the resource.
    pub fn pod_path(&self) -> FieldPath {
        FieldPath::of(self.path).key("spec")
    }

    /// The path of the pod template in the resource.
    pub fn template_path(&self) -> FieldPath {
        FieldPath::of(self.path)
    }

    /// The labels that the pods get.
    pub fn pod_labels(&self) -> Option<Value<'a>> {
        self.template()?.at(&["metadata", "labels"])
    }

    /// A label that the pods get.
    pub fn pod_label(&self, key: &str) -> Option<&'a str> {
        self.pod_labels()?.get(key)?.str()
    }

    /// An annotation that the pods get.
    pub fn pod_annotation(&self, key: &str) -> Option<&'a str> {
        self.template()?.at(&["metadata", "annotations"])?.get(key)?.str()
    }

    /// How many pods run at once, by `spec.replicas`; `None` where the kind has no such count.
    ///
    /// An absent count is 1, as the API server defaults it.
    pub fn replicas(&self) -> Option<i64> {
        match self.kind() {
            Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::ReplicationController | Kind::Other => {
                Some(self.resource.spec("replicas").and_then(Value::int).unwrap_or(1))
            }
            _ => None,
        }
    }

    /// Whether the pods are meant to run on and on, rather than to an end.
    pub fn is_long_running(&self) -> bool {
        !matches!(self.kind(), Kind::Job | Kind::CronJob | Kind::PodTemplate)
    }

    /// Whether the pods run Windows, by `spec.os.name`.
    pub fn is_windows(&self) -> bool {
        self.pod("os").and_then(|os| os.get("name")).and_then(Value::str) == Some("windows")
    }

    /// Whether the pods have a user namespace of their own, in which root is nobody on the node
    /// (`hostUsers: false`, KEP-127).
    pub fn has_user_namespace(&self) -> bool {
        self.pod("hostUsers").and_then(Value::bool) == Some(false)
    }

    /// All containers: init containers and sidecars first, as they start, then main ones,
    /// then ephemeral ones.
    pub fn containers(&self) -> impl Iterator<Item = Container<'a>> + use<'a> {
        let workload = *self;
        let spec = self.pod_spec();
        ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(move |list| {
            let items = spec.and_then(|spec| spec.get(list)).into_iter().flat_map(Value::items);
            items.enumerate().map(move |(index, value)| {
                let restarts = || value.get("restartPolicy").and_then(Value::str) == Some("Always");
                let role = match list {
                    "containers" => Role::Main,
                    "ephemeralContainers" => Role::Ephemeral,
                    _ if restarts() => Role::Sidecar,
                    _ => Role::Init,
                };
                Container { workload, value, role, index }
            })
        })
    }

    /// The pod's volumes.
    pub fn volumes(&self) -> impl Iterator<Item = Volume<'a>> + use<'a> {
        let workload = *self;
        let volumes = self.pod("volumes").into_iter().flat_map(Value::items).enumerate();
        volumes.map(move |(index, value)| Volume { value, workload, index })
    }
}

impl<'a> Container<'a> {
    /// The container's name; empty when it has none.
    pub fn name(&self) -> &'a str {
        self.value.get("name").and_then(Value::str).unwrap_or_default()
    }

    /// The path of the container in the resource.
    pub fn path(&self) -> FieldPath {
        let list = match self.role {
            Role::Main => "containers",
            Role::Init | Role::Sidecar => "initContainers",
            Role::Ephemeral => "ephemeralContainers",
        };
        self.workload.pod_path().key(list).index(self.index)
    }

    /// Whether the container runs as long as its pod: a main container or a sidecar.
    pub fn is_long_running(&self) -> bool {
        matches!(self.role, Role::Main | Role::Sidecar)
    }

    /// A field of the container.
    #[inline]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.value.get(key)
    }

    /// The value at the end of these keys.
    #[inline]
    pub fn at(&self, keys: &[&str]) -> Option<Value<'a>> {
        self.value.at(keys)
    }

    /// A field of the container's security context.
    #[inline]
    pub fn security(&self, key: &str) -> Option<Value<'a>> {
        self.at(&["securityContext", key])
    }

    /// The field of the security context that holds for the container: its own, else its pod's.
    pub fn effective_security(&self, key: &str) -> Option<Value<'a>> {
        self.security(key).or_else(|| self.workload.security(key))
    }

    /// Whether the container runs with `privileged: true`.
    pub fn is_privileged(&self) -> bool {
        self.security("privileged").and_then(Value::bool) == Some(true)
    }

    /// The image as written.
    pub fn image(&self) -> Option<&'a str> {
        self.get("image")?.str()
    }

    /// The literal value of an environment variable.
    pub fn env(&self, name: &str) -> Option<&'a str> {
        let all = self.get("env")?.items();
        all.filter(|var| var.get("name").and_then(Value::str) == Some(name)).last()?.get("value")?.str()
    }

    /// The words of `command` and `args`.
    pub fn words(&self) -> impl Iterator<Item = Word<'a>> + use<'a> {
        let container = *self;
        ["command", "args"].into_iter().flat_map(move |list| {
            let items = container.get(list).into_iter().flat_map(Value::items).enumerate();
            items.filter_map(move |(index, word)| Some(Word { text: word.str()?, container, list, index }))
        })
    }

    /// The environment variables with literal values.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'a>> + use<'a> {
        let container = *self;
        let variables = self.get("env").into_iter().flat_map(Value::items).enumerate();
        variables.filter_map(move |(index, variable)| {
            let text = |key| variable.get(key).and_then(Value::str);
            Some(Variable { name: text("name")?, value: text("value")?, container, index })
        })
    }
}

/// A volume of a pod.
#[derive(Clone, Copy)]
pub struct Volume<'a> {
    /// The raw volume.
    pub value: Value<'a>,
    workload: Workload<'a>,
    index: usize,
}

impl<'a> Volume<'a> {
    /// A field of the volume.
    #[inline]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.value.get(key)
    }

    /// The volume's name; empty when it has none.
    pub fn name(&self) -> &'a str {
        self.get("name").map_or("", Value::raw)
    }

    /// The path of the volume in the resource.
    pub fn path(&self) -> FieldPath {
        self.workload.pod_path().key("volumes").index(self.index)
    }
}

/// A word of a container's `command` or `args`, which may be a whole script.
#[derive(Clone, Copy)]
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    container: Container<'a>,
    list: &'static str,
    index: usize,
}

impl Word<'_> {
    /// The path of the word in the resource.
    pub fn path(&self) -> FieldPath {
        self.container.path().key(self.list).index(self.index)
    }
}

/// An environment variable of a container with a literal value.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: &'a str,
    container: Container<'a>,
    index: usize,
}

impl Variable<'_> {
    /// The path of the value in the resource.
    pub fn path(&self) -> FieldPath {
        self.container.path().key("env").index(self.index).key("value")
    }
}
