//! What roles allow, and where they are bound.

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

/// Whether the role exists to allow everything, as its name says.
pub fn is_admin_by_design(role: &Resource) -> bool {
    role.kind() == Kind::ClusterRole && role.name() == "cluster-admin"
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

    /// Whether all resources of the groups are meant.
    pub fn has_any_resource(&self) -> bool {
        self.resources().any(|resource| resource == "*")
    }

    /// Whether a group is meant; `""` is the core group.
    pub fn covers_group(&self, group: &str) -> bool {
        self.list("apiGroups").any(|named| named == group || named == "*")
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
