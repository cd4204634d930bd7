use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::scale::{self, Round};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags Deployments of several pods whose rollout takes all of them down at once: by
    /// `strategy.type: Recreate`, or by a `maxUnavailable` that covers them all.
    ///
    /// ## Why
    /// Each release is an outage, as long as the start of the slowest pod, or for good when the new image
    /// does not start at all.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 3
    ///   strategy:
    ///     type: RollingUpdate
    ///     rollingUpdate:
    ///       maxUnavailable: 100% # finding
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
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 3
    ///   strategy:
    ///     type: RollingUpdate
    ///     rollingUpdate:
    ///       maxUnavailable: 1
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
    "rollout-stops-all" {
        summary: "rollout takes all pods down at once",
        help: "use `RollingUpdate` with `maxUnavailable` below the number of pods",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let Some(strategy) = workload.resource.spec("strategy") else { return };
    let Some(replicas) = scale::replicas(sink.inventory(), workload).filter(|&replicas| replicas > 1) else { return };
    if workload.kind() != Kind::Deployment {
        return;
    }
    let path = FieldPath::of(&["spec", "strategy"]);
    if strategy.get("type").and_then(Value::str) == Some("Recreate") {
        sink.report(path.key("type"), format!("`Recreate` stops all {replicas} pods before it starts new ones"));
        return;
    }
    // The Deployment controller rounds down, `ResolveFenceposts` in `pkg/controller/deployment/util`.
    let Some(most) = strategy.at(&["rollingUpdate", "maxUnavailable"]) else { return };
    if scale::scaled(most, replicas, Round::Down).is_some_and(|pods| pods >= replicas) {
        let message = format!("`maxUnavailable: {}` lets all {replicas} pods stop at once", most.raw());
        sink.report(path.keys(&["rollingUpdate", "maxUnavailable"]), message);
    }
}
