use crate::declare_rule;
use crate::finding::Sink;
use crate::references;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that need a key which their `Secret` does not hold, unless the reference is
    /// `optional: true`. A Secret without any data is taken to be filled by something else.
    ///
    /// ## Why
    /// The container waits in `CreateContainerConfigError`, or the pod in `ContainerCreating`. A key that
    /// was renamed in the Secret breaks nothing until the next restart.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       env:
    ///         - name: PASSWORD
    ///           valueFrom:
    ///             secretKeyRef:
    ///               name: checkout-database
    ///               key: password # finding
    /// ---
    /// apiVersion: v1
    /// kind: Secret
    /// metadata:
    ///   name: checkout-database
    ///   namespace: shop
    /// stringData:
    ///   PASSWORD: example
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       env:
    ///         - name: PASSWORD
    ///           valueFrom:
    ///             secretKeyRef:
    ///               name: checkout-database
    ///               key: password
    /// ---
    /// apiVersion: v1
    /// kind: Secret
    /// metadata:
    ///   name: checkout-database
    ///   namespace: shop
    /// stringData:
    ///   password: example
    /// ```
    "secret-key-missing" {
        summary: "pod needs a key that its Secret lacks",
        help: "add the key, correct its name, or mark the reference `optional: true`",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent_keys(workload, Kind::Secret, sink);
}
