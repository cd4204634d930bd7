use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that may change the webhooks of admission without naming which.
    ///
    /// ## Why
    /// A webhook sees every object that is written, Secrets included, and may change it. Who may add
    /// one is administrator of the cluster in two steps; who may delete one switches off what it
    /// enforces.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    /// rules:
    ///   - apiGroups: ["admissionregistration.k8s.io"]
    ///     resources: [validatingwebhookconfigurations]
    ///     verbs: [create] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    /// rules:
    ///   - apiGroups: ["admissionregistration.k8s.io"]
    ///     resources: [validatingadmissionpolicies]
    ///     verbs: [create]
    /// ```
    "role-manages-webhooks" {
        summary: "role can change the webhooks of admission",
        help: "name the webhooks in `resourceNames`, and leave out `create`",
        category: Category::Rbac,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
        cel: Some(Cel::flags(rbac::unless_built_in!(
            "object.?rules.orValue([]).exists(rule, !(rule.?resourceNames.orValue([]).size() > 0) && \
             ('admissionregistration.k8s.io' in rule.?apiGroups.orValue([]) || '*' in \
             rule.?apiGroups.orValue([])) && ('validatingwebhookconfigurations' in \
             rule.?resources.orValue([]) || 'mutatingwebhookconfigurations' in \
             rule.?resources.orValue([])) && rule.verbs.exists(verb, verb in ['create', 'update', \
             'patch', 'delete', '*']))"
        ))),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role) {
        let found = !grant.is_named()
            && grant.covers(
                "admissionregistration.k8s.io",
                &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
            )
            && grant.verbs().any(|verb| matches!(verb, "create" | "update" | "patch" | "delete" | "*"));
        if found {
            rbac::report(role, &grant, "changes any webhook of admission", sink);
        }
    }
}
