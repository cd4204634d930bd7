use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{Direction, Ports};
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a Service whose pods are isolated by policies of which none allows the ports behind it.
    ///
    /// ## Why
    /// A policy sees the pod's port, after the Service's own is gone: one that allows port 80 of a Service
    /// that leads to 8080 allows nothing. The Service has endpoints, the pods are ready, and every
    /// connection times out.
    ///
    /// Claimed only where all policies are known, whoever they allow the port to; a Service of which one
    /// port is open to somebody is left out, as is one that the egress of a policy names:
    /// `network-allow-one-sided` speaks of that.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: default-deny
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress, Egress]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   ingress:
    ///     - ports:
    ///         - port: 80
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
    ///       ports:
    ///         - containerPort: 8080
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     app: checkout
    ///   ports:
    ///     - port: 80 # finding
    ///       targetPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: default-deny
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress, Egress]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   ingress:
    ///     - ports:
    ///         - port: 8080
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
    ///       ports:
    ///         - containerPort: 8080
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     app: checkout
    ///   ports:
    ///     - port: 80
    ///       targetPort: 8080
    /// ```
    "network-service-unreachable" {
        summary: "policies let nobody reach a Service",
        help: "allow the port of the pods, which is the Service's `targetPort`",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Service], check),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    let (inventory, network) = (sink.inventory(), sink.inventory().network());
    let behind = network.behind(inventory, service);
    let mut isolated = Vec::new();
    for (endpoint, ports) in &behind {
        let party = network.party(endpoint);
        if endpoint.host_network || !network.is_isolated(party, Direction::Ingress) || network.may_allow(party, ports) {
            return;
        }
        isolated.extend(network.isolating(party, Direction::Ingress));
    }
    let Some((first, _)) = behind.first() else { return };
    if !sink.knows_policies(service.namespace()) {
        return;
    }
    let mut ports = Ports::none();
    for (_, of_pods) in &behind {
        ports.unite(of_pods);
    }
    let message =
        format!("policies isolate `{}` and let nobody reach {ports}, where `{}` leads to", first.name, service.name());
    let finding = sink.report(FieldPath::of(&["spec", "ports"]).index(0).key("port"), message);
    isolated.sort_unstable();
    isolated.dedup();
    for policy in isolated.into_iter().filter_map(|policy| inventory.get(policy)) {
        let message = format!("`{}` isolates `{}` and does not allow {ports}", policy.name(), first.name);
        finding.evidence(policy, FieldPath::of(&["spec", "podSelector"]), message);
    }
}
