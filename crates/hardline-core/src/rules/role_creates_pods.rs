use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that may create pods.
    ///
    /// ## Why
    /// Who may create a pod in a namespace may mount every Secret and use every service account of
    /// it, and may run as root on a node unless admission forbids it. Controllers of Kubernetes
    /// create the pods of a Deployment, so that few need the right.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [pods]
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
    ///     resources: [configmaps]
    ///     verbs: [create]
    /// ```
    "role-creates-pods" {
        summary: "role can create pods",
        help: "create a Deployment or a Job instead, whose controllers create the pods",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, ('' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('pods' in rule.?resources.orValue([])) && \
             rule.verbs.exists(verb, verb in ['create', '*']))"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role) {
        let found = grant.covers("", &["pods"]) && grant.verbs().any(|verb| matches!(verb, "create" | "*"));
        if found {
            rbac::report(
                role,
                &grant,
                "creates pods, and by them uses every Secret and service account of the namespace",
                sink,
            );
        }
    }
}
