//! Network policies of every modelled kind, read from their manifests.
//!
//! What cannot be meant (a block that is none, a port out of range) becomes a [`Problem`] and
//! matches nothing; the rest of the policy counts.

use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

use super::address::Addresses;
use super::policy::{Action, Direction, Problem, Tier};
use super::port::{Ports, Protocol};
use super::query::Query;

/// A policy as read, its selectors not yet looked up.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub resource: &'a Resource,
    pub tier: Tier,
    pub subject: PodsOf<'a>,
    /// The directions in which pods may do only what policies allow.
    pub isolates: Vec<Direction>,
    pub rules: Vec<DraftRule<'a>>,
}

#[derive(Debug)]
pub(super) struct DraftRule<'a> {
    pub direction: Direction,
    pub index: u32,
    pub action: Action,
    pub peers: Vec<DraftPeer<'a>>,
    pub ports: DraftPorts<'a>,
}

#[derive(Debug)]
pub(super) enum DraftPeer<'a> {
    /// Everything inside and outside the cluster.
    Everyone,
    Pods(PodsOf<'a>),
    /// Addresses. `of_pods` says that pods' own addresses count by the API's definition.
    Block {
        addresses: Addresses,
        of_pods: bool,
    },
    /// The addresses of nodes with these labels.
    Nodes(Query<'a>),
}

#[derive(Debug)]
pub(super) struct PodsOf<'a> {
    pub namespaces: NamespacesOf<'a>,
    pub pods: Query<'a>,
}

#[derive(Debug)]
pub(super) enum NamespacesOf<'a> {
    Named(&'a str),
    Labelled(Query<'a>),
}

/// Ports, those named by containers not yet resolved.
#[derive(Debug, Default)]
pub(super) struct DraftPorts<'a> {
    pub ports: Ports,
    pub named: Vec<(&'a str, Option<Protocol>)>,
}

/// Collects the problems of one policy.
#[derive(Debug, Default)]
pub(super) struct Reader {
    resource: u32,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn problem(&mut self, path: FieldPath, message: impl Into<String>) {
        self.problems.push(Problem { resource: self.resource, path, message: message.into() });
    }
}

/// Reads a policy; `None` for other kinds of resources.
pub(super) fn read<'a>(resource: &'a Resource, problems: &mut Vec<Problem>) -> Option<Draft<'a>> {
    let mut reader = Reader { resource: resource.index, problems: Vec::new() };
    let draft = match resource.kind() {
        Kind::NetworkPolicy => network_policy(resource, &mut reader),
        Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy | Kind::ClusterNetworkPolicy => {
            cluster_policy(resource, &mut reader)
        }
        _ => return None,
    };
    problems.append(&mut reader.problems);
    Some(draft)
}

/// Whether a `NetworkPolicy` isolates the pods of a workload of its namespace in a direction. That is
/// what [`Network::is_isolated`](super::Network::is_isolated) says of all policies together, for those who
/// have no network at hand.
pub fn isolates(policy: &Resource, workload: &Workload<'_>, direction: Direction) -> bool {
    let mut reader = Reader::default();
    let labels = workload.pod_labels();
    isolated_directions(policy, &mut reader).contains(&direction)
        && Query::read(policy.spec("podSelector"), &FieldPath::ROOT, &mut reader)
            .matches(|key| labels?.get(key).map(Value::raw))
}

/// `NetworkPolicy` of `networking.k8s.io/v1`.
fn network_policy<'a>(resource: &'a Resource, reader: &mut Reader) -> Draft<'a> {
    let namespace = resource.namespace().unwrap_or_default();
    let spec = FieldPath::of(&["spec"]);
    let pods = Query::read(resource.spec("podSelector"), &spec.clone().key("podSelector"), reader);
    let isolates = isolated_directions(resource, reader);
    let mut rules = Vec::new();
    for &direction in &isolates {
        let list = resource.spec(direction.key()).into_iter().flat_map(Value::items);
        for (index, rule) in list.enumerate() {
            let path = spec.clone().key(direction.key()).index(index);
            let peers = match list_of(rule, direction.peers_key()) {
                None => vec![DraftPeer::Everyone],
                Some(peers) => (0..)
                    .zip(peers.items())
                    .filter_map(|(at, peer)| {
                        network_policy_peer(peer, namespace, path.clone().key(direction.peers_key()).index(at), reader)
                    })
                    .collect(),
            };
            let ports = match list_of(rule, "ports") {
                None => DraftPorts { ports: Ports::all(), named: Vec::new() },
                Some(ports) => {
                    let mut draft = DraftPorts::default();
                    for (at, port) in ports.items().enumerate() {
                        network_policy_port(port, path.clone().key("ports").index(at), &mut draft, reader);
                    }
                    draft
                }
            };
            rules.push(DraftRule { direction, index: index as u32, action: Action::Accept, peers, ports });
        }
    }
    let subject = PodsOf { namespaces: NamespacesOf::Named(namespace), pods };
    Draft { resource, tier: Tier::Namespace, subject, isolates, rules }
}

/// A list, unless it is absent or empty: to policies both mean "any".
fn list_of<'a>(rule: Value<'a>, key: &str) -> Option<Value<'a>> {
    rule.get(key).filter(|list| list.items().next().is_some())
}

/// `policyTypes`; by default ingress, and egress if there are egress rules.
///
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/networking/v1/defaults.go>
fn isolated_directions(resource: &Resource, reader: &mut Reader) -> Vec<Direction> {
    let listed = resource.spec("policyTypes").filter(|types| types.items().next().is_some());
    let Some(listed) = listed else {
        let egress = resource.spec("egress").is_some_and(|rules| rules.items().next().is_some());
        return if egress { Direction::BOTH.to_vec() } else { vec![Direction::Ingress] };
    };
    let mut directions = Vec::new();
    for (at, name) in listed.items().enumerate() {
        match Direction::BOTH.into_iter().find(|direction| name.str() == Some(direction.name())) {
            Some(direction) if !directions.contains(&direction) => directions.push(direction),
            Some(_) => {}
            None => reader.problem(
                FieldPath::of(&["spec", "policyTypes"]).index(at),
                format!("`{}` is no policy type; there are Ingress and Egress", name.raw()),
            ),
        }
    }
    directions
}

fn network_policy_peer<'a>(
    peer: Value<'a>,
    namespace: &'a str,
    path: FieldPath,
    reader: &mut Reader,
) -> Option<DraftPeer<'a>> {
    let (namespaces, pods, block) = (peer.get("namespaceSelector"), peer.get("podSelector"), peer.get("ipBlock"));
    if namespaces.is_some() || pods.is_some() {
        if block.is_some() {
            reader.problem(path.key("ipBlock"), "a peer with `ipBlock` cannot have selectors as well");
            return None;
        }
        let pods = Query::read(pods, &path.clone().key("podSelector"), reader);
        let namespaces = match namespaces {
            None => NamespacesOf::Named(namespace),
            some => NamespacesOf::Labelled(Query::read(some, &path.key("namespaceSelector"), reader)),
        };
        return Some(DraftPeer::Pods(PodsOf { namespaces, pods }));
    }
    let Some(block) = block else {
        reader.problem(path, "the peer is empty: it needs `podSelector`, `namespaceSelector` or `ipBlock`");
        return None;
    };
    let path = path.key("ipBlock");
    let mut addresses = addresses(block.get("cidr"), path.clone().key("cidr"), reader)?;
    for (at, except) in block.get("except").into_iter().flat_map(Value::items).enumerate() {
        let path = path.clone().key("except").index(at);
        let Some(hole) = self::addresses(Some(except), path.clone(), reader) else { continue };
        if addresses.covers(&hole) || addresses.meets(&hole) {
            addresses = addresses.subtract(&hole);
        } else {
            reader.problem(path, format!("`{}` is outside its block", except.raw()));
        }
    }
    Some(DraftPeer::Block { addresses, of_pods: false })
}

fn addresses(value: Option<Value<'_>>, path: FieldPath, reader: &mut Reader) -> Option<Addresses> {
    let Some(text) = value.and_then(Value::str) else {
        reader.problem(path, "a block of addresses is missing or not a string");
        return None;
    };
    Addresses::block(text).map_err(|error| reader.problem(path, format!("`{text}` {error}"))).ok()
}

fn network_policy_port<'a>(port: Value<'a>, path: FieldPath, draft: &mut DraftPorts<'a>, reader: &mut Reader) {
    let Some(protocol) = protocol(port.get("protocol"), path.clone().key("protocol"), reader) else { return };
    let end = port.get("endPort");
    match port.get("port") {
        None if end.is_some() => reader.problem(path.key("endPort"), "`endPort` needs a `port` to start from"),
        None => draft.ports.unite(&Ports::all_of(protocol)),
        Some(name) if name.kind() == NodeKind::Str => {
            if end.is_some() {
                reader
                    .problem(path.key("endPort"), format!("`endPort` cannot go with the named port `{}`", name.raw()));
            } else if is_port_name(name.raw()) {
                draft.named.push((name.raw(), Some(protocol)));
            } else {
                reader.problem(path.key("port"), format!("`{}` is neither a port number nor a port name", name.raw()));
            }
        }
        Some(first) => {
            let Some(first) = number(first, path.clone().key("port"), reader) else { return };
            let last = match end {
                None => Some(first),
                Some(end) => number(end, path.clone().key("endPort"), reader),
            };
            match last {
                Some(last) if last < first => {
                    reader.problem(path.key("endPort"), format!("`endPort` {last} is below `port` {first}"));
                }
                Some(last) => draft.ports.unite(&Ports::range(protocol, first, last)),
                None => {}
            }
        }
    }
}

/// A protocol by name; TCP if absent.
fn protocol(value: Option<Value<'_>>, path: FieldPath, reader: &mut Reader) -> Option<Protocol> {
    let Some(value) = value else { return Some(Protocol::Tcp) };
    let known = value.str().and_then(Protocol::of);
    if known.is_none() {
        reader.problem(path, format!("`{}` is no protocol; there are TCP, UDP and SCTP", value.raw()));
    }
    known
}

fn number(value: Value<'_>, path: FieldPath, reader: &mut Reader) -> Option<u16> {
    let port = value.int().and_then(|port| u16::try_from(port).ok()).filter(|&port| port > 0);
    if port.is_none() {
        reader.problem(path, format!("`{}` is no port from 1 to 65535", value.raw()));
    }
    port
}

/// A port's name is an `IANA_SVC_NAME` (RFC 6335): up to 15 characters, one of them a letter.
fn is_port_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// `ClusterNetworkPolicy` of `policy.networking.k8s.io/v1alpha2`, and its predecessors of v1alpha1.
///
/// <https://network-policy-api.sigs.k8s.io/api-overview/>
fn cluster_policy<'a>(resource: &'a Resource, reader: &mut Reader) -> Draft<'a> {
    let spec = FieldPath::of(&["spec"]);
    let tier = tier(resource, reader);
    let subject = resource.spec("subject").and_then(|subject| selected(subject, &spec.clone().key("subject"), reader));
    let mut rules = Vec::new();
    if subject.is_none() {
        reader.problem(spec.clone().key("subject"), "the subject needs `namespaces` or `pods`");
    }
    for direction in Direction::BOTH {
        let list = resource.spec(direction.key()).into_iter().flat_map(Value::items);
        for (index, rule) in list.enumerate() {
            let path = spec.clone().key(direction.key()).index(index);
            let Some(action) = action(rule.get("action"), path.clone().key("action"), reader) else { continue };
            let mut peers = Vec::new();
            let mut known = true;
            for (at, peer) in rule.get(direction.peers_key()).into_iter().flat_map(Value::items).enumerate() {
                let path = path.clone().key(direction.peers_key()).index(at);
                known &= cluster_policy_peer(peer, &path, direction, action, &mut peers, reader);
            }
            let ports = cluster_policy_ports(rule, &path, reader);
            let rule = DraftRule { direction, index: index as u32, action, peers, ports };
            rules.push(if known { rule } else { closed(rule) });
        }
    }
    let nothing = || PodsOf { namespaces: NamespacesOf::Labelled(Query::default()), pods: Query::nothing() };
    Draft { resource, tier, subject: subject.unwrap_or_else(nothing), isolates: Vec::new(), rules }
}

fn tier(resource: &Resource, reader: &mut Reader) -> Tier {
    let path = FieldPath::of(&["spec"]);
    let mut priority = || {
        let value = resource.spec("priority");
        let priority = value.and_then(Value::int).filter(|priority| (0..=1000).contains(priority));
        if priority.is_none() {
            let text = value.map_or("", Value::raw);
            reader.problem(path.clone().key("priority"), format!("`{text}` is no priority from 0 to 1000"));
        }
        priority.unwrap_or(1000)
    };
    match resource.kind() {
        Kind::BaselineAdminNetworkPolicy => Tier::Baseline(1000),
        Kind::AdminNetworkPolicy => Tier::Admin(priority()),
        _ => {
            let priority = priority();
            match resource.spec("tier").and_then(Value::str) {
                Some("Admin") => Tier::Admin(priority),
                Some("Baseline") => Tier::Baseline(priority),
                other => {
                    let message = format!("`{}` is no tier; there are Admin and Baseline", other.unwrap_or_default());
                    reader.problem(path.key("tier"), message);
                    Tier::Admin(priority)
                }
            }
        }
    }
}

fn action(value: Option<Value<'_>>, path: FieldPath, reader: &mut Reader) -> Option<Action> {
    match value.and_then(Value::str) {
        Some("Accept" | "Allow") => Some(Action::Accept),
        Some("Deny") => Some(Action::Deny),
        Some("Pass") => Some(Action::Pass),
        other => {
            let message = format!("`{}` is no action of this policy", other.unwrap_or_default());
            reader.problem(path, message);
            None
        }
    }
}

/// The pods that `namespaces` or `pods` select, in a subject or a peer.
fn selected<'a>(value: Value<'a>, path: &FieldPath, reader: &mut Reader) -> Option<PodsOf<'a>> {
    if let Some(namespaces) = value.get("namespaces") {
        let namespaces = Query::read(Some(namespaces), &path.clone().key("namespaces"), reader);
        return Some(PodsOf { namespaces: NamespacesOf::Labelled(namespaces), pods: Query::default() });
    }
    let pods = value.get("pods")?;
    let path = path.clone().key("pods");
    let namespaces = Query::read(pods.get("namespaceSelector"), &path.clone().key("namespaceSelector"), reader);
    let pods = Query::read(pods.get("podSelector"), &path.key("podSelector"), reader);
    Some(PodsOf { namespaces: NamespacesOf::Labelled(namespaces), pods })
}

/// A rule of which a peer is not known, as the API wants it to be taken: one that accepts matches nothing,
/// and one that denies or passes denies everything.
///
/// <https://github.com/kubernetes-sigs/network-policy-api/blob/main/apis/v1alpha2/clusternetworkpolicy_types.go>
fn closed(rule: DraftRule<'_>) -> DraftRule<'_> {
    if rule.action == Action::Accept {
        return DraftRule { peers: Vec::new(), ..rule };
    }
    let ports = DraftPorts { ports: Ports::all(), named: Vec::new() };
    DraftRule { action: Action::Deny, peers: vec![DraftPeer::Everyone], ports, ..rule }
}

/// Adds whom a peer stands for; says whether that is known.
fn cluster_policy_peer<'a>(
    peer: Value<'a>,
    path: &FieldPath,
    direction: Direction,
    action: Action,
    peers: &mut Vec<DraftPeer<'a>>,
    reader: &mut Reader,
) -> bool {
    if let Some(pods) = selected(peer, path, reader) {
        peers.push(DraftPeer::Pods(pods));
        return true;
    }
    let taken = if action == Action::Accept { "accept nothing" } else { "deny everything" };
    let of_egress = |key| peer.get(key).filter(|_| direction == Direction::Egress);
    if let Some(networks) = of_egress("networks") {
        for (at, network) in networks.items().enumerate() {
            let path = path.clone().key("networks").index(at);
            if let Some(addresses) = addresses(Some(network), path, reader) {
                peers.push(DraftPeer::Block { addresses, of_pods: true });
            }
        }
    } else if let Some(nodes) = of_egress("nodes") {
        peers.push(DraftPeer::Nodes(Query::read(Some(nodes), &path.clone().key("nodes"), reader)));
    } else if of_egress("domainNames").is_some() {
        // What a domain name stands for is known at run time only: it is taken to match nothing.
        if action != Action::Accept {
            let message = format!("domain names are for `Accept` only; the rule is taken to {taken}");
            reader.problem(path.clone().key("domainNames"), message);
            return false;
        }
    } else {
        let needed = match direction {
            Direction::Ingress => "`namespaces` or `pods`",
            Direction::Egress => "`namespaces`, `pods`, `networks`, `nodes` or `domainNames`",
        };
        reader.problem(path.clone(), format!("the peer needs {needed}; the rule is taken to {taken}"));
        return false;
    }
    true
}

fn cluster_policy_ports<'a>(rule: Value<'a>, path: &FieldPath, reader: &mut Reader) -> DraftPorts<'a> {
    let mut draft = DraftPorts::default();
    let (key, list) = match (list_of(rule, "protocols"), list_of(rule, "ports")) {
        (Some(protocols), _) => ("protocols", protocols),
        (None, Some(ports)) => ("ports", ports),
        (None, None) => return DraftPorts { ports: Ports::all(), named: Vec::new() },
    };
    for (at, item) in list.items().enumerate() {
        let path = path.clone().key(key).index(at);
        match key {
            "protocols" => cluster_policy_protocol(item, path, &mut draft, reader),
            _ => admin_policy_port(item, path, &mut draft, reader),
        }
    }
    draft
}

/// An item of `protocols` (v1alpha2).
fn cluster_policy_protocol<'a>(item: Value<'a>, path: FieldPath, draft: &mut DraftPorts<'a>, reader: &mut Reader) {
    if let Some(name) = item.get("destinationNamedPort").and_then(Value::str) {
        draft.named.push((name, None));
        return;
    }
    let known = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)];
    let Some((key, protocol)) = known.into_iter().find(|(key, _)| item.entry(key).is_some()) else {
        reader.problem(path, "a protocol needs `tcp`, `udp`, `sctp` or `destinationNamedPort`");
        return;
    };
    let path = path.key(key).key("destinationPort");
    let Some(port) = item.at(&[key, "destinationPort"]) else {
        draft.ports.unite(&Ports::all_of(protocol));
        return;
    };
    if let Some(one) = port.get("number") {
        if let Some(one) = number(one, path.key("number"), reader) {
            draft.ports.unite(&Ports::one(protocol, one));
        }
    } else {
        range(port.get("range"), protocol, path.key("range"), draft, reader);
    }
}

/// An item of `ports` (v1alpha1).
fn admin_policy_port<'a>(item: Value<'a>, path: FieldPath, draft: &mut DraftPorts<'a>, reader: &mut Reader) {
    if let Some(name) = item.get("namedPort").and_then(Value::str) {
        draft.named.push((name, None));
    } else if let Some(one) = item.get("portNumber") {
        let path = path.key("portNumber");
        let Some(protocol) = protocol(one.get("protocol"), path.clone().key("protocol"), reader) else { return };
        if let Some(port) = one.get("port").and_then(|port| number(port, path.key("port"), reader)) {
            draft.ports.unite(&Ports::one(protocol, port));
        }
    } else {
        let path = path.key("portRange");
        let protocol_field = item.at(&["portRange", "protocol"]);
        let Some(protocol) = protocol(protocol_field, path.clone().key("protocol"), reader) else { return };
        range(item.get("portRange"), protocol, path, draft, reader);
    }
}

fn range(
    value: Option<Value<'_>>,
    protocol: Protocol,
    path: FieldPath,
    draft: &mut DraftPorts<'_>,
    reader: &mut Reader,
) {
    let (Some(start), Some(end)) =
        (value.and_then(|range| range.get("start")), value.and_then(|range| range.get("end")))
    else {
        reader.problem(path, "a range of ports needs `start` and `end`");
        return;
    };
    let start = number(start, path.clone().key("start"), reader);
    let end = number(end, path.clone().key("end"), reader);
    match (start, end) {
        (Some(start), Some(end)) if start > end => {
            reader.problem(path, format!("the range starts at {start}, after its end {end}"));
        }
        (Some(start), Some(end)) => draft.ports.unite(&Ports::range(protocol, start, end)),
        _ => {}
    }
}
