use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::workload::Workload;

declare_rule! {
    /// Flags Deployments and StatefulSets that run one pod.
    ///
    /// The count is `spec.replicas`, or the least that an autoscaler allows. Where the autoscaler's
    /// workload is not known, the autoscaler itself is flagged.
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
        check: Check::Resource(&scale::COUNTED, check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let Some((1, path)) = scale::kept(inventory, resource) else { return };
    let autoscaler = Workload::of(resource).and_then(|workload| scale::autoscaler(inventory, &workload));
    match autoscaler {
        _ if resource.kind() == Kind::HorizontalPodAutoscaler => sink.report(path, "may leave one pod"),
        None => sink.report(path, "one pod is all there is"),
        Some(autoscaler) => sink.report(path, "the autoscaler may leave one pod").evidence(
            autoscaler,
            FieldPath::of(&["spec", "minReplicas"]),
            "the least that it keeps",
        ),
    };
}
