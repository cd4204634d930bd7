use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::heap::{Heap, Runtime, Size};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags heaps of a fixed size that are larger than the container's memory request.
    ///
    /// A heap that the memory limit cannot hold is reported by `heap-exceeds-limit` alone. Sizes
    /// in percent follow the limit and are left out, as is Go's soft `GOMEMLIMIT`.
    ///
    /// ## Why
    /// The scheduler sets the request aside and nothing more. A 2 GB heap behind a 256Mi request
    /// fits on the node only while its neighbours are idle. Under load, the node runs short and
    /// the kubelet evicts first what is furthest above its request: this pod, and then its
    /// replacement on the next node.
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
    ///       command: [java, -Xmx2g, -jar, app.jar] # finding
    ///       resources:
    ///         requests:
    ///           memory: 256Mi
    ///         limits:
    ///           memory: 3Gi
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
    ///       command: [java, -Xmx2g, -jar, app.jar]
    ///       resources:
    ///         requests:
    ///           memory: 3Gi
    ///         limits:
    ///           memory: 3Gi
    /// ```
    "heap-exceeds-request" {
        summary: "declared heap is larger than the memory request",
        help: "request at least the heap and what the runtime needs beside it, or shrink the heap",
        category: Category::Capacity,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(heap) = Heap::of(container).filter(|heap| heap.runtime != Runtime::Go) else { return };
    let Size::Amount(size) = heap.size else { return };
    let amount = |bound| demand::effective(container, bound, Dimension::Memory, sink.inventory());
    let Some(request) = amount(Bound::Request).map(|request| request.quantity) else { return };
    let fits_limit = amount(Bound::Limit).is_none_or(|limit| size < limit.quantity);
    if fits_limit && size > request {
        sink.report(
            heap.path,
            format!("memory request {request} is below the heap of {size} set by `{}`", heap.setting),
        );
    }
}
