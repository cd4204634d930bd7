use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags bindings that give somebody a role which Kubernetes or its provider made for itself, and which
    /// allows everything, enters pods, or gives rights away.
    ///
    /// What such roles allow is not reported at the roles, whose names begin with `system:`, `gce:` or
    /// `eks:`: nobody but their maker changes them. Their maker's own bindings have such names as well.
    ///
    /// ## Why
    /// The role of a controller holds what the controller needs: the aggregation of roles may `escalate`,
    /// the garbage collector deletes anything. A program bound to it is administrator of the cluster under a
    /// harmless name, and the role grows with the next release.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: system:controller:clusterrole-aggregation-controller
    /// rules:
    ///   - apiGroups: [rbac.authorization.k8s.io]
    ///     resources: [clusterroles]
    ///     verbs: [escalate, get, list, patch, update, watch]
    /// ---
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: operator
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: system:controller:clusterrole-aggregation-controller # finding
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: operator
    ///     namespace: shop
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: operator
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: system:auth-delegator
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: operator
    ///     namespace: shop
    /// ```
    "binding-role-reserved" {
        summary: "binding grants a powerful role of Kubernetes itself",
        help: "bind a role of your own that names what is needed",
        category: Category::Rbac,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::RoleBinding, Kind::ClusterRoleBinding], check),
    }
}

fn check(binding: &Resource, sink: &mut Sink<'_>) {
    let Some((kind, namespace, name)) = rbac::bound(binding) else { return };
    if rbac::is_built_in(binding) || !rbac::is_reserved(name) {
        return;
    }
    let Some(role) = sink.inventory().find(kind, namespace, name) else { return };
    for grant in rbac::grants(role) {
        let power = if grant.allows_everything() {
            "allows everything".to_owned()
        } else if let Some(verb) = grant.escalations().next() {
            format!("gives the rights of others by `{verb}`")
        } else if let Some(entrance) = grant.entrances().next() {
            format!("runs commands in pods by `{entrance}`")
        } else {
            continue;
        };
        sink.report(FieldPath::of(&["roleRef", "name"]), format!("`{name}` {power}")).evidence(
            role,
            grant.path.key("verbs"),
            "here",
        );
        return;
    }
}
