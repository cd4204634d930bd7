use crate::declare_rule;
use crate::finding::Sink;
use crate::references::{self, Role};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that name a `ConfigMap` which does not exist, in a variable or a volume, unless the
    /// reference is `optional: true`.
    ///
    /// ## Why
    /// The container never starts: it waits in `CreateContainerConfigError` or `ContainerCreating`. What
    /// was a typing error in a name shows when the pod is moved to another node, at night.
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
    ///       envFrom:
    ///         - configMapRef:
    ///             name: checkout-settings # finding
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
    ///       envFrom:
    ///         - configMapRef:
    ///             name: checkout-settings
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout-settings
    ///   namespace: shop
    /// data:
    ///   CURRENCY: EUR
    /// ```
    "configmap-missing" {
        summary: "pod needs a ConfigMap that does not exist",
        help: "add the ConfigMap, correct the name, or mark the reference `optional: true`",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent(workload, Kind::ConfigMap, &[Role::Env, Role::Volume], sink);
}
