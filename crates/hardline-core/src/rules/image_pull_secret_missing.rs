use crate::declare_rule;
use crate::finding::Sink;
use crate::references::{self, Role};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that name an image pull `Secret` which does not exist.
    ///
    /// ## Why
    /// The kubelet pulls without credentials, which a private registry refuses. Nodes that have the
    /// image already start the pod, so that the fault shows on the first new node.
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
    ///   imagePullSecrets:
    ///     - name: registry # finding
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
    ///   imagePullSecrets:
    ///     - name: registry
    /// ---
    /// apiVersion: v1
    /// kind: Secret
    /// metadata:
    ///   name: registry
    ///   namespace: shop
    /// type: kubernetes.io/dockerconfigjson
    /// data:
    ///   .dockerconfigjson: e30=
    /// ```
    "image-pull-secret-missing" {
        summary: "image pull secret does not exist",
        help: "add the Secret of type `kubernetes.io/dockerconfigjson`, or remove the reference",
        category: Category::Reference,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    references::report_absent(workload, Kind::Secret, &[Role::ImagePull], sink);
}
