use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags an object without a field that the API server demands.
    ///
    /// The schema is that of the target version of Kubernetes (`--kubernetes-version`), or of the
    /// `CustomResourceDefinition` in the input.
    ///
    /// ## Why
    /// The API server refuses the whole object. What was meant to run does not, and what ran before
    /// stays.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    /// spec:
    ///   selector:
    ///     app: shop
    ///   ports:
    ///     - name: http # finding
    ///       targetPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    /// spec:
    ///   selector:
    ///     app: shop
    ///   ports:
    ///     - name: http
    ///       port: 80
    ///       targetPort: 8080
    /// ```
    "schema-field-required-missing" {
        summary: "required field is missing",
        help: "add the field",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
