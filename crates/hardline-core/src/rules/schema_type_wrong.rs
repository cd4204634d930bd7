use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a value whose type is not the field's: a number where a string must be, a map for a list.
    ///
    /// The schema is that of the target version of Kubernetes (`--kubernetes-version`), or of the
    /// `CustomResourceDefinition` in the input. YAML decides the type: `on`, `yes` and `no` without
    /// quotes are booleans to Kubernetes, `8080` is a number.
    ///
    /// ## Why
    /// The API server cannot decode the object and refuses all of it. What was meant to run does not,
    /// and what ran before stays.
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
    ///       env:
    ///         - name: CACHE
    ///           value: on # finding
    ///         - name: PORT
    ///           value: 8080 # finding
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
    ///       env:
    ///         - name: CACHE
    ///           value: "on"
    ///         - name: PORT
    ///           value: "8080"
    /// ```
    "schema-type-wrong" {
        summary: "value has the wrong type",
        help: "write a value of the type that the field has",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
