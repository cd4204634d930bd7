use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a `HorizontalPodAutoscaler` whose target does not exist.
    ///
    /// ## Why
    /// Nothing scales. The workload that it was written for runs with the count it had, and the first
    /// peak finds out.
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
    ///     name: check-out # finding
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
    "hpa-target-missing" {
        summary: "autoscaler targets a workload that does not exist",
        help: "use the kind and the name of the workload that is to be scaled",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::HorizontalPodAutoscaler], check),
    }
}

fn check(autoscaler: &Resource, sink: &mut Sink<'_>) {
    let Some(target) = autoscaler.spec("scaleTargetRef") else { return };
    let field = |key| target.get(key).and_then(Value::str).unwrap_or_default();
    let (version, kind_name, name) = (field("apiVersion"), field("kind"), field("name"));
    let kind = Kind::of(version.rsplit_once('/').map_or("", |(group, _)| group), kind_name);
    let scalable =
        matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::ReplicationController);
    let namespace = autoscaler.namespace();
    if scalable
        && !name.is_empty()
        && sink.inventory().find(kind, namespace, name).is_none()
        && sink.covers(kind, namespace)
    {
        let path = FieldPath::of(&["spec", "scaleTargetRef", "name"]);
        sink.report(path, format!("{kind} `{name}` does not exist"));
    }
}
