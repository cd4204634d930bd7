use serde_json::json;

use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::network::Direction;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags policies that let pods talk to somebody, where no policy lets them resolve names.
    ///
    /// ## Why
    /// A pod that is isolated for egress may not ask the cluster's DNS either. The connection that
    /// the policy allows is never tried: the application hangs for the resolver's timeout and then
    /// reports an unknown host, which looks like a failure of DNS and not of the policy.
    ///
    /// The name servers are taken to be labelled as usual in `kube-system` (`k8s-app: kube-dns`,
    /// CoreDNS of the Helm chart, the node-local cache) or `openshift-dns`. Pods to which no egress
    /// at all is allowed are left out: they are meant to be silent.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-db-access
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   policyTypes: [Egress]
    ///   egress: # finding
    ///     - to:
    ///         - podSelector:
    ///             matchLabels:
    ///               app: orders-db
    ///       ports:
    ///         - port: 5432
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
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-db-access
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   policyTypes: [Egress]
    ///   egress:
    ///     - to:
    ///         - podSelector:
    ///             matchLabels:
    ///               app: orders-db
    ///       ports:
    ///         - port: 5432
    ///     - to:
    ///         - namespaceSelector:
    ///             matchLabels:
    ///               kubernetes.io/metadata.name: kube-system
    ///           podSelector:
    ///             matchLabels:
    ///               k8s-app: kube-dns
    ///       ports:
    ///         - port: 53
    ///           protocol: UDP
    ///         - port: 53
    ///           protocol: TCP
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
    "network-dns-blocked" {
        summary: "egress is restricted and no policy allows DNS",
        help: "allow egress to `kube-dns` in namespace `kube-system` on port 53, UDP and TCP",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let (inventory, network) = (sink.inventory(), sink.inventory().network());
    let silent = network.without_dns(resource.index);
    let Some(first) = silent.first() else { return };
    if !sink.knows_policies(resource.namespace()) {
        return;
    }
    let names = super::list(silent.iter().map(|endpoint| &*endpoint.name));
    let message = format!("{names} may not ask DNS: egress is isolated and no policy allows port 53");
    let finding = sink.report(FieldPath::of(&["spec", "egress"]), message);
    let allow = json!({
        "to": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    });
    let edits = vec![Edit::append(FieldPath::of(&["spec", "egress"]), allow)];
    finding.fix(Safety::Unsafe, "allow DNS in kube-system", edits);
    for index in network.isolating(network.party(first), Direction::Egress).filter(|&index| index != resource.index) {
        if let Some(policy) = inventory.get(index) {
            let message = format!("`{}` isolates `{}` for egress", policy.name(), first.name);
            finding.evidence(policy, FieldPath::of(&["spec", "policyTypes"]), message);
        }
    }
}
