use crate::cel::Cel;
use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags containers that request memory but have no memory limit: neither their own, nor one
    /// of the pod's `spec.resources`, nor a default of a `LimitRange` of the namespace.
    ///
    /// A container that has no memory request either is reported by `memory-request-missing`
    /// alone. Init containers that run to their end are left out; sidecars count.
    ///
    /// ## Why
    /// Memory cannot be throttled. A leak in a container without a limit takes all that its node
    /// has; then the kernel kills processes of other pods, and may kill the kubelet's. With a
    /// limit, the leak ends the container that has it and no other.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources: # finding
    ///         requests:
    ///           memory: 512Mi
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 512Mi
    ///         limits:
    ///           memory: 512Mi
    /// ```
    "memory-limit-missing" {
        summary: "container has no memory limit",
        help: "set `limits.memory`; equal to the request it cannot surprise the node",
        category: Category::Capacity,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!container.?resources.?limits.?memory.hasValue() && \
             !pod.?resources.?limits.?memory.hasValue() && \
             (container.?resources.?requests.?memory.hasValue() || \
             pod.?resources.?requests.?memory.hasValue())",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let absent = |bound, sink: &Sink<'_>| demand::is_absent(container, bound, Dimension::Memory, sink);
    if container.is_long_running() && absent(Bound::Limit, sink) && !absent(Bound::Request, sink) {
        let path = demand::path(container, Bound::Limit, Dimension::Memory);
        sink.report(path, format!("container `{}` requests memory but has no memory limit", container.name()));
    }
}
