use serde_json::{Map, Value as Json, json};

use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::edit::Safety;
use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::namespace;
use crate::quantity::Quantity;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::workload::Workload;

declare_rule! {
    /// Flags namespaces without a `ResourceQuota`, at the `Namespace` or, where that is not part
    /// of the input, at the namespace's first workload. Kubernetes' own `kube-*` namespaces are
    /// left out.
    ///
    /// ## Why
    /// Without a quota, one runaway autoscaler or one mistyped replica count takes the whole
    /// cluster: the pods of all other namespaces stay pending, and the on-call engineer looks for
    /// the fault in every place but the one that ate the nodes.
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
    /// kind: ResourceQuota
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   hard:
    ///     requests.cpu: "8"
    ///     requests.memory: 16Gi
    ///     limits.memory: 16Gi
    /// ```
    "quota-missing" {
        summary: "namespace has no ResourceQuota",
        help: "add a `ResourceQuota` that bounds `requests.cpu`, `requests.memory` and `limits.memory`",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    if let Some(subject) = namespace::represented_by(resource, sink.inventory())
        && sink.covers(Kind::ResourceQuota, Some(subject.name))
        && sink.inventory().of_kind(Kind::ResourceQuota, Some(subject.name)).next().is_none()
    {
        let hard = ample(sink.inventory(), subject.name);
        let finding = sink.report(subject.path, format!("namespace `{}` has no ResourceQuota", subject.name));
        if let Some(hard) = hard {
            let quota = json!({
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": subject.name, "namespace": subject.name},
                "spec": {"hard": hard},
            });
            let title = "add a ResourceQuota of twice what the workloads here demand at the most";
            finding.companion(Safety::Unsafe, title, quota);
        }
    }
}

/// Twice what the workloads of a namespace demand at the most, requests as high as their limits; None
/// where that is not known of all of them, such as of a `DaemonSet`, or where one states no demand and
/// the quota would refuse it.
fn ample(inventory: &Inventory, namespace: &str) -> Option<Map<String, Json>> {
    let workloads = || inventory.workloads_in(Some(namespace));
    workloads().next()?;
    let keys = [
        ("requests.cpu", Bound::Request, Dimension::Cpu),
        ("requests.memory", Bound::Request, Dimension::Memory),
        ("limits.memory", Bound::Limit, Dimension::Memory),
    ];
    let hard = keys.into_iter().map(|(key, bound, dimension)| {
        let of_one = |workload: Workload<'_>| {
            let is_bounded = |container| demand::effective(&container, bound, dimension, inventory).is_some();
            if !workload.containers().all(is_bounded) {
                return None;
            }
            let of_pod = |bound| demand::of_pod(&workload, bound, dimension, inventory);
            let pods = if workload.kind() == Kind::Pod { 1 } else { scale::most(inventory, &workload)?.max(1) };
            Some(of_pod(bound).max(of_pod(Bound::Limit))?.times(pods.saturating_mul(2)))
        };
        let each: Option<Vec<Quantity>> = workloads().map(of_one).collect();
        let total = each?.into_iter().reduce(Quantity::plus)?;
        Some((key.to_owned(), total.to_string().into()))
    });
    hard.collect()
}
