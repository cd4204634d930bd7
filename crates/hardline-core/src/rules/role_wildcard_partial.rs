use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags roles that allow by `*` every verb on some resources of Kubernetes, or some verbs on all of
    /// them.
    ///
    /// Every verb on every resource is reported by `role-wildcard`. Wildcards for custom resources alone
    /// are not meant: their operator owns them.
    ///
    /// ## Why
    /// A wildcard grows without anybody changing it. `*` on Secrets is also `deletecollection`, which empties
    /// a namespace by one request, and `get` on all resources is also `get` on Secrets, and on whatever the
    /// next release of Kubernetes brings.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [apps]
    ///     resources: [deployments]
    ///     verbs: ["*"] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: deployer
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [apps]
    ///     resources: [deployments]
    ///     verbs: [get, list, patch]
    /// ```
    "role-wildcard-partial" {
        summary: "role grows by a wildcard",
        help: "name the resources and the verbs that are needed",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Role, Kind::ClusterRole], check),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role).filter(rbac::Grant::covers_group_of_kubernetes) {
        let message = match (grant.has_any_verb(), grant.has_any_resource()) {
            // Reported by `role-wildcard`, where it says so of the core group.
            (_, true) if grant.allows_all() && grant.covers_group("") => continue,
            (true, true) => "allows every verb on every resource of its groups",
            (true, false) => "allows every verb, also `deletecollection` and those to come",
            (false, true) => "allows its verbs on every resource of its groups, also those to come",
            (false, false) => continue,
        };
        rbac::report(role, &grant, message, sink);
    }
}
