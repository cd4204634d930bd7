use std::net::{IpAddr, Ipv4Addr};

use crate::declare_rule;
use crate::finding::Sink;
use crate::network::Addresses;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::{NodeKind, Value};

declare_rule! {
    /// Flags egress to all addresses that does not leave out the cloud's metadata service.
    ///
    /// ## Why
    /// At 169.254.169.254 most clouds answer whoever asks from a node with the node's credentials. A
    /// flaw that makes a program fetch a URL is then a way to the cloud's account. A policy that
    /// allows the internet by `0.0.0.0/0` allows this address as well, unless it is an exception.
    ///
    /// Rules that allow other ports than 80 alone are not flagged.
    ///
    /// ## Bad
    /// ```yaml bad
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
    ///             cidr: 0.0.0.0/0 # finding
    ///       ports:
    ///         - port: 80
    ///         - port: 443
    /// ```
    /// ## Good
    /// ```yaml good
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
    ///             except: [169.254.169.254/32]
    ///       ports:
    ///         - port: 80
    ///         - port: 443
    /// ```
    "network-metadata-reachable" {
        summary: "egress to all addresses includes the cloud's metadata service",
        help: "add `169.254.169.254/32` to `except`",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

/// Where clouds answer with the node's credentials.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

fn check(policy: &Resource, sink: &mut Sink<'_>) {
    for (number, rule) in policy.spec("egress").into_iter().flat_map(Value::items).enumerate() {
        let path = FieldPath::of(&["spec", "egress"]).index(number).key("to");
        for (at, peer) in rule.get("to").into_iter().flat_map(Value::items).enumerate() {
            if let Some(block) = peer.get("ipBlock").filter(|&block| is_flagged(rule, block)) {
                let text = block.get("cidr").map_or("", Value::raw);
                let message =
                    format!("`{text}` includes 169.254.169.254, where clouds give out the node's credentials");
                sink.report(path.clone().index(at).keys(&["ipBlock", "cidr"]), message);
            }
        }
    }
}

/// Whether a block of an egress rule is all addresses, that of the metadata service included.
pub(super) fn is_flagged(rule: Value<'_>, block: Value<'_>) -> bool {
    let text = block.get("cidr").and_then(Value::str).unwrap_or_default();
    let holds = |text: &str| Addresses::block(text).is_ok_and(|block| block.contains(METADATA));
    let left_out = block.get("except").into_iter().flat_map(Value::items).filter_map(Value::str).any(holds);
    // Whoever names a block around the address alone means it.
    let whole = Addresses::block(text).is_ok_and(|block| block.is_whole_family());
    allows_http(rule) && whole && holds(text) && !left_out
}

/// Whether the rule allows TCP 80, or a port that only a pod can tell.
fn allows_http(rule: Value<'_>) -> bool {
    let mut ports = rule.get("ports").into_iter().flat_map(Value::items).peekable();
    if ports.peek().is_none() {
        return true;
    }
    ports.any(|port| {
        let tcp = port.get("protocol").is_none_or(|protocol| protocol.raw() == "TCP");
        let number = port.get("port");
        let first = number.filter(|number| number.kind() != NodeKind::Str).and_then(Value::int);
        let last = port.get("endPort").and_then(Value::int).or(first);
        tcp && match (number, first.zip(last)) {
            (None, _) => true,
            (Some(_), Some((first, last))) => (first..=last).contains(&80),
            (Some(_), None) => false,
        }
    })
}
