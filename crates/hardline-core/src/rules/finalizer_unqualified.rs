use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::Resource;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags finalizers without a domain, such as `cleanup` instead of `example.com/cleanup`.
    /// `orphan`, `foregroundDeletion` and `kubernetes` are Kubernetes' own.
    ///
    /// ## Why
    /// The API server refuses them on built-in kinds. On custom ones it takes them, and two
    /// controllers that chose the same word remove each other's: what one of them had to clean
    /// up stays, or the object stays in `Terminating` for ever.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: settings
    ///   finalizers:
    ///     - cleanup # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: settings
    ///   finalizers:
    ///     - example.com/cleanup
    /// ```
    "finalizer-unqualified" {
        summary: "finalizer has no domain",
        help: "name the finalizer by the domain of its controller, such as `example.com/cleanup`",
        category: Category::Reference,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

/// As `ValidateFinalizerName` in `pkg/apis/core/validation` knows them.
const STANDARD: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let Some(finalizers) = resource.value().at(&["metadata", "finalizers"]) else { return };
    for (index, finalizer) in finalizers.items().enumerate() {
        if let Some(name) = finalizer.str().filter(|name| !name.contains('/') && !STANDARD.contains(name)) {
            let path = FieldPath::of(&["metadata", "finalizers"]).index(index);
            sink.report(path, format!("finalizer `{name}` does not say whose it is"));
        }
    }
}
