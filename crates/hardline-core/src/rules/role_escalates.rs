use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that allow to grant more rights than they hold: `escalate` or `bind` on roles, or
    /// `impersonate` on users, groups and service accounts, without naming which.
    ///
    /// ## Why
    /// Each of the three is `cluster-admin` by one more request. A controller with such a token turns a
    /// flaw in it into the loss of the cluster.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: [rbac.authorization.k8s.io]
    ///     resources: [clusterroles]
    ///     verbs: [get, bind] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: deployer
    /// rules:
    ///   - apiGroups: [rbac.authorization.k8s.io]
    ///     resources: [clusterroles]
    ///     verbs: [get, list]
    /// ```
    "role-escalates" {
        summary: "role can grant itself more",
        help: "remove the verb, or name by `resourceNames` what it is for",
        category: Category::Rbac,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(
            "object.?rules.orValue([]).exists(rule, !(rule.?resourceNames.orValue([]).size() > 0) && \
             !('*' in rule.verbs) && (('rbac.authorization.k8s.io' in rule.?apiGroups.orValue([]) || \
             '*' in rule.?apiGroups.orValue([])) && ('roles' in rule.?resources.orValue([]) || \
             'clusterroles' in rule.?resources.orValue([])) && rule.verbs.exists(verb, verb in \
             ['escalate', 'bind']) || ('' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('users' in rule.?resources.orValue([]) || 'groups' in \
             rule.?resources.orValue([]) || 'serviceaccounts' in rule.?resources.orValue([])) && \
             rule.verbs.exists(verb, verb in ['impersonate'])))",
        )),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::grants(role).filter(|grant| !grant.is_named() && !grant.has_any_verb()) {
        let roles = grant.covers("rbac.authorization.k8s.io", &["roles", "clusterroles"]);
        let identities = grant.covers("", &["users", "groups", "serviceaccounts"]);
        let verbs = [("escalate", roles), ("bind", roles), ("impersonate", identities)];
        let verbs: Vec<String> = verbs
            .into_iter()
            .filter(|&(verb, applies)| applies && grant.verbs().any(|allowed| allowed == verb))
            .map(|(verb, _)| format!("`{verb}`"))
            .collect();
        if !verbs.is_empty() {
            sink.report(grant.path.key("verbs"), format!("{} gives the rights of others", verbs.join(" and ")));
        }
    }
}
