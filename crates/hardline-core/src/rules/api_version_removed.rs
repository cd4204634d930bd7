use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags an `apiVersion` that the target version of Kubernetes no longer serves.
    ///
    /// The target is `--kubernetes-version`.
    ///
    /// ## Why
    /// The API server answers "no matches for kind". Nothing of the manifest reaches the cluster: no
    /// rollout, no rollback, no fix at 3 AM. A Helm release that holds such an object cannot even be
    /// upgraded away from it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1beta1 # finding
    /// kind: Ingress
    /// metadata:
    ///   name: shop
    /// spec:
    ///   backend:
    ///     serviceName: shop
    ///     servicePort: 80
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: shop
    /// spec:
    ///   defaultBackend:
    ///     service:
    ///       name: shop
    ///       port:
    ///         number: 80
    /// ```
    "api-version-removed" {
        summary: "apiVersion is no longer served",
        help: "write the version that replaces it; fields may have moved",
        category: Category::Manifest,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
