use crate::declare_rule;
use crate::finding::Sink;
use crate::references::{self, Role};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that run as a `ServiceAccount` which does not exist.
    ///
    /// ## Why
    /// The API server refuses the pods. A Deployment keeps its old pods and shows no error of its own:
    /// only an event of its ReplicaSet tells that nothing new can start.
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
    ///   serviceAccountName: checkout # finding
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
    ///   serviceAccountName: checkout
    /// ---
    /// apiVersion: v1
    /// kind: ServiceAccount
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// ```
    "service-account-missing" {
        summary: "service account does not exist",
        help: "add the ServiceAccount, or correct the name",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent(workload, Kind::ServiceAccount, &[Role::Identity], sink);
}
