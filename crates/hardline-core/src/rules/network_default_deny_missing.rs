use serde_json::json;

use crate::declare_rule;
use crate::edit::Safety;
use crate::finding::Sink;
use crate::namespace;
use crate::network::Direction;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags namespaces in which pods may talk to anyone unless a policy says otherwise.
    ///
    /// ## Why
    /// Kubernetes lets every pod reach every other pod of the cluster until a `NetworkPolicy`
    /// selects it. Without a policy that selects all pods of the namespace, the next workload
    /// that somebody adds is open to all, and whoever takes over one pod can try every database.
    ///
    /// The finding is made once per namespace. Where some workloads are isolated and others
    /// forgotten, `network-pod-unrestricted` names those instead. A denial of the Baseline tier
    /// of `ClusterNetworkPolicy` counts as a default.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop # finding
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
    ///   name: default-deny
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress, Egress]
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
    /// ```
    "network-default-deny-missing" {
        summary: "namespace has no NetworkPolicy that denies by default",
        help: "add a `NetworkPolicy` with `podSelector: {}` and `policyTypes: [Ingress, Egress]`, and allow what is needed",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let Some(subject) = namespace::represented_by(resource, sink.inventory()) else { return };
    if !sink.knows_policies(Some(subject.name)) {
        return;
    }
    let network = sink.inventory().network_of(Some(subject.name));
    let pods = network.endpoints_in(subject.name).count();
    let isolated = |endpoint: &_| network.is_isolated(network.party(endpoint), Direction::Ingress);
    let held = network.endpoints_in(subject.name).filter(|endpoint| isolated(endpoint)).count();
    if pods == 0 || (held > 0 && held < pods) {
        return;
    }
    let missing = Direction::BOTH.map(|direction| !network.denies_by_default(subject.name, direction));
    let (words, types) = match missing {
        [true, true] => ("ingress and egress", json!(["Ingress", "Egress"])),
        [true, false] => ("ingress", json!(["Ingress"])),
        [false, true] => ("egress", json!(["Egress"])),
        [false, false] => return,
    };
    let message = format!("namespace `{}` has no NetworkPolicy that denies {words} by default", subject.name);
    // Policies that are there say what has to flow one way only: a denial of the other would cut it off.
    let is_open = sink.inventory().of_kind(Kind::NetworkPolicy, Some(subject.name)).next().is_none();
    let finding = sink.report(subject.path, message);
    if is_open {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "default-deny", "namespace": subject.name},
            "spec": {"podSelector": {}, "policyTypes": types},
        });
        finding.companion(Safety::Unsafe, format!("add a NetworkPolicy that denies {words} by default"), policy);
    }
}
