use serde_json::json;

use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::selector::Selector;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads of more than one pod that ask for no spread: neither `topologySpreadConstraints`
    /// nor anti-affinity to their own pods. Anti-affinity to the pods of other namespaces is none.
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
    let counts = scale::is_replicated(workload);
    let Some(replicas) = scale::replicas(sink.inventory(), workload).filter(|&replicas| counts && replicas > 1) else {
        return;
    };
    let is_constrained = workload.pod("topologySpreadConstraints").is_some_and(|all| all.items().next().is_some());
    if !is_constrained && !avoids_itself(workload) {
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

/// Whether the pods prefer or require to keep apart from pods of their own namespace and labels.
fn avoids_itself(workload: &Workload<'_>) -> bool {
    let Some(all) = workload.pod("affinity").and_then(|affinity| affinity.get("podAntiAffinity")) else { return false };
    let terms = |key| all.get(key).into_iter().flat_map(Value::items);
    let required = terms("requiredDuringSchedulingIgnoredDuringExecution");
    let preferred = terms("preferredDuringSchedulingIgnoredDuringExecution");
    let preferred = preferred.filter_map(|weighted| weighted.get("podAffinityTerm"));
    required.chain(preferred).any(|term| {
        let namespaces = term.get("namespaces").into_iter().flat_map(Value::items).filter_map(Value::str);
        let own = workload.resource.namespace();
        let mut others = namespaces.map(|name| Some(name) != own).peekable();
        let elsewhere = term.get("namespaceSelector").is_none()
            && own.is_some()
            && others.peek().is_some()
            && others.all(|other| other);
        !elsewhere && Selector::of(term.get("labelSelector")).matches(workload.pod_labels())
    })
}
