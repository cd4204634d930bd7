use serde_json::json;

use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::edit::Safety;
use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::namespace;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags namespaces without a `LimitRange`, at the `Namespace` or, where that is not part of
    /// the input, at the namespace's first workload. Kubernetes' own `kube-*` namespaces are left
    /// out.
    ///
    /// ## Why
    /// A `LimitRange` gives requests and limits to pods that state none: the debugging pod of
    /// the last incident, the Job that an operator creates. Where a `ResourceQuota` counts CPU or
    /// memory, the API server refuses such pods without it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: v1
    /// kind: LimitRange
    /// metadata:
    ///   name: defaults
    ///   namespace: shop
    /// spec:
    ///   limits:
    ///     - type: Container
    ///       defaultRequest: {cpu: 100m, memory: 128Mi}
    ///       default: {memory: 128Mi}
    /// ```
    "limit-range-missing" {
        summary: "namespace has no LimitRange",
        help: "add a `LimitRange` with defaults for containers that state no requests or limits",
        category: Category::Capacity,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    if let Some(subject) = namespace::represented_by(resource, sink.inventory())
        && sink.covers(Kind::LimitRange, Some(subject.name))
        && sink.inventory().of_kind(Kind::LimitRange, Some(subject.name)).next().is_none()
    {
        let changes_nothing = states_all(sink.inventory(), subject.name);
        let finding = sink.report(subject.path, format!("namespace `{}` has no LimitRange", subject.name));
        if changes_nothing {
            let range = json!({
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "defaults", "namespace": subject.name},
                "spec": {"limits": [{
                    "type": "Container",
                    "defaultRequest": {"cpu": "100m", "memory": "128Mi"},
                    "default": {"memory": "128Mi"},
                }]},
            });
            finding.companion(Safety::Unsafe, "add a LimitRange with defaults for pods that state nothing", range);
        }
    }
}

/// Whether all containers of a namespace state what a `LimitRange` would fill in.
fn states_all(inventory: &Inventory, namespace: &str) -> bool {
    let stated =
        [(Bound::Request, Dimension::Cpu), (Bound::Request, Dimension::Memory), (Bound::Limit, Dimension::Memory)];
    let is_complete = |container: Container<'_>| {
        stated.into_iter().all(|(bound, dimension)| {
            let limit = demand::written(&container, Bound::Limit, dimension);
            demand::written(&container, bound, dimension).or(limit).is_some()
        })
    };
    inventory.workloads_in(Some(namespace)).flat_map(|workload: Workload<'_>| workload.containers()).all(is_complete)
}
