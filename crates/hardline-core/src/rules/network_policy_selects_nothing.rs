use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selector::Selector;

declare_rule! {
    /// Flags a `NetworkPolicy` whose selector selects no pods that policies can hold.
    ///
    /// ## Why
    /// A selector with a spelling error, or one that stayed behind when a label was renamed, is no
    /// error to the API server. The policy is listed, reviewed and trusted, and holds nobody.
    /// Pods on their node's network count as not held: network plugins do not apply policies to them.
    ///
    /// Claimed only where every kind of workload in the namespace is known and nothing speaks of an
    /// operator that creates pods itself: no `CustomResourceDefinition`, no custom resource.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector: # finding
    ///     matchLabels:
    ///       app: chekout
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    ///   labels:
    ///     app: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    ///   labels:
    ///     app: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    /// ```
    "network-policy-selects-nothing" {
        summary: "policy selects no pods",
        help: "correct `podSelector`, or remove the policy",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
        needs: &[Kind::Pod, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Job, Kind::CronJob],
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let (inventory, namespace) = (sink.inventory(), resource.namespace());
    let Some(value) = resource.spec("podSelector") else { return };
    let selector = Selector::of(Some(value));
    let mut operators =
        inventory.of_kind(Kind::CustomResourceDefinition, None).chain(inventory.of_kind(Kind::Other, namespace));
    if selector.is_everything() || inventory.network().selects_pods(resource.index) || operators.next().is_some() {
        return;
    }
    let path = FieldPath::of(&["spec", "podSelector"]);
    match inventory.selected(namespace, selector).next() {
        None => sink.report(path, format!("`{}` selects no pods", resource.name())),
        Some(workload) => sink
            .report(
                path,
                format!("`{}` selects only pods on their node's network, where it has no effect", resource.name()),
            )
            .evidence(workload.resource, workload.pod_path().key("hostNetwork"), "the pods use their node's network"),
    };
}
