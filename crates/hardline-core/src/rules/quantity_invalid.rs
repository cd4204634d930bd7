use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags amounts, such as requests, limits, quotas and sizes of volumes, that are no quantity, or
    /// less than nothing.
    ///
    /// ## Why
    /// The API server refuses the whole object. In a chart or an overlay, the mistake shows up
    /// only when somebody deploys, which may be the fix for an incident.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 256mb # finding
    ///         limits:
    ///           memory: 1 Gi # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 256Mi
    ///         limits:
    ///           memory: 1Gi
    /// ```
    "quantity-invalid" {
        summary: "amount is no quantity",
        help: "write a number and one of m, k, M, G, T, Ki, Mi, Gi, Ti without a space between them",
        category: Category::Capacity,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
