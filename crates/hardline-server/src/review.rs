//! What the API server asks: an `AdmissionReview`, read into the tree that rules read.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request>

use std::fmt;
use std::sync::Arc;

use hardline_cluster::kinds::OBSERVED;
use hardline_core::resource::{NotAResource, Resource, ResourceId};
use hardline_core::source::Source;
use hardline_core::tree::{Limits, NodeId, Tree, Value};
use hardline_manifest::json;

/// The one version of the question and of the answer.
pub const API_VERSION: &str = "admission.k8s.io/v1";

/// How deep a review may nest: objects of the API server reach about thirty levels.
const DEPTH: usize = 128;

/// One request to admit something.
#[derive(Debug, Clone)]
pub struct Review {
    tree: Arc<Tree>,
    request: NodeId,
    /// What is to be done.
    pub operation: Operation,
    /// The object as it is to become; absent when it is deleted.
    pub object: Option<Resource>,
    /// The object as it is; absent when it is created.
    pub old: Option<Resource>,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An object is made.
    Create,
    /// An object is changed.
    Update,
    /// An object is deleted.
    Delete,
    /// A connection is opened: `exec`, `attach`, `portforward`, `proxy`.
    Connect,
}

/// Who asks, as the API server knows them. What clients say about themselves is not in here.
#[derive(Clone, Copy)]
pub struct User<'r>(Option<Value<'r>>);

/// Why a body is not a review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not UTF-8.
    #[error("the body is not UTF-8")]
    NotText,
    /// It is not JSON, is cut off, or nests too deeply.
    #[error("the body cannot be read: {message} at byte {at}")]
    NotJson {
        /// What is wrong.
        message: String,
        /// Where.
        at: u32,
    },
    /// It is another kind or version of object.
    #[error("the body is {found}, and not an AdmissionReview of {API_VERSION}")]
    NotAReview {
        /// What it is.
        found: String,
    },
    /// A field is missing, or of a wrong type.
    #[error("`{0}` is missing or not what it should be")]
    Field(&'static str),
}

impl Review {
    /// Reads the body of a request.
    pub fn read(body: Vec<u8>) -> Result<Self, Malformed> {
        let text = String::from_utf8(body).map_err(|_| Malformed::NotText)?;
        let source = Arc::new(Source::new("", text));
        let tree = json::read_without_managers(&source, Limits { depth: DEPTH })
            .map_err(|problem| Malformed::NotJson { message: problem.message, at: problem.span.start })?;
        let root = tree.roots().next().ok_or(Malformed::Field("request"))?;
        let header = |key| root.get(key).and_then(Value::str).unwrap_or_default();
        let (kind, api_version) = (header("kind"), header("apiVersion"));
        if (kind, api_version) != ("AdmissionReview", API_VERSION) {
            let found = if kind.is_empty() { "no object".to_owned() } else { format!("{kind} of {api_version}") };
            return Err(Malformed::NotAReview { found });
        }
        let request = root.get("request").ok_or(Malformed::Field("request"))?;
        let text = |key| request.get(key).and_then(Value::str);
        if text("uid").unwrap_or_default().is_empty() {
            return Err(Malformed::Field("request.uid"));
        }
        let operation = text("operation").and_then(Operation::of).ok_or(Malformed::Field("request.operation"))?;
        let object = |key, field| object(&tree, request, key).map_err(|_| Malformed::Field(field));
        let (object, old) = (object("object", "request.object")?, object("oldObject", "request.oldObject")?);
        let request = request.id();
        Ok(Self { tree, request, operation, object, old })
    }

    fn request(&self) -> Value<'_> {
        self.tree.value(self.request)
    }

    fn text(&self, keys: &[&str]) -> &str {
        self.request().at(keys).and_then(Value::str).unwrap_or_default()
    }

    /// What the answer is to be called.
    pub fn uid(&self) -> &str {
        self.text(&["uid"])
    }

    /// Who asks.
    pub fn user(&self) -> User<'_> {
        User(self.request().get("userInfo"))
    }

    /// The namespace of the object; the name of a namespace for that namespace itself.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.text(&["namespace"])).filter(|name| !name.is_empty())
    }

    /// The part of the object that is meant, such as `scale` or `ephemeralcontainers`; empty for all.
    pub fn subresource(&self) -> &str {
        self.text(&["subResource"])
    }

    /// The group and the plural of the object's resource, such as `apps` and `deployments`.
    pub fn resource(&self) -> (&str, &str) {
        (self.text(&["resource", "group"]), self.text(&["resource", "resource"]))
    }

    /// Whether nothing will come of the request whatever the answer.
    pub fn is_dry_run(&self) -> bool {
        self.request().get("dryRun").and_then(Value::bool) == Some(true)
    }

    /// What the client calls itself in `managedFields`; empty where it says nothing.
    pub fn field_manager(&self) -> &str {
        self.text(&["options", "fieldManager"])
    }

    /// The text that the review was read from.
    pub fn source(&self) -> &Arc<Source> {
        self.tree.source()
    }

    /// What the request is about: the object, and not the part of it that `scale` and `exec` bring.
    pub fn subject(&self) -> ResourceId {
        let named = self.object.as_ref().or(self.old.as_ref()).map(Resource::id).unwrap_or_default();
        if self.subresource().is_empty() && !named.name.is_empty() {
            return named;
        }
        let (group, plural) = self.resource();
        let version = self.text(&["resource", "version"]);
        let observed = OBSERVED.iter().find(|observed| (observed.group, observed.plural) == (group, plural));
        ResourceId {
            api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
            kind: observed.map_or(plural, |observed| observed.name).to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.text(&["name"]).to_owned(),
        }
    }

    /// The name of the object, where it has one already.
    pub fn name(&self) -> &str {
        self.text(&["name"])
    }
}

/// The object under a key; `None` for null.
fn object(tree: &Arc<Tree>, request: Value<'_>, key: &str) -> Result<Option<Resource>, NotAResource> {
    let Some(value) = request.get(key) else { return Ok(None) };
    let resource = Resource::new(tree.clone(), value.id())?;
    let namespace = request.get("namespace").and_then(Value::str).filter(|name| !name.is_empty());
    Ok(Some(resource.with_default_namespace(namespace.map(Arc::from))))
}

impl Operation {
    fn of(name: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete, Self::Connect].into_iter().find(|operation| operation.name() == name)
    }

    /// The word that the API uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'r> User<'r> {
    /// The user name, such as `jane` or `system:serviceaccount:argocd:argocd-server`.
    pub fn name(self) -> &'r str {
        self.0.and_then(|user| user.get("username")).and_then(Value::str).unwrap_or_default()
    }

    /// The groups.
    pub fn groups(self) -> impl Iterator<Item = &'r str> {
        let groups = self.0.and_then(|user| user.get("groups"));
        groups.into_iter().flat_map(Value::items).filter_map(Value::str)
    }

    /// Whether this is a part of Kubernetes itself: a controller, the scheduler, a kubelet. It does
    /// what objects ask for that were admitted before.
    pub fn is_system(self) -> bool {
        let name = self.name();
        name.starts_with("system:serviceaccount:kube-system:")
            || name.starts_with("system:node:")
            || matches!(name, "system:apiserver" | "system:kube-controller-manager" | "system:kube-scheduler")
    }
}
