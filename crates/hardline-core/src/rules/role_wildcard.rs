use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that allow every verb on every resource, of the core group at least.
    ///
    /// ## Why
    /// Whoever gets hold of the token may do everything: read all Secrets, start a pod on any node, and
    /// grant itself the rest. What a wildcard allows also grows with each new kind of resource.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: ["*"]
    ///     resources: ["*"]
    ///     verbs: ["*"] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: [apps]
    ///     resources: [deployments]
    ///     verbs: [get, list, patch]
    /// ```
    "role-wildcard" {
        summary: "role allows everything",
        help: "name the resources and the verbs that are needed",
        category: Category::Rbac,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, ('*' in rule.verbs || ['get', 'list', 'create', \
             'update', 'delete'].all(verb, verb in rule.verbs)) && ('' in \
             rule.?apiGroups.orValue([]) || '*' in rule.?apiGroups.orValue([])) && ('*' in \
             rule.?resources.orValue([])))"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role).filter(rbac::Grant::allows_everything) {
        rbac::report(role, &grant, "allows every verb on every resource of the core group", sink);
    }
}
