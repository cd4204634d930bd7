use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::heap::{Heap, Runtime};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags heaps that fit into the memory limit but leave too little of it for what is not
    /// heap. What is needed at least, as a share of the limit and never more than an amount:
    /// JVM 20 % up to 256Mi, Node.js and .NET 10 % up to 128Mi, Go 5 % up to 64Mi.
    ///
    /// ## Why
    /// Threads' stacks, compiled code, class metadata and network buffers live beside the heap
    /// and grow with load. When they reach the limit, the kernel kills a process whose own
    /// memory metrics look healthy.
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
    ///       args:
    ///         - -XX:MaxRAMPercentage=90 # finding
    ///       resources:
    ///         limits:
    ///           memory: 1Gi
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
    ///       args:
    ///         - -XX:MaxRAMPercentage=75
    ///       resources:
    ///         limits:
    ///           memory: 1Gi
    /// ```
    "heap-headroom-small" {
        summary: "memory limit leaves too little beside the declared heap",
        help: "raise the memory limit or shrink the heap",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(heap) = Heap::of(container) else { return };
    let Some(limit) = demand::effective(container, Bound::Limit, Dimension::Memory, sink.inventory()) else { return };
    let (size, limit) = (heap.under(limit.quantity), limit.quantity);
    let (left, needed) = (limit.minus(size), heap.runtime.overhead(limit));
    let positive = !left.is_negative() && (!left.is_zero() || heap.runtime == Runtime::Go);
    if positive && left < needed {
        let message = format!(
            "memory limit {limit} leaves {} beside the heap of {} set by `{}`; about {} is needed",
            left.rounded(),
            size.rounded(),
            heap.setting,
            needed.rounded(),
        );
        sink.report(heap.path, message);
    }
}
