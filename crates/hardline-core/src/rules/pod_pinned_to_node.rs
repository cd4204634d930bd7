use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::placement;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags controllers whose pods may run on one node only: by `nodeName`, or by a selector or a
    /// required affinity for one `kubernetes.io/hostname`. Pods and DaemonSets are left out.
    ///
    /// ## Why
    /// When the node is gone, or drained for its upgrade, the pods have nowhere to go and stay pending
    /// until somebody edits the manifest. `nodeName` does not even ask the scheduler: on a full node the
    /// kubelet refuses the pod, and the controller makes the next, thousands of them.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: cache
    /// spec:
    ///   selector:
    ///     matchLabels: {app: cache}
    ///   template:
    ///     metadata:
    ///       labels: {app: cache}
    ///     spec:
    ///       nodeSelector:
    ///         kubernetes.io/hostname: node-7 # finding
    ///       containers:
    ///         - name: cache
    ///           image: example.com/cache:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: cache
    /// spec:
    ///   selector:
    ///     matchLabels: {app: cache}
    ///   template:
    ///     metadata:
    ///       labels: {app: cache}
    ///     spec:
    ///       nodeSelector:
    ///         node.example.com/disk: fast
    ///       containers:
    ///         - name: cache
    ///           image: example.com/cache:1.4
    /// ```
    "pod-pinned-to-node" {
        summary: "pod may run on one node only",
        help: "select nodes by a label that several have; data on one node's disk is bound by its volume",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
        cel: Some(Cel::flags("!(object.kind in ['Pod', 'DaemonSet', 'PodTemplate']) && !has(object.metadata.ownerReferences) && (pod.?nodeName.orValue('') != '' || 'kubernetes.io/hostname' in pod.?nodeSelector.orValue({}) || [pod.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])].exists(terms, terms.size() == 1 && terms[0].?matchExpressions.orValue([]).exists(expression, expression.key == 'kubernetes.io/hostname' && expression.operator == 'In' && expression.?values.orValue([]).size() == 1)))")),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if matches!(workload.kind(), Kind::Pod | Kind::DaemonSet | Kind::PodTemplate) {
        return;
    }
    // A controller's template says it; what a controller made repeats it.
    if workload.resource.value().at(&["metadata", "ownerReferences"]).is_some() {
        return;
    }
    if let Some(node) = workload.pod("nodeName").and_then(Value::str).filter(|name| !name.is_empty()) {
        sink.report(workload.pod_path().key("nodeName"), format!("the pods run on node `{node}` and nowhere else"));
    } else if let Some((path, node)) = placement::only(workload, placement::HOSTNAME) {
        sink.report(path, format!("the pods run on node `{node}` and nowhere else"));
    }
}
