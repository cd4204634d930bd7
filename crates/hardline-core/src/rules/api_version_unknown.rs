use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags an `apiVersion` and kind that the target version of Kubernetes does not know.
    ///
    /// That is a kind in the wrong group or version, a misspelt kind, a version that a later release of
    /// Kubernetes brings, or one that the `CustomResourceDefinition` in the input does not serve.
    ///
    /// ## Why
    /// The API server answers "no matches for kind", and a pipeline that applies many files often goes
    /// on with the rest: half a release runs.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: extensions/v1 # finding
    /// kind: Deployment
    /// metadata:
    ///   name: shop
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: shop
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: shop
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: shop
    ///     spec:
    ///       containers:
    ///         - name: shop
    ///           image: example.com/shop:1.4
    /// ```
    "api-version-unknown" {
        summary: "apiVersion and kind are not served",
        help: "correct the `apiVersion` or the `kind`",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
