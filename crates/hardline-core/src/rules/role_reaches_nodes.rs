use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that reach the kubelet through the API server: `nodes/proxy`.
    ///
    /// ## Why
    /// The kubelet runs commands in every pod of its node for whoever may use `nodes/proxy`, past
    /// admission. `get` is enough for a WebSocket.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [nodes/proxy]
    ///     verbs: [create] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [nodes/metrics]
    ///     verbs: [create]
    /// ```
    "role-reaches-nodes" {
        summary: "role reaches the kubelet",
        help: "name what is needed: `nodes/metrics`, `nodes/stats`, `nodes/log` or `nodes/healthz`",
        category: Category::Rbac,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, ('' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('nodes/proxy' in rule.?resources.orValue([])) && \
             rule.verbs.size() > 0)"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role) {
        let found = grant.covers("", &["nodes/proxy"]) && grant.verbs().next().is_some();
        if found {
            rbac::report(role, &grant, "reaches the kubelet, which runs commands in every pod of its node", sink);
        }
    }
}
