use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::workload::Workload;

declare_rule! {
    /// Flags Deployments and StatefulSets that run one pod.
    ///
    /// The count is `spec.replicas`, or the least that an autoscaler allows.
    ///
    /// ## Why
    /// One pod is one node. When that node reboots, the service is down until the pod was scheduled, its
    /// image pulled and the process started: minutes, during which everybody who depends on it is down too.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 1 # finding
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
    "replicas-single" {
        summary: "service runs as a single pod",
        help: "set `replicas` to two at least",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let counts = scale::is_replicated(workload);
    let inventory = sink.inventory();
    if !counts || scale::replicas(inventory, workload) != Some(1) {
        return;
    }
    match scale::autoscaler(inventory, workload) {
        None => sink.report(FieldPath::of(&["spec", "replicas"]), "one pod is all there is"),
        Some(autoscaler) => sink
            .report(FieldPath::of(&["spec", "replicas"]), "the autoscaler may leave one pod")
            .evidence(autoscaler, FieldPath::of(&["spec", "minReplicas"]), "the least that it keeps"),
    };
}
