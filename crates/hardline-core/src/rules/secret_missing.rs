use crate::declare_rule;
use crate::finding::Sink;
use crate::references::{self, Role};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that name a `Secret` which does not exist, in a variable or a volume, unless the
    /// reference is `optional: true`.
    ///
    /// A Secret that a custom resource names, such as a `Certificate` or an `ExternalSecret`, is taken
    /// to be made by its controller.
    ///
    /// ## Why
    /// The container never starts: it waits in `CreateContainerConfigError` or `ContainerCreating`. The
    /// old pods keep running until their node is drained, and then the service is gone.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: v1
    /// kind: Secret
    /// metadata:
    ///   name: checkout-tls
    ///   namespace: shop
    /// type: kubernetes.io/tls
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
    ///       env:
    ///         - name: DATABASE_URL
    ///           valueFrom:
    ///             secretKeyRef:
    ///               name: checkout-database # finding
    ///               key: url
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
    ///       env:
    ///         - name: DATABASE_URL
    ///           valueFrom:
    ///             secretKeyRef:
    ///               name: checkout-database
    ///               key: url
    /// ---
    /// apiVersion: external-secrets.io/v1
    /// kind: ExternalSecret
    /// metadata:
    ///   name: checkout-database
    ///   namespace: shop
    /// spec:
    ///   secretStoreRef: {kind: ClusterSecretStore, name: vault}
    ///   dataFrom:
    ///     - extract: {key: checkout/database}
    /// ```
    "secret-missing" {
        summary: "pod needs a Secret that does not exist",
        help: "add the Secret or what makes it, correct the name, or mark the reference `optional: true`",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent(workload, Kind::Secret, &[Role::Env, Role::Volume], sink);
}
