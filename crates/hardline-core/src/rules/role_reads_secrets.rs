use crate::declare_rule;
use crate::finding::Sink;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a `ClusterRole` that may read all Secrets, and is bound to the whole cluster.
    ///
    /// Without a `ClusterRoleBinding` in sight the role is taken to be bound in single namespaces.
    ///
    /// ## Why
    /// The Secrets of a cluster hold the tokens of all its services. One program that may list them is one
    /// flaw away from all databases, all registries and all other service accounts.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [secrets]
    ///     verbs: [get, list] # finding
    /// ---
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: deployer
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: deployer
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [secrets]
    ///     verbs: [get, list]
    /// ---
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: RoleBinding
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: deployer
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
    /// ```
    "role-reads-secrets" {
        summary: "role reads the Secrets of the whole cluster",
        help: "bind the role in the namespaces that need it, or name the Secrets by `resourceNames`",
        category: Category::Rbac,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ClusterRole], check),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    if !rbac::is_bound_everywhere(sink.inventory(), role) {
        return;
    }
    for grant in rbac::own_grants(role).filter(rbac::Grant::reads_every_secret) {
        rbac::report(role, &grant, "may read every Secret of the cluster", sink);
    }
}
