use serde_json::{Value as Json, json};

use crate::declare_rule;
use crate::disruption;
use crate::edit::Safety;
use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::selector::Selector;
use crate::workload::Workload;

declare_rule! {
    /// Flags Deployments and StatefulSets of more than one pod that no `PodDisruptionBudget` selects.
    ///
    /// The count is `spec.replicas`, or the least that an autoscaler allows.
    ///
    /// ## Why
    /// Without a budget, whoever drains nodes may evict all pods of a service at once: the upgrade
    /// of a node pool empties two nodes in the same minute, both replicas happen to be there, and
    /// the service is gone until new ones are ready. The replicas were paid for and did not help.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 2 # finding
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
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
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
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels: {app: checkout}
    /// ```
    "pdb-missing" {
        summary: "no disruption budget guards the replicas",
        help: "add a PodDisruptionBudget with `maxUnavailable: 1` that selects these pods",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if !scale::is_replicated(workload) {
        return;
    }
    let inventory = sink.inventory();
    let replicas = scale::replicas(inventory, workload).unwrap_or(0);
    if replicas < 2
        || disruption::guarding(inventory, workload).next().is_some()
        || !sink.covers(Kind::PodDisruptionBudget, workload.resource.namespace())
    {
        return;
    }
    let message = format!("no PodDisruptionBudget selects the {replicas} pods, so that a drain may evict all at once");
    let finding = sink.report(FieldPath::of(&["spec", "replicas"]), message);
    if let Some(budget) = budget(workload, inventory) {
        finding.companion(Safety::Safe, "add a PodDisruptionBudget with `maxUnavailable: 1`", budget);
    }
    if let Some(autoscaler) = scale::autoscaler(inventory, workload) {
        finding.evidence(autoscaler, FieldPath::of(&["spec", "minReplicas"]), "the autoscaler keeps at least so many");
    }
}

/// A budget that lets a drain evict one pod after the other, also those that are not ready: it
/// never stops a drain. None where its selector would select other pods as well, whose budgets it
/// would overlap.
fn budget(workload: &Workload<'_>, inventory: &Inventory) -> Option<Json> {
    let resource = workload.resource;
    let selector = resource.spec("selector")?;
    if inventory.selected(resource.namespace(), Selector::of(Some(selector))).count() != 1 {
        return None;
    }
    let selector = selector.to_json();
    let mut metadata = json!({"name": resource.name()});
    if let Some(namespace) = resource.value().at(&["metadata", "namespace"]) {
        metadata["namespace"] = namespace.to_json();
    }
    Some(json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector},
    }))
}
