use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{Direction, Network, OneSided, Party, Reason};
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags permissions to connect that the other side's policies deny.
    ///
    /// ## Why
    /// A connection needs two permissions: the sender's egress and the receiver's ingress. Under a
    /// default-deny, a policy such as "allow-db-access" that has only one half allows nothing; the
    /// application times out although a policy for just this purpose is there.
    ///
    /// Claimed only where the policies of both sides' namespaces are known, and only if no
    /// connection at all comes about that the rule's peer allows.
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
    ///   name: allow-db-access
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   policyTypes: [Egress]
    ///   egress:
    ///     - to:
    ///         - podSelector: # finding
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
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    ///   labels:
    ///     app: orders-db
    /// spec:
    ///   containers:
    ///     - name: postgres
    ///       image: example.com/postgres:17
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
    ///   name: checkout
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
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: orders-db
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///     - from:
    ///         - podSelector:
    ///             matchLabels:
    ///               app: checkout
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
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    ///   labels:
    ///     app: orders-db
    /// spec:
    ///   containers:
    ///     - name: postgres
    ///       image: example.com/postgres:17
    /// ```
    "network-allow-one-sided" {
        summary: "policy allows a connection that the other side denies",
        help: "allow the same connection on the other side as well",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let (inventory, network) = (sink.inventory(), sink.inventory().network());
    // The labels of another namespace are known only from its manifest.
    let known = |namespace: &str| {
        let own = resource.namespace().unwrap_or_default();
        let declared = |name| inventory.find(Kind::Namespace, None, name).is_some();
        inventory.covers(Kind::NetworkPolicy, Some(namespace).filter(|name| !name.is_empty()))
            && (namespace == own || (declared(namespace) && declared(own)))
    };
    let found = network.one_sided(resource.index, known);
    if found.is_empty() || !sink.knows_policies(resource.namespace()) {
        return;
    }
    // Whoever else there is in the cluster may be the one that is meant.
    let all_known = inventory.covers(Kind::Namespace, None);
    for one_sided in found.iter().filter(|found| all_known || !is_open(resource, found)) {
        report(resource, one_sided, network, sink);
    }
}

/// Whether the peer is in any namespace with some labels, rather than in named ones.
fn is_open(resource: &Resource, found: &OneSided) -> bool {
    let path = FieldPath::of(&["spec"]).key(found.direction.key()).index(found.rule as usize);
    let list = if found.direction == Direction::Ingress { "from" } else { "to" };
    let peer = resource.value().follow(&path.key(list).index(found.peer as usize)).value;
    let named = |selector: Value<'_>| selector.at(&["matchLabels", "kubernetes.io/metadata.name"]).is_some();
    // An empty selector selects every namespace, and so is there though it has nothing.
    peer.entry("namespaceSelector").is_some_and(|selector| !named(selector.value))
}

fn report(resource: &Resource, found: &OneSided, network: &Network, sink: &mut Sink<'_>) {
    let name = |party: Party| network.endpoints_of(party).next().map_or("", |endpoint| &*endpoint.name);
    let (sender, receiver) = (name(found.sender), name(found.receiver));
    let (list, other, denied) = match found.direction {
        Direction::Ingress => ("from", sender, Direction::Egress),
        Direction::Egress => ("to", receiver, Direction::Ingress),
    };
    let all = format!("{}", found.ports);
    let ports = if all == "All Connections" { "every port" } else { &all };
    let message = format!(
        "`{}` allows {ports} from `{sender}` to `{receiver}`, but the {denied} of `{other}` is denied",
        resource.name()
    );
    let rule = FieldPath::of(&["spec"]).key(found.direction.key()).index(found.rule as usize);
    let (inventory, policies) = (
        sink.inventory(),
        match &found.denied {
            Reason::Isolated { policies } => policies.clone(),
            Reason::Rule { policy, .. } => vec![*policy],
            Reason::NoPolicy | Reason::Unheld => Vec::new(),
        },
    );
    let finding = sink.report(rule.key(list).index(found.peer as usize), message);
    for policy in policies.iter().filter_map(|&index| inventory.get(index)) {
        let message = format!("`{}` restricts the {denied} of `{other}` and does not allow it", policy.name());
        finding.evidence(policy, FieldPath::of(&["spec", "podSelector"]), message);
    }
    finding
        .help(format!("allow {ports} from `{sender}` to `{receiver}` as {denied} in a policy that selects `{other}`"));
}
