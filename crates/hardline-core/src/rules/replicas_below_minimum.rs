use crate::declare_rule;
use crate::finding::Sink;
use crate::resource::Resource;
use crate::rule::{Category, Check, Severity};
use crate::scale;

declare_rule! {
    /// Flags Deployments, StatefulSets and autoscalers that keep fewer pods than the configuration asks for.
    ///
    /// Nothing is flagged until a number is set; a single pod is the matter of `replicas-single`.
    ///
    /// ## Why
    /// With two pods the drain of one node leaves a single one: whatever else fails in that minute is an
    /// outage. How many it takes, a team knows; that every service has so many, nobody checks by hand.
    ///
    /// ## Settings
    /// `settings.minimumReplicas` is the least number of pods that a service keeps.
    /// ```yaml settings
    /// settings:
    ///   minimumReplicas: 3
    /// ```
    ///
    /// ## Bad
    /// ```yaml bad
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
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 3
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
    "replicas-below-minimum" {
        summary: "service keeps fewer pods than asked for",
        help: "keep at least `settings.minimumReplicas` pods",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&scale::COUNTED, check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let Some(minimum) = sink.settings().minimum_replicas else { return };
    let Some((least, path)) = scale::kept(sink.inventory(), resource) else { return };
    // Nobody means a service that is switched off, and a single pod is reported by its own rule.
    if (2..minimum).contains(&least) {
        sink.report(path, format!("keeps {least} pods, and at least {minimum} are asked for"));
    }
}
