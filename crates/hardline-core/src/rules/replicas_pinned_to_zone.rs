use crate::declare_rule;
use crate::finding::Sink;
use crate::placement;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads of several pods that may all run in one zone only: by a selector or a required
    /// affinity for one `topology.kubernetes.io/zone`.
    ///
    /// A set of workloads with one for each zone is better written as one workload with spread
    /// constraints; where it is meant, exempt it.
    ///
    /// ## Why
    /// The replicas are there to survive a loss, and the loss of the zone takes all of them.
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
    ///       labels: {app: checkout}
    ///     spec:
    ///       affinity:
    ///         nodeAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///             nodeSelectorTerms:
    ///               - matchExpressions:
    ///                   - key: topology.kubernetes.io/zone
    ///                     operator: In
    ///                     values: [eu-west-1a] # finding
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
    /// spec:
    ///   replicas: 3
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       affinity:
    ///         nodeAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///             nodeSelectorTerms:
    ///               - matchExpressions:
    ///                   - key: topology.kubernetes.io/zone
    ///                     operator: In
    ///                     values: [eu-west-1a, eu-west-1b]
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    "replicas-pinned-to-zone" {
        summary: "all replicas run in one zone",
        help: "allow several zones, and spread the pods over them with `topologySpreadConstraints`",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let counts = scale::is_replicated(workload);
    let Some((path, zone)) = placement::only(workload, placement::ZONE).filter(|_| counts) else { return };
    if let Some(replicas) = scale::replicas(sink.inventory(), workload).filter(|&replicas| replicas > 1) {
        sink.report(path, format!("all {replicas} pods run in zone `{zone}`"));
    }
}
