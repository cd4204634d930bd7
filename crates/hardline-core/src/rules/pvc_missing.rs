use crate::declare_rule;
use crate::finding::Sink;
use crate::references::{self, Role};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that mount a `PersistentVolumeClaim` which does not exist.
    ///
    /// ## Why
    /// The pod stays `Pending` and no node is tried: the scheduler waits for the claim. A claim that was
    /// deleted with its data shows in just this way.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///   volumes:
    ///     - name: data
    ///       persistentVolumeClaim:
    ///         claimName: checkout-data # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///   volumes:
    ///     - name: data
    ///       persistentVolumeClaim:
    ///         claimName: checkout-data
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata:
    ///   name: checkout-data
    ///   namespace: shop
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources:
    ///     requests:
    ///       storage: 10Gi
    /// ```
    "pvc-missing" {
        summary: "volume claim does not exist",
        help: "add the PersistentVolumeClaim, or correct the name",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent(workload, Kind::PersistentVolumeClaim, &[Role::Volume], sink);
}
