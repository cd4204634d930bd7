use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that set `replicas` although an autoscaler sets it too.
    ///
    /// ## Why
    /// Each apply of the manifest sets the count back. A release in the rush hour takes the service from
    /// twenty pods to three, and the autoscaler needs minutes to find out.
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
    ///   replicas: 3 # finding
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
    "replicas-owned-by-hpa" {
        summary: "`replicas` is set beside an autoscaler",
        help: "remove `replicas`; the autoscaler keeps the count",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let Some(replicas) = workload.resource.spec("replicas").and_then(Value::int).filter(|&replicas| replicas > 0)
    else {
        return;
    };
    if let Some(autoscaler) = scale::autoscaler(sink.inventory(), workload) {
        let message = format!("`replicas: {replicas}` undoes what autoscaler `{}` has set", autoscaler.name());
        let finding = sink.report(FieldPath::of(&["spec", "replicas"]), message);
        finding.evidence(autoscaler, FieldPath::of(&["spec", "scaleTargetRef"]), "targets this workload");
    }
}
