use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{Direction, Endpoint, Network};
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags production namespaces that let in workloads of development, test or staging ones.
    ///
    /// ## Why
    /// What runs in development is new, unreviewed, and open to many people; its credentials lie in
    /// chats. A policy that lets it reach production makes production as safe as development is, and
    /// one wrong variable makes a load test write into the real database.
    ///
    /// A namespace says what it is by a label `env`, `environment`, `stage` or `tier` with a value such
    /// as `production`, `dev` or `staging`. Only pods that a policy isolates are flagged: where none
    /// does, `network-default-deny-missing` or `network-pod-unrestricted` says so already.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop # finding
    ///   labels:
    ///     environment: production
    /// ---
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop-dev
    ///   labels:
    ///     environment: dev
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - namespaceSelector: {}
    ///           podSelector:
    ///             matchLabels:
    ///               app: checkout
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: payment
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: payment
    ///       image: example.com/payment:2.1
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop-dev
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
    ///   labels:
    ///     environment: production
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - namespaceSelector:
    ///             matchLabels:
    ///               environment: production
    ///           podSelector:
    ///             matchLabels:
    ///               app: checkout
    /// ```
    "network-production-mixed" {
        summary: "workloads that are not production reach production",
        help: "name production namespaces by their label in the `namespaceSelector`",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Namespace], check),
    }
}

const KEYS: &[&str] = &["env", "environment", "stage", "tier", "app.kubernetes.io/environment"];
const PRODUCTION: &[&str] = &["prod", "production", "prd", "live"];
const OTHER: &[&str] =
    &["dev", "development", "test", "testing", "qa", "stage", "staging", "sandbox", "preview", "nonprod", "non-prod"];

/// Whether a label of the namespace says that it is for one of these.
fn is_for(namespace: &Resource, words: &[&str]) -> bool {
    KEYS.iter().filter_map(|key| namespace.label(key)).any(|value| words.contains(&&*value.to_ascii_lowercase()))
}

fn check(namespace: &Resource, sink: &mut Sink<'_>) {
    if !is_for(namespace, PRODUCTION) {
        return;
    }
    let (inventory, network) = (sink.inventory(), sink.inventory().network());
    let is_other = |endpoint: &Endpoint| {
        let found = inventory.find(Kind::Namespace, None, &endpoint.namespace);
        !endpoint.host_network && found.is_some_and(|found| is_for(found, OTHER) && !is_for(found, PRODUCTION))
    };
    let Some((sender, receiver)) = mixed(network, namespace.name(), is_other) else { return };
    if !sink.knows_policies(Some(namespace.name())) {
        return;
    }
    sink.report(FieldPath::of(&["metadata", "name"]), format!("policies let {sender} reach {receiver}"));
}

/// The first sender of another kind that reaches an isolated pod of the namespace.
fn mixed<'n>(
    network: &'n Network,
    namespace: &str,
    is_other: impl Fn(&Endpoint) -> bool,
) -> Option<(&'n Endpoint, &'n Endpoint)> {
    let mut receivers = network.endpoints().iter().filter(|endpoint| {
        !endpoint.host_network
            && &*endpoint.namespace == namespace
            && network.is_isolated(network.party(endpoint), Direction::Ingress)
    });
    receivers.find_map(|receiver| {
        let row = network.row(network.party(receiver));
        // What every pod of the cluster may do is said of the policy that lets them.
        let anybody = row.ports(network.stranger());
        let senders = row.parts().filter(|(ports, _)| !anybody.covers(ports)).flat_map(|(_, senders)| senders);
        let mut others: Vec<&Endpoint> =
            senders.flat_map(|sender| network.endpoints_of(sender)).filter(|sender| is_other(sender)).collect();
        others.sort_by_key(|other| other.resource);
        Some((*others.first()?, receiver))
    })
}
