use crate::declare_rule;
use crate::disruption;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::tree::Value;

declare_rule! {
    /// Flags a `PodDisruptionBudget` that never lets a pod be evicted.
    ///
    /// The pods are counted by `spec.replicas` of the workloads that it selects, or by the least
    /// that their autoscaler allows. Percentages are rounded up, as the disruption controller does.
    ///
    /// ## Why
    /// A drain waits for an eviction that is never allowed. The upgrade of the nodes stops in the
    /// night, the node that should be replaced stays, and in the end somebody forces the drain and
    /// kills the very pod that the budget was to protect.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   minAvailable: 1 # finding
    ///   selector:
    ///     matchLabels: {app: checkout}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 1
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: cart
    ///   namespace: shop
    /// spec:
    ///   maxUnavailable: 0% # finding
    ///   selector:
    ///     matchLabels: {app: cart}
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels: {app: checkout}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 2
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
    "pdb-blocks-drain" {
        summary: "disruption budget never allows an eviction",
        help: "run at least two pods and allow one to go by `maxUnavailable: 1`",
        category: Category::Availability,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::PodDisruptionBudget], check),
    }
}

fn check(budget: &Resource, sink: &mut Sink<'_>) {
    let field = ["maxUnavailable", "minAvailable"].into_iter().find(|field| budget.spec(field).is_some());
    let value = field.and_then(|field| budget.spec(field)).map(Value::raw).unwrap_or_default();
    let path = FieldPath::of(&["spec"]);
    let Some(field) = field else {
        // A budget without a selector guards nothing.
        if budget.spec("selector").is_none_or(Value::is_null) {
            return;
        }
        sink.report(path, "neither `maxUnavailable` nor `minAvailable` is set, so that no pod may be evicted");
        return;
    };
    let path = path.key(field);
    if disruption::is_closed(budget) {
        sink.report(path, format!("`{field}: {value}` never allows an eviction"));
        return;
    }
    let inventory = sink.inventory();
    let guarded: Vec<_> = disruption::guarded(inventory, budget).collect();
    let mut counts = guarded.iter().map(|workload| match workload.kind() {
        Kind::Pod => Some(1),
        _ => scale::replicas(inventory, workload),
    });
    // Pods of other kinds, such as a DaemonSet's, are not counted by a drain.
    let Some(expected) =
        counts.try_fold(0, |sum: i64, count| Some(sum.saturating_add(count?))).filter(|&pods| pods > 0)
    else {
        return;
    };
    if disruption::allowed(budget, expected) == Some(0) {
        let pods = if expected == 1 { "pod" } else { "pods" };
        let finding = sink.report(path, format!("`{field}: {value}` of {expected} {pods} never allows an eviction"));
        for workload in guarded {
            let message = format!("the count of {} {}", workload.resource.kind_name(), workload.resource.name());
            finding.evidence(workload.resource, FieldPath::of(&["spec", "replicas"]), message);
        }
    }
}
