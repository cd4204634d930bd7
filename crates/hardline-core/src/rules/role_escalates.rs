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
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, !(rule.?resourceNames.orValue([]).size() > 0) && \
             !('*' in rule.verbs) && (('rbac.authorization.k8s.io' in rule.?apiGroups.orValue([]) || \
             '*' in rule.?apiGroups.orValue([])) && ('roles' in rule.?resources.orValue([]) || \
             'clusterroles' in rule.?resources.orValue([])) && rule.verbs.exists(verb, verb in \
             ['escalate', 'bind']) || ('' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('users' in rule.?resources.orValue([]) || 'groups' in \
             rule.?resources.orValue([]) || 'serviceaccounts' in rule.?resources.orValue([])) && \
             rule.verbs.exists(verb, verb in ['impersonate'])))"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role).filter(|grant| !grant.has_any_verb()) {
        let verbs: Vec<String> = grant.escalations().map(|verb| format!("`{verb}`")).collect();
        if !verbs.is_empty() {
            let message = format!("{} gives the rights of others", verbs.join(" and "));
            rbac::report(role, &grant, message, sink);
        }
    }
}
