use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{Addresses, Direction};
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selector::Selector;
use crate::tree::Value;

use super::network_metadata_reachable;

declare_rule! {
    /// Flags egress to every address, private networks included, in a namespace that denies by default.
    ///
    /// ## Why
    /// Whoever takes over the pod reaches the databases beside the cluster, the other pods of it, and a
    /// server of their own to send the data to. A rule without `to`, or for `0.0.0.0/0` without exceptions,
    /// undoes the default-deny for the pods that it selects, and looks like a permission for one purpose.
    ///
    /// Rules for DNS alone are not flagged, nor is a block that leaves out any private network. A block
    /// that includes the cloud's metadata service is flagged by `network-metadata-reachable` alone.
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
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   policyTypes: [Egress]
    ///   egress:
    ///     - ports: # finding
    ///         - port: 443
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
    ///         - ipBlock:
    ///             cidr: 0.0.0.0/0
    ///             except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]
    ///       ports:
    ///         - port: 443
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
    /// ```
    "network-egress-anywhere" {
        summary: "egress reaches every address",
        help: "name the peers, or leave out `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` and `169.254.0.0/16`",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

/// The networks of nodes, pods and whatever else is not the internet: RFC 1918.
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

fn check(policy: &Resource, sink: &mut Sink<'_>) {
    let network = sink.inventory().network();
    let selector = policy.spec("podSelector");
    // What a policy for all pods opens is no exception from a default-deny.
    if selector.is_none()
        || Selector::of(selector).is_everything()
        || !network.denies_by_default(policy.namespace().unwrap_or_default(), Direction::Egress)
    {
        return;
    }
    for (number, rule) in policy.spec("egress").into_iter().flat_map(Value::items).enumerate() {
        let path = FieldPath::of(&["spec", "egress"]).index(number);
        let mut peers = rule.get("to").into_iter().flat_map(Value::items).enumerate().peekable();
        if is_for_names(rule) {
            continue;
        }
        if peers.peek().is_none() {
            sink.report(path, format!("`{}` lets the selected pods reach every address", policy.name()));
            continue;
        }
        for (at, peer) in peers {
            let Some(block) = peer.get("ipBlock").filter(|&block| holds_private_networks(block)) else { continue };
            if !network_metadata_reachable::is_flagged(rule, block) {
                let text = block.get("cidr").map_or("", Value::raw);
                let message = format!("`{text}` includes every private network");
                sink.report(path.clone().key("to").index(at).keys(&["ipBlock", "cidr"]), message);
            }
        }
    }
}

/// Whether the rule is for DNS alone.
fn is_for_names(rule: Value<'_>) -> bool {
    let mut ports = rule.get("ports").into_iter().flat_map(Value::items).peekable();
    let is_dns = |port: Value<'_>| {
        port.get("endPort").is_none()
            && port.get("port").is_some_and(|port| ["53", "5353", "dns", "dns-tcp"].contains(&port.raw()))
    };
    ports.peek().is_some() && ports.all(is_dns)
}

/// Whether a block is every IPv4 address, with no private network left out.
fn holds_private_networks(block: Value<'_>) -> bool {
    let of = |value: Value<'_>| value.str().and_then(|text| Addresses::block(text).ok());
    let whole = block.get("cidr").and_then(of).is_some_and(|block| block.covers(&Addresses::v4()));
    let private = || PRIVATE.iter().filter_map(|text| Addresses::block(text).ok());
    let mut except = block.get("except").into_iter().flat_map(Value::items).filter_map(of);
    whole && !except.any(|except| private().any(|private| except.meets(&private)))
}
