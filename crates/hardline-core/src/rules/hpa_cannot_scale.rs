use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::tree::Value;

declare_rule! {
    /// Flags a `HorizontalPodAutoscaler` with `maxReplicas` no higher than `minReplicas`.
    ///
    /// ## Why
    /// It costs the same and scales nothing: under load the service has the pods that it always had. With
    /// a maximum below the minimum the API server refuses it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   scaleTargetRef:
    ///     apiVersion: apps/v1
    ///     kind: Deployment
    ///     name: checkout
    ///   minReplicas: 2
    ///   maxReplicas: 2 # finding
    ///   metrics:
    ///     - type: Resource
    ///       resource:
    ///         name: cpu
    ///         target: {type: Utilization, averageUtilization: 70}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   scaleTargetRef:
    ///     apiVersion: apps/v1
    ///     kind: Deployment
    ///     name: checkout
    ///   minReplicas: 2
    ///   maxReplicas: 10
    ///   metrics:
    ///     - type: Resource
    ///       resource:
    ///         name: cpu
    ///         target: {type: Utilization, averageUtilization: 70}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    "hpa-cannot-scale" {
        summary: "autoscaler has no room to scale",
        help: "raise `maxReplicas`, or remove the autoscaler and set `replicas`",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::HorizontalPodAutoscaler], check),
        cel: Some(Cel::flags("object.spec.maxReplicas <= object.spec.?minReplicas.orValue(1)")),
    }
}

fn check(autoscaler: &Resource, sink: &mut Sink<'_>) {
    let least = scale::least(autoscaler);
    let Some(most) = autoscaler.spec("maxReplicas").and_then(Value::int) else { return };
    if most <= least {
        let message = format!("`maxReplicas` {most} leaves no room above `minReplicas` {least}");
        sink.report(FieldPath::of(&["spec", "maxReplicas"]), message);
    }
}
