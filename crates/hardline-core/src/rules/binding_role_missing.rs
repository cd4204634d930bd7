use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a `RoleBinding` or `ClusterRoleBinding` to a role that does not exist.
    ///
    /// ## Why
    /// The binding is accepted and grants nothing: the program behind it is refused everything. Worse, a
    /// role of that name that somebody adds later is granted at once, unseen.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: RoleBinding
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: Role
    ///   name: deployer # finding
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
    /// ---
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deploy
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [apps]
    ///     resources: [deployments]
    ///     verbs: [get, patch]
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: RoleBinding
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: Role
    ///   name: deployer
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
    /// ---
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [apps]
    ///     resources: [deployments]
    ///     verbs: [get, patch]
    /// ```
    "binding-role-missing" {
        summary: "binding grants a role that does not exist",
        help: "add the role or correct `roleRef.name`; a binding's `roleRef` cannot be changed, only replaced",
        category: Category::Rbac,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::RoleBinding, Kind::ClusterRoleBinding], check),
    }
}

fn check(binding: &Resource, sink: &mut Sink<'_>) {
    let Some((kind, namespace, name)) = rbac::bound(binding) else { return };
    // The namespaces of Kubernetes itself hold Roles that no manifest shows.
    let built_in = match kind {
        Kind::ClusterRole => rbac::is_built_in_name(kind, name),
        _ => namespace.is_some_and(|namespace| namespace.starts_with("kube-")),
    };
    if !name.is_empty()
        && !built_in
        && sink.inventory().find(kind, namespace, name).is_none()
        && sink.covers(kind, namespace)
    {
        sink.report(FieldPath::of(&["roleRef", "name"]), format!("{kind} `{name}` does not exist"));
    }
}
