//! What roles allow, and where they are bound.

use std::sync::Arc;

use crate::finding::{Finding, Sink};
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::Value;

/// One of a role's `rules`.
#[derive(Debug, Clone)]
pub struct Grant<'a> {
    /// Where the rule is.
    pub path: FieldPath,
    value: Value<'a>,
}

/// The rules of a `Role` or `ClusterRole`.
pub fn grants(role: &Resource) -> impl Iterator<Item = Grant<'_>> {
    let rules = role.value().get("rules").into_iter().flat_map(Value::items).enumerate();
    rules.map(|(index, value)| Grant { path: FieldPath::of(&["rules"]).index(index), value })
}

/// The rules of a role that somebody answers for: none of those that are [built in](is_built_in).
pub fn own_grants(role: &Resource) -> impl Iterator<Item = Grant<'_>> {
    grants(role).filter(|_| !is_built_in(role))
}

/// The roles that Kubernetes makes for users.
const FOR_USERS: [&str; 4] = ["admin", "cluster-admin", "edit", "view"];

/// What the names of roles and bindings begin with that Kubernetes makes for itself, or GKE and EKS do.
const RESERVED: [&str; 3] = ["system:", "gce:", "eks:"];

/// Whether Kubernetes, or who provides the cluster, made the role or binding and puts it back when
/// somebody changes it, as its name says.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>
pub fn is_built_in(resource: &Resource) -> bool {
    is_built_in_name(resource.kind(), resource.name())
}

/// Whether a role or binding of this kind and name is [built in](is_built_in).
pub fn is_built_in_name(kind: Kind, name: &str) -> bool {
    let for_users = matches!(kind, Kind::ClusterRole | Kind::ClusterRoleBinding) && FOR_USERS.contains(&name);
    for_users || is_reserved(name)
}

/// Whether a name is one that Kubernetes, or who provides the cluster, keeps for what it makes for itself.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

/// Wraps what a rule flags in CEL, so that it leaves out [built-in](is_built_in) roles.
macro_rules! unless_built_in {
    ($flags:literal) => {
        concat!(
            "!object.metadata.?name.orValue('').matches('^(system|gce|eks):') && !(object.kind == 'ClusterRole' && \
             object.metadata.?name.orValue('') in ['admin', 'cluster-admin', 'edit', 'view']) && ",
            $flags
        )
    };
}
pub(crate) use unless_built_in;

/// Reports what a role allows, at the verbs of the grant, and who holds the role.
pub(crate) fn report<'s>(
    role: &Resource,
    grant: &Grant<'_>,
    message: impl Into<Arc<str>>,
    sink: &'s mut Sink<'_>,
) -> &'s mut Finding {
    const MOST: usize = 3;
    let inventory = sink.inventory();
    let finding = sink.report(grant.path.clone().key("verbs"), message);
    for binding in bindings(inventory, role).into_iter().filter(|binding| !is_built_in(binding)).take(MOST) {
        let subjects = binding.value().get("subjects").into_iter().flat_map(Value::items);
        let text = |subject: Value<'_>, key| subject.get(key).and_then(Value::str).unwrap_or_default().to_owned();
        let names: Vec<_> =
            subjects.take(MOST).map(|it| format!("{} `{}`", text(it, "kind"), text(it, "name"))).collect();
        finding.evidence(binding, FieldPath::of(&["subjects"]), format!("held by {}", names.join(", ")));
    }
    finding
}

/// The bindings that put a role into force, in the order of the inventory.
fn bindings<'i>(inventory: &'i Inventory, role: &'i Resource) -> Vec<&'i Resource> {
    let (kind, name) = (role.kind_name(), role.name());
    let is_binding = |acting: &&Resource| matches!(acting.kind(), Kind::RoleBinding | Kind::ClusterRoleBinding);
    let mut bindings: Vec<_> = match role.kind() {
        Kind::ClusterRole => inventory.acting_anywhere_on(kind, name).filter(is_binding).collect(),
        _ => inventory.acting_on(role.namespace(), kind, name).filter(is_binding).collect(),
    };
    bindings.sort_unstable_by_key(|binding| binding.index);
    bindings
}

/// The role that a binding puts into force: its kind, namespace and name.
pub(crate) fn bound(binding: &Resource) -> Option<(Kind, Option<&str>, &str)> {
    let role = binding.value().get("roleRef")?;
    let field = |key| role.get(key).and_then(Value::str).unwrap_or_default();
    let (kind, namespace) = match field("kind") {
        "Role" => (Kind::Role, binding.namespace()),
        "ClusterRole" => (Kind::ClusterRole, None),
        _ => return None,
    };
    Some((kind, namespace, field("name")))
}

/// Whether a `ClusterRole` is bound to the whole cluster by a binding that is known.
pub fn is_bound_everywhere(inventory: &Inventory, role: &Resource) -> bool {
    inventory.acting_on(None, "ClusterRole", role.name()).any(|binding| binding.kind() == Kind::ClusterRoleBinding)
}

/// Whether the role lets read Secrets, whichever they are.
pub fn reads_secrets(role: &Resource) -> bool {
    grants(role).any(|grant| {
        let reads = grant.verbs().any(|verb| matches!(verb, "get" | "list" | "watch" | "*"));
        let secrets = grant.covers("", &["secrets", "*"]);
        reads && secrets && !grant.is_named()
    })
}

impl<'a> Grant<'a> {
    fn list(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.value.get(key).into_iter().flat_map(Value::items).filter_map(Value::str)
    }

    /// The verbs as written.
    pub fn verbs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list("verbs")
    }

    /// The resources as written, such as `pods/exec`.
    pub fn resources(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list("resources")
    }

    /// Whether all verbs are allowed.
    pub fn has_any_verb(&self) -> bool {
        self.verbs().any(|verb| verb == "*")
    }

    /// Whether all that can be done to an object is allowed: by `*`, or verb by verb.
    pub fn allows_all(&self) -> bool {
        let each = ["get", "list", "create", "update", "delete"];
        self.has_any_verb() || each.into_iter().all(|verb| self.verbs().any(|allowed| allowed == verb))
    }

    /// Whether it lets read every Secret. Wildcards are a matter of their own.
    pub fn reads_every_secret(&self) -> bool {
        let reads = || self.verbs().any(|verb| matches!(verb, "get" | "list" | "watch"));
        !self.is_named() && self.covers("", &["secrets"]) && reads()
    }

    /// Whether everything can be done to every resource of the core group.
    pub fn allows_everything(&self) -> bool {
        self.allows_all() && self.has_any_resource() && self.covers_group("")
    }

    /// The resources by which it lets run commands in pods.
    pub fn entrances(&self) -> impl Iterator<Item = &'static str> + use<'_, 'a> {
        const ENTRANCES: [&str; 3] = ["pods/exec", "pods/attach", "pods/ephemeralcontainers"];
        // The API server asks for `get` where the connection is a WebSocket, and for `create` else.
        let enters = self.covers_group("")
            && self.verbs().any(|verb| matches!(verb, "create" | "get" | "update" | "patch" | "*"));
        ENTRANCES
            .into_iter()
            .filter(move |entrance| enters && self.resources().any(|named| named == *entrance || named == "*"))
    }

    /// The verbs by which it gives more rights than it holds, on whatever object.
    pub fn escalations(&self) -> impl Iterator<Item = &'static str> + use<'_, 'a> {
        let roles = self.covers("rbac.authorization.k8s.io", &["roles", "clusterroles"]);
        let identities = self.covers("", &["users", "groups", "serviceaccounts"]);
        let verbs = [("escalate", roles), ("bind", roles), ("impersonate", identities)];
        let allows = move |verb: &str| !self.is_named() && self.verbs().any(|allowed| allowed == verb);
        verbs.into_iter().filter(move |&(verb, applies)| applies && allows(verb)).map(|(verb, _)| verb)
    }

    /// Whether all resources of the groups are meant.
    pub fn has_any_resource(&self) -> bool {
        self.resources().any(|resource| resource == "*")
    }

    /// Whether a group is meant; `""` is the core group.
    pub fn covers_group(&self, group: &str) -> bool {
        self.list("apiGroups").any(|named| named == group || named == "*")
    }

    /// Whether a group of Kubernetes itself is meant, and not only those of custom resources.
    pub fn covers_group_of_kubernetes(&self) -> bool {
        self.list("apiGroups").any(|group| !group.contains('.') || group.ends_with(".k8s.io"))
    }

    /// Whether one of these resources of a group is named. Wildcards are a matter of their own.
    pub fn covers(&self, group: &str, resources: &[&str]) -> bool {
        self.covers_group(group) && self.resources().any(|resource| resources.contains(&resource))
    }

    /// Whether the rule is for objects of certain names only.
    pub fn is_named(&self) -> bool {
        self.list("resourceNames").next().is_some()
    }
}
