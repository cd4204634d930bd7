use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that say `namespace: default`. Manifests that name no namespace are left to
    /// who applies them.
    ///
    /// ## Why
    /// The namespace `default` is where everything lands that forgot to say where it belongs. It
    /// cannot be deleted, and quotas, network policies and roles for it hold for all that is there by
    /// accident.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    ///   namespace: default # finding
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    "namespace-default" {
        summary: "workload is in the namespace `default`",
        help: "give the application a namespace of its own",
        category: Category::Manifest,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Workload(check),
        cel: Some(Cel::flags("object.metadata.?namespace.orValue('') == 'default'")),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if workload.resource.value().at(&["metadata", "namespace"]).and_then(Value::str) == Some("default") {
        sink.report(
            FieldPath::of(&["metadata", "namespace"]),
            "the namespace `default` is shared by all that name none",
        );
    }
}
