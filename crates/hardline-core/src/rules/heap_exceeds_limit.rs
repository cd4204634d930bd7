use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::heap::{Heap, Runtime};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags heaps that a container declares and its memory limit cannot hold.
    ///
    /// Heaps are read from `-Xmx` and `-XX:MaxRAMPercentage` of the JVM, `--max-old-space-size` of
    /// Node.js, `GOMEMLIMIT` of Go and `DOTNET_GCHeapHardLimit` of .NET, in arguments and in
    /// environment variables. The limit is the container's, the pod's or a `LimitRange`'s default.
    ///
    /// ## Why
    /// A garbage collector lets the heap grow until it reaches the size it was told. The kernel
    /// kills the container at the limit, long before: no `OutOfMemoryError`, no heap dump, only
    /// exit code 137 as soon as there is traffic.
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
    ///       env:
    ///         - name: JAVA_TOOL_OPTIONS
    ///           value: -Xmx2g # finding
    ///       resources:
    ///         limits:
    ///           memory: 256Mi
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
    ///       env:
    ///         - name: JAVA_TOOL_OPTIONS
    ///           value: -Xmx2g
    ///       resources:
    ///         limits:
    ///           memory: 2560Mi
    /// ```
    "heap-exceeds-limit" {
        summary: "memory limit cannot hold the declared heap",
        help: "raise the memory limit above the heap with room for what is not heap, or shrink the heap",
        category: Category::Capacity,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(heap) = Heap::of(container) else { return };
    let amount = |bound| demand::effective(container, bound, Dimension::Memory, sink.inventory());
    let Some(limit) = amount(Bound::Limit).map(|limit| limit.quantity) else { return };
    let size = heap.under(limit);
    // Go's limit is soft and counts everything: equal is too tight, but not beyond.
    let exceeds = if heap.runtime == Runtime::Go { size > limit } else { size >= limit };
    if exceeds {
        let request = amount(Bound::Request).filter(|request| request.quantity < limit);
        let request = request.map_or_else(String::new, |request| format!(" (request {})", request.quantity));
        let how = if size == limit { "leaves nothing beside" } else { "is below" };
        let setting = &heap.setting;
        let message = format!("memory limit {limit}{request} {how} the heap of {size} set by `{setting}`");
        sink.report(heap.path, message);
    }
}
