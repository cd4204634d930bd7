use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags an `apiVersion` that the target version of Kubernetes still serves, but has deprecated.
    ///
    /// The target is `--kubernetes-version`. The dates are those of the API server's own warnings. A
    /// version that a `CustomResourceDefinition` in the input marks as deprecated counts as well.
    ///
    /// ## Why
    /// A deprecated version goes in a later release, and the upgrade does not ask. After it, every
    /// apply, rollback and Helm upgrade of the manifest fails, often in the middle of an incident.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1 # finding
    /// kind: Endpoints
    /// metadata:
    ///   name: legacy-db
    /// subsets:
    ///   - addresses:
    ///       - ip: 192.0.2.7
    ///     ports:
    ///       - port: 5432
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata:
    ///   name: legacy-db
    /// addressType: IPv4
    /// endpoints:
    ///   - addresses: [192.0.2.7]
    /// ports:
    ///   - port: 5432
    /// ```
    "api-version-deprecated" {
        summary: "apiVersion is deprecated",
        help: "move to the version that replaces it before the cluster is upgraded",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
