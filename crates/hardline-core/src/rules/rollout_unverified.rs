use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Probe, Purpose};
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags controllers of pods that no Service selects, where neither a readiness probe nor
    /// `minReadySeconds` holds a rollout back.
    ///
    /// Pods that a Service selects are the matter of `probe-readiness-missing`.
    ///
    /// ## Why
    /// A pod without the probe is available the moment its process starts. A worker that cannot reach its
    /// queue with the new configuration, or dies after ten seconds, so replaces all good ones within a minute, and
    /// the rollout reports success.
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
    ///   name: worker
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: worker}
    ///   template:
    ///     metadata:
    ///       labels: {app: worker}
    ///     spec:
    ///       containers:
    ///         - name: worker # finding
    ///           image: example.com/worker:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: worker
    /// spec:
    ///   minReadySeconds: 30
    ///   selector:
    ///     matchLabels: {app: worker}
    ///   template:
    ///     metadata:
    ///       labels: {app: worker}
    ///     spec:
    ///       containers:
    ///         - name: worker
    ///           image: example.com/worker:1.4
    /// ```
    "rollout-unverified" {
        summary: "nothing tells whether a new version works",
        help: "add a `readinessProbe`, or `minReadySeconds` longer than a bad version lives",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let rolls = matches!(workload.kind(), Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Other);
    let waits = workload.resource.spec("minReadySeconds").and_then(Value::int).is_some_and(|seconds| seconds > 0);
    let probed = |container: Container<'_>| Probe::of(&container, Purpose::Readiness).is_some();
    if !rolls
        || waits
        || workload.containers().any(probed)
        || sink.inventory().selecting(Kind::Service, workload).next().is_some()
        || !sink.covers(Kind::Service, workload.resource.namespace())
    {
        return;
    }
    let Some(container) = workload.containers().find(Container::is_long_running) else { return };
    let message = format!("a new version counts as good as soon as `{}` starts", container.name());
    sink.report(container.path().key("readinessProbe"), message);
}
