use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that may run commands in pods: `create` on `pods/exec` or `pods/attach`, or
    /// `ephemeralcontainers`.
    ///
    /// ## Why
    /// A shell in a pod sees its environment, its volumes and its token. Such a role is all the roles of
    /// all pods in its reach, and it belongs to people in an incident, not to programs.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [pods/exec]
    ///     verbs: [create] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [pods, pods/log]
    ///     verbs: [get, list]
    /// ```
    "role-enters-pods" {
        summary: "role can enter running pods",
        help: "give the right to people for the time of an incident, and remove it here",
        category: Category::Rbac,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, !('*' in rule.?resources.orValue([]) && ('*' in \
             rule.verbs || ['get', 'list', 'create', 'update', 'delete'].all(verb, verb in \
             rule.verbs))) && ('' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('pods/exec' in rule.?resources.orValue([]) || \
             'pods/attach' in rule.?resources.orValue([]) || 'pods/ephemeralcontainers' in \
             rule.?resources.orValue([]) || '*' in rule.?resources.orValue([])) && \
             rule.verbs.exists(verb, verb in ['create', 'get', 'update', 'patch', '*']))"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    // Every verb on every resource is reported by `role-wildcard`.
    for grant in rbac::own_grants(role).filter(|grant| !(grant.has_any_resource() && grant.allows_all())) {
        let entrances: Vec<String> = grant.entrances().map(|entrance| format!("`{entrance}`")).collect();
        if !entrances.is_empty() {
            let message = format!("may run commands in pods by {}", entrances.join(" and "));
            rbac::report(role, &grant, message, sink);
        }
    }
}
