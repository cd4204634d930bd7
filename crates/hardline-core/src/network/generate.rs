//! `NetworkPolicies` that allow what is needed and nothing else, as text to be read and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::inventory::Inventory;
use crate::resource::Resource;
use crate::scalar;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

use super::address::Block;
use super::need::{End, Need, Wanted};
use super::{Direction, Endpoint, Network, Peer, Ports};

/// Labels that change with every release or that a controller makes up: a selector that names
/// them selects nothing tomorrow.
const VOLATILE: &[&str] = &[
    "app.kubernetes.io/version",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "helm.sh/chart",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Generated policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generated {
    /// Each text is one YAML document with comments that say why.
    pub policies: Vec<String>,
    /// Workloads of the needs that no selector can name, because their pods have no labels or are on
    /// their node's network: what they need is left out.
    pub unselectable: BTreeSet<String>,
}

/// The policies for these needs: in each namespace with pods one that denies by default, one that
/// allows DNS if all of its pods need it, and one for each workload that sends or receives. Each
/// needed connection is allowed on both sides.
pub fn generate(inventory: &Inventory, network: &Network, needs: &[Need<'_>]) -> Generated {
    let wanted = Wanted::of(needs);
    let held = || network.endpoints().iter().filter(|endpoint| !endpoint.host_network);
    let namespaces: BTreeSet<&str> = held().map(|endpoint| &*endpoint.namespace).collect();
    let mut generated = Generated::default();
    for namespace in namespaces {
        let own = || held().filter(|endpoint| &*endpoint.namespace == namespace);
        let dns = own().map(|endpoint| dns(&wanted, endpoint)).reduce(|all, ports| all.intersect(&ports));
        let dns = dns.unwrap_or_default();
        generated.policies.push(default_deny(namespace));
        if !dns.is_empty() {
            generated.policies.push(allow_dns(namespace, &dns));
        }
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for endpoint in own() {
            names.entry(&endpoint.name).or_default().insert(&endpoint.kind);
        }
        let mut written = BTreeSet::new();
        for endpoint in own() {
            let name = match names.get(&*endpoint.name).map_or(0, BTreeSet::len) {
                1 => endpoint.name.to_string(),
                _ => format!("{}-{}", endpoint.name, endpoint.kind.to_lowercase()),
            };
            if written.insert(name.clone()) {
                let writer = Writer { inventory, network, wanted: &wanted, endpoint, dns: &dns };
                writer.policy(&name, &mut generated);
            }
        }
    }
    generated
}

/// What generated policies do otherwise than needs say: pods that bear the same labels cannot be told
/// apart, and policies of other tiers may deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Who sends.
    pub sender: String,
    /// Who receives.
    pub receiver: String,
    /// The ports that are needed and not allowed.
    pub missing: Ports,
    /// The ports that are allowed and not needed.
    pub extra: Ports,
}

/// Holds a network with the generated policies, and no other `NetworkPolicies`, against the needs
/// that they were generated for.
pub fn deviations(network: &Network, needs: &[Need<'_>]) -> Vec<Deviation> {
    let wanted = Wanted::of(needs);
    let matrix = network.matrix();
    let mut found = Vec::new();
    let mut compare = |sender: &Peer<'_>, receiver: &Peer<'_>, allowed: &Ports| {
        let needed = wanted.ports(network, sender, receiver);
        let (missing, extra) = (needed.subtract(allowed), allowed.subtract(&needed));
        if !missing.is_empty() || !extra.is_empty() {
            let (sender, receiver) = (sender.to_string(), receiver.to_string());
            found.push(Deviation { sender, receiver, missing, extra });
        }
    };
    let peers: Vec<_> = network.endpoints().iter().map(|one| (Peer::Endpoint(one), network.party(one))).collect();
    let outside: Vec<_> = network.externals().map(|(party, range)| (Peer::Outside(range.clone()), party)).collect();
    for (sender, from) in peers.iter().chain(&outside) {
        for (receiver, to) in peers.iter().chain(&outside) {
            let same = match (sender, receiver) {
                (Peer::Endpoint(sender), Peer::Endpoint(receiver)) => sender.is_same_workload(receiver),
                (Peer::Outside(_), Peer::Outside(_)) => true,
                _ => false,
            };
            if !same {
                compare(sender, receiver, &matrix.ports(*from, *to));
            }
        }
    }
    found
}

/// The ports on which an endpoint needs name servers.
fn dns(wanted: &Wanted<'_, '_>, endpoint: &Endpoint) -> Ports {
    let mut ports = Ports::none();
    for (_, need) in wanted.by(endpoint, Direction::Egress).filter(|(end, _)| **end == End::Dns) {
        ports.unite(&need.ports);
    }
    ports
}

fn default_deny(namespace: &str) -> String {
    let mut text = String::from("# Whatever no other policy allows is denied, also to pods that are added later.\n");
    header(&mut text, "default-deny", namespace);
    text.push_str("spec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n");
    text
}

fn allow_dns(namespace: &str, dns: &Ports) -> String {
    let mut text =
        String::from("# Every connection starts with a name, and UDP answers that are too long come over TCP.\n");
    header(&mut text, "allow-dns", namespace);
    text.push_str("spec:\n  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n    - to:\n");
    text.push_str(NAME_SERVERS);
    ports(&mut text, dns);
    text
}

const NAME_SERVERS: &str = "        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
";

/// Writes the policy of one workload.
struct Writer<'a, 'n> {
    inventory: &'a Inventory,
    network: &'a Network,
    wanted: &'a Wanted<'a, 'n>,
    endpoint: &'a Endpoint,
    /// The ports on which all pods of the namespace reach name servers.
    dns: &'a Ports,
}

/// One rule of a policy: peers that share their ports, each with what shows it.
struct Rule<'a, 'n> {
    ports: Ports,
    peers: Vec<(&'a End<'n>, Vec<&'a str>)>,
}

impl<'a, 'n> Writer<'a, 'n> {
    /// Adds the policy, unless the workload needs none or cannot be selected.
    fn policy(&self, name: &str, generated: &mut Generated) {
        let mut rules = String::new();
        let mut types = Vec::new();
        for direction in Direction::BOTH {
            let mut list = String::new();
            for rule in self.rules(direction) {
                self.rule(direction, &rule, &mut list, generated);
            }
            if !list.is_empty() {
                types.push(direction.name());
                let _ = write!(rules, "  {}:\n{list}", direction.key());
            }
        }
        if types.is_empty() {
            return;
        }
        let Some(labels) = selector(self.inventory, self.endpoint) else {
            generated.unselectable.insert(self.endpoint.to_string());
            return;
        };
        let mut text = String::new();
        header(&mut text, name, &self.endpoint.namespace);
        text.push_str("spec:\n  podSelector:\n    matchLabels:\n");
        match_labels(&mut text, &labels, 6);
        let _ = write!(text, "  policyTypes: [{}]\n{rules}", types.join(", "));
        generated.policies.push(text);
    }

    /// What the workload needs in a direction: each peer once, without what a wider rule says.
    fn rules(&self, direction: Direction) -> Vec<Rule<'a, 'n>> {
        let mut peers: Vec<(&End<'n>, Ports, Vec<&str>)> = Vec::new();
        for (end, need) in self.wanted.by(self.endpoint, direction) {
            match peers.iter_mut().find(|(known, ..)| *known == end) {
                Some((_, ports, because)) => {
                    ports.unite(&need.ports);
                    if !because.contains(&&*need.because) {
                        because.push(&need.because);
                    }
                }
                None => peers.push((end, need.ports.clone(), vec![&need.because])),
            }
        }
        let of = |wanted: &End<'_>| {
            let found = peers.iter().find(|(end, ..)| *end == wanted);
            found.map_or_else(Ports::none, |(_, ports, _)| ports.clone())
        };
        let (anybody, mut pods) = (of(&End::Anybody), of(&End::Pods));
        pods.unite(&anybody);
        let covered = |end: &End<'_>| match end {
            End::Anybody => Ports::none(),
            End::Pods | End::Outside(_) => anybody.clone(),
            End::Dns => {
                let mut ports = pods.clone();
                ports.unite(self.dns);
                ports
            }
            End::Endpoint(peer) => {
                let mut ports = pods.clone();
                if direction == Direction::Egress && self.network.dns().contains(&self.network.party(peer)) {
                    ports.unite(self.dns);
                }
                ports
            }
        };
        let mut rules: Vec<Rule<'a, 'n>> = Vec::new();
        for (end, ports, because) in &peers {
            let ports = ports.subtract(&covered(end));
            if ports.is_empty() {
                continue;
            }
            // To name anybody is to name nobody else.
            let joint = |rule: &&mut Rule<'_, '_>| {
                rule.ports == ports && **end != End::Anybody && rule.peers.iter().all(|(end, _)| **end != End::Anybody)
            };
            match rules.iter_mut().find(joint) {
                Some(rule) => rule.peers.push((end, because.clone())),
                None => rules.push(Rule { ports, peers: vec![(end, because.clone())] }),
            }
        }
        rules
    }

    fn rule(&self, direction: Direction, rule: &Rule<'_, '_>, text: &mut String, generated: &mut Generated) {
        let (mut comments, mut peers) = (String::new(), String::new());
        let mut anybody = false;
        for (end, because) in &rule.peers {
            let name = match end {
                End::Anybody => {
                    anybody = true;
                    "anybody".to_owned()
                }
                End::Pods => {
                    peers.push_str("        - namespaceSelector: {}\n");
                    "every pod".to_owned()
                }
                End::Dns => {
                    peers.push_str(NAME_SERVERS);
                    "name servers".to_owned()
                }
                End::Endpoint(peer) => {
                    let Some(labels) = selector(self.inventory, peer).filter(|_| !peer.host_network) else {
                        generated.unselectable.insert(peer.to_string());
                        continue;
                    };
                    self.pods(peer, &labels, &mut peers);
                    comment(&peer.name)
                }
                End::Outside(addresses) => {
                    addresses.blocks().iter().for_each(|block| ip_block(block, &mut peers));
                    "addresses outside".to_owned()
                }
            };
            let _ = writeln!(comments, "    # {name}, by {}", comment(&because.join(", ")));
        }
        if !anybody && peers.is_empty() {
            return;
        }
        text.push_str(&comments);
        let key = if direction == Direction::Ingress { "from" } else { "to" };
        match (anybody, rule.ports == Ports::all()) {
            (true, true) => text.push_str("    - {}\n"),
            (true, false) => {
                text.push_str("    - ports:\n");
                port_list(text, &rule.ports);
            }
            (false, _) => {
                let _ = write!(text, "    - {key}:\n{peers}");
                ports(text, &rule.ports);
            }
        }
    }

    /// A peer that is the pods of a workload.
    fn pods(&self, peer: &Endpoint, labels: &[(&str, &str)], text: &mut String) {
        if peer.namespace == self.endpoint.namespace {
            text.push_str("        - podSelector:\n            matchLabels:\n");
        } else {
            text.push_str("        - namespaceSelector:\n            matchLabels:\n");
            let name = scalar_text(&peer.namespace);
            let _ = writeln!(text, "              kubernetes.io/metadata.name: {name}");
            text.push_str("          podSelector:\n            matchLabels:\n");
        }
        match_labels(text, labels, 14);
    }
}

fn ip_block(block: &Block, text: &mut String) {
    let _ = writeln!(text, "        - ipBlock:\n            cidr: {}", scalar_text(&block.cidr));
    if !block.except.is_empty() {
        text.push_str("            except:\n");
        for except in &block.except {
            let _ = writeln!(text, "              - {}", scalar_text(except));
        }
    }
}

fn header(text: &mut String, name: &str, namespace: &str) {
    let name = scalar_text(name);
    let _ = writeln!(text, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}");
    if !namespace.is_empty() {
        let _ = writeln!(text, "  namespace: {}", scalar_text(namespace));
    }
}

fn match_labels(text: &mut String, labels: &[(&str, &str)], indent: usize) {
    for (key, value) in labels {
        let _ = writeln!(text, "{:indent$}{}: {}", "", scalar_text(key), scalar_text(value));
    }
}

/// The ports of a rule with peers; nothing where they are all.
fn ports(text: &mut String, ports: &Ports) {
    if *ports != Ports::all() {
        text.push_str("      ports:\n");
        port_list(text, ports);
    }
}

fn port_list(text: &mut String, ports: &Ports) {
    for (protocol, first, last) in ports.iter() {
        let _ = writeln!(text, "        - protocol: {protocol}");
        if (first, last) != (1, u16::MAX) {
            let _ = writeln!(text, "          port: {first}");
            if last > first {
                let _ = writeln!(text, "          endPort: {last}");
            }
        }
    }
}
/// The labels that select an endpoint's pods: those that its controller selects by, else all of
/// the pods' that last. `None` where there are none.
fn selector<'a>(inventory: &'a Inventory, endpoint: &Endpoint) -> Option<Vec<(&'a str, &'a str)>> {
    let resource: &Resource = inventory.get(endpoint.resource)?;
    let stable = |labels: Option<Value<'a>>| -> Vec<(&'a str, &'a str)> {
        let labels = labels.into_iter().flat_map(Value::entries);
        let lasting = labels.filter(|label| !VOLATILE.contains(&label.key.raw()));
        lasting.map(|label| (label.key.raw(), label.value.raw())).collect()
    };
    let own = stable(resource.value().at(&["spec", "selector", "matchLabels"]));
    let labels = if own.is_empty() { stable(Workload::of(resource)?.pod_labels()) } else { own };
    (!labels.is_empty()).then_some(labels)
}

/// A string as YAML: plain where it stays a string, else in quotes.
fn scalar_text(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && scalar::resolve_plain(text) == NodeKind::Str;
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A text that cannot leave its comment.
fn comment(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
