use crate::declare_rule;
use crate::disruption;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads whose pods more than one `PodDisruptionBudget` selects.
    ///
    /// ## Why
    /// The eviction API refuses a pod with two budgets with an error, always. No node that runs
    /// such a pod can be drained, and the message names neither budget.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   replicas: 3
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout, tier: web} # finding
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels: {app: checkout}
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: web
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels: {tier: web}
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   replicas: 3
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout, tier: web}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels: {app: checkout}
    /// ```
    "pdb-overlaps" {
        summary: "more than one disruption budget selects the pods",
        help: "keep one PodDisruptionBudget for these pods",
        category: Category::Availability,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let mut budgets: Vec<_> = disruption::guarding(inventory, workload).collect();
    // The same budget in the base and in an overlay is one.
    budgets.sort_by_key(|budget| budget.name());
    budgets.dedup_by_key(|budget| budget.name());
    if budgets.len() < 2 {
        return;
    }
    let names: Vec<String> = budgets.iter().map(|budget| format!("`{}`", budget.name())).collect();
    let path = workload.template_path().keys(&["metadata", "labels"]);
    let finding = sink.report(path, format!("the PodDisruptionBudgets {} select the same pods", names.join(" and ")));
    for budget in budgets {
        finding.evidence(budget, FieldPath::of(&["spec", "selector"]), "selects these pods");
    }
}
