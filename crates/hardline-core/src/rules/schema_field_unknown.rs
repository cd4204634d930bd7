use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a field that the type does not have.
    ///
    /// The schema is that of the target version of Kubernetes (`--kubernetes-version`), or of the
    /// `CustomResourceDefinition` in the input.
    ///
    /// ## Why
    /// `kubectl apply` refuses the object, since its validation is strict. Other clients, Helm and most
    /// operators among them, drop the field without a word: the probe, the limit or the security
    /// context that was written is not there, and nobody knows until it is needed.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       livenessprobe: # finding
    ///         tcpSocket:
    ///           port: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       livenessProbe:
    ///         tcpSocket:
    ///           port: 8080
    /// ```
    "schema-field-unknown" {
        summary: "field does not exist",
        help: "correct or remove the field",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
