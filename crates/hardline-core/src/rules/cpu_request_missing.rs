use crate::cel::Cel;
use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags containers with no CPU request: neither their own, nor one implied by a CPU limit,
    /// by `spec.resources` of the pod or by a `LimitRange` of the namespace.
    ///
    /// No rule of the production profile asks for a CPU limit: it throttles even on an idle node,
    /// while the request guarantees a share under contention. Init containers that run to their
    /// end are left out; sidecars count.
    ///
    /// ## Why
    /// On a busy node, CPU time is shared in proportion to requests. A container without one gets
    /// the smallest share there is: probes time out, and a pod that only lacked CPU is restarted.
    /// A `HorizontalPodAutoscaler` on CPU utilization does not work without requests either.
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
    ///         limits:
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
    ///           cpu: 250m
    ///         limits:
    ///           memory: 512Mi
    /// ```
    "cpu-request-missing" {
        summary: "container requests no CPU",
        help: "set `requests.cpu` to what the container needs under normal load",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!container.?resources.?requests.?cpu.hasValue() && \
             !pod.?resources.?requests.?cpu.hasValue() && \
             !container.?resources.?limits.?cpu.hasValue() && !pod.?resources.?limits.?cpu.hasValue()",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if container.is_long_running() && demand::is_absent(container, Bound::Request, Dimension::Cpu, sink) {
        let path = demand::path(container, Bound::Request, Dimension::Cpu);
        sink.report(path, format!("container `{}` requests no CPU", container.name()));
    }
}
