use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a `Role` that may read every Secret of its namespace, instead of those it names.
    ///
    /// ## Why
    /// The Secrets of a namespace belong to all its programs: the database's password, the certificate of
    /// the entry, the token of the registry. A program that may read them all gives them all away with the
    /// first flaw in it, and nobody can say afterwards which ones were read.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [secrets]
    ///     verbs: [get] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: Role
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// rules:
    ///   - apiGroups: [""]
    ///     resources: [secrets]
    ///     resourceNames: [checkout-database]
    ///     verbs: [get]
    /// ```
    "role-reads-namespace-secrets" {
        summary: "role reads every Secret of its namespace",
        help: "name the Secrets that are needed by `resourceNames`",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Role], check),
    }
}

fn check(role: &Resource, sink: &mut Sink<'_>) {
    for grant in rbac::own_grants(role).filter(rbac::Grant::reads_every_secret) {
        rbac::report(role, &grant, "may read every Secret of its namespace", sink);
    }
}
