use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selection;
use crate::selector::Selector;

declare_rule! {
    /// Flags a `PodDisruptionBudget` whose selector matches the pods of no workload.
    ///
    /// It is claimed where all workloads of the namespace are known, or where a workload of the budget's
    /// own name has other labels.
    ///
    /// ## Why
    /// The budget looks like protection and is none. The next drain evicts all replicas at once, as if it
    /// were not there.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: # finding
    ///     matchLabels: {app: check-out}
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
    "pdb-selects-nothing" {
        summary: "disruption budget selects no pod",
        help: "use the labels of the pods that the budget is for",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::PodDisruptionBudget], check),
    }
}

fn check(budget: &Resource, sink: &mut Sink<'_>) {
    let selector = Selector::of(budget.spec("selector"));
    if budget.spec("selector").is_some() && selection::selects_nothing(budget, selector, sink) {
        sink.report(FieldPath::of(&["spec", "selector"]), "no workload's pods are selected");
    }
}
