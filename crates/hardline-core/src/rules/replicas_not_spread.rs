use serde_json::json;

use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads of more than one pod that ask for no spread: neither `topologySpreadConstraints`
    /// nor pod anti-affinity.
    ///
    /// ## Why
    /// The scheduler may put all replicas on one node or into one zone. It does so just when the cluster
    /// is tight, and then one node takes the service down.
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
    ///     spec: # finding
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
    ///       topologySpreadConstraints:
    ///         - maxSkew: 1
    ///           topologyKey: topology.kubernetes.io/zone
    ///           whenUnsatisfiable: ScheduleAnyway
    ///           labelSelector:
    ///             matchLabels: {app: checkout}
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    "replicas-not-spread" {
        summary: "replicas are not spread over nodes or zones",
        help: "add `topologySpreadConstraints` over zone and node",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let counts = matches!(workload.kind(), Kind::Deployment | Kind::StatefulSet | Kind::Other);
    let Some(replicas) = scale::replicas(sink.inventory(), workload).filter(|&replicas| counts && replicas > 1) else {
        return;
    };
    let is_filled = |value: Value<'_>| value.items().next().is_some() || value.entries().next().is_some();
    let constraints = workload.pod("topologySpreadConstraints");
    let anti_affinity = workload.pod("affinity").and_then(|affinity| affinity.get("podAntiAffinity"));
    if ![constraints, anti_affinity].into_iter().flatten().any(is_filled) {
        let path = workload.pod_path().key("topologySpreadConstraints");
        let finding = sink.report(path.clone(), format!("nothing keeps the {replicas} pods from sharing one node"));
        if let Some(selector) = workload.resource.spec("selector").filter(|_| workload.kind() != Kind::Other) {
            let spread = json!({
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector.to_json(),
            });
            // The scheduler prefers it and never insists: no pod that ran before stays pending. It
            // stands in for the defaults of the scheduler, which may be others in this cluster.
            finding.fix(
                Safety::Unsafe,
                "spread the pods over nodes where it can be",
                vec![Edit::set(path, json!([spread]))],
            );
        }
    }
}
