use crate::cel::Cel;
use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags containers with no memory request: neither their own, nor one implied by a memory
    /// limit, by `spec.resources` of the pod or by a `LimitRange` of the namespace.
    ///
    /// Init containers that run to their end are left out; sidecars count.
    ///
    /// ## Why
    /// The scheduler counts such a container as using no memory at all, and places it on nodes
    /// that have none left. When the node then runs short, the kubelet first evicts the pods that
    /// use more than they requested. Without a request, that is this pod, at the hour of the
    /// highest load.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           resources:
    ///             requests: # finding
    ///               cpu: 500m
    /// ```
    /// ## Good
    /// A limit without a request is a request as well.
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           resources:
    ///             requests:
    ///               cpu: 500m
    ///             limits:
    ///               memory: 512Mi
    /// ```
    "memory-request-missing" {
        summary: "container requests no memory",
        help: "set `requests.memory` and `limits.memory` to what the container needs at its peak",
        category: Category::Capacity,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!container.?resources.?requests.?memory.hasValue() && \
             !pod.?resources.?requests.?memory.hasValue() && \
             !container.?resources.?limits.?memory.hasValue() && \
             !pod.?resources.?limits.?memory.hasValue()",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if !container.is_long_running() || !demand::is_absent(container, Bound::Request, Dimension::Memory, sink) {
        return;
    }
    let path = demand::path(container, Bound::Request, Dimension::Memory);
    sink.report(path, format!("container `{}` has neither a memory request nor a memory limit", container.name()));
}
