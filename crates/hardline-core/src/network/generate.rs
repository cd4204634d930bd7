//! `NetworkPolicies` that allow what is needed and nothing else, as text to be read and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::inventory::Inventory;
use crate::resource::Resource;
use crate::scalar;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

use super::need::Need;
use super::{Direction, Endpoint, Network, Ports};

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

/// The policies for these needs: in each namespace with pods one that denies by default, one that
/// allows DNS, and one for each workload that sends or receives. Each needed connection is allowed
/// on both sides.
///
/// Each text is one YAML document with comments that say why. Workloads whose pods have no
/// labels cannot be selected; what they need is left out.
pub fn generate(inventory: &Inventory, network: &Network, needs: &[Need<'_>]) -> Vec<String> {
    let held = || network.endpoints().iter().filter(|endpoint| !endpoint.host_network);
    let namespaces: BTreeSet<&str> = held().map(|endpoint| &*endpoint.namespace).collect();
    let mut texts = Vec::new();
    for namespace in namespaces {
        texts.push(default_deny(namespace));
        texts.push(allow_dns(namespace));
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for endpoint in held().filter(|endpoint| &*endpoint.namespace == namespace) {
            names.entry(&endpoint.name).or_default().insert(&endpoint.kind);
        }
        let mut written = BTreeSet::new();
        for endpoint in held().filter(|endpoint| &*endpoint.namespace == namespace) {
            let name = match names.get(&*endpoint.name).map_or(0, BTreeSet::len) {
                1 => endpoint.name.to_string(),
                _ => format!("{}-{}", endpoint.name, endpoint.kind.to_lowercase()),
            };
            if written.insert(name.clone()) {
                texts.extend(workload(inventory, endpoint, &name, needs));
            }
        }
    }
    texts
}

fn default_deny(namespace: &str) -> String {
    let mut text = String::from("# Whatever no other policy allows is denied, also to pods that are added later.\n");
    header(&mut text, "default-deny", namespace);
    text.push_str("spec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n");
    text
}

fn allow_dns(namespace: &str) -> String {
    let mut text =
        String::from("# Every connection starts with a name, and UDP answers that are too long come over TCP.\n");
    header(&mut text, "allow-dns", namespace);
    text.push_str(
        "spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
",
    );
    text
}

/// The policy of one workload; `None` if it needs none or cannot be selected.
fn workload(inventory: &Inventory, endpoint: &Endpoint, name: &str, needs: &[Need<'_>]) -> Option<String> {
    let labels = selector(inventory, endpoint)?;
    let mut rules = String::new();
    let mut types = Vec::new();
    for direction in Direction::BOTH {
        let list = rules_of(inventory, endpoint, direction, needs);
        if !list.is_empty() {
            types.push(direction.name());
            let _ = write!(rules, "  {}:\n{list}", direction.key());
        }
    }
    if types.is_empty() {
        return None;
    }
    let mut text = String::new();
    header(&mut text, name, &endpoint.namespace);
    text.push_str("spec:\n  podSelector:\n    matchLabels:\n");
    match_labels(&mut text, &labels, 6);
    let _ = write!(text, "  policyTypes: [{}]\n{rules}", types.join(", "));
    Some(text)
}

fn rules_of(inventory: &Inventory, endpoint: &Endpoint, direction: Direction, needs: &[Need<'_>]) -> String {
    let mut text = String::new();
    for need in needs {
        let (own, peer) = match direction {
            Direction::Ingress => (Some(need.receiver), need.sender),
            Direction::Egress => (need.sender, Some(need.receiver)),
        };
        if !own.is_some_and(|own| own.is_same_workload(endpoint)) {
            continue;
        }
        let because = comment(&need.because);
        match peer {
            None => {
                let _ = write!(text, "    # anybody, by {because}\n    - ports:\n");
                ports(&mut text, &need.ports);
            }
            Some(peer) => {
                let Some(labels) = selector(inventory, peer).filter(|_| !peer.host_network) else { continue };
                let _ = writeln!(text, "    # {}, by {because}", comment(&peer.name));
                let _ = writeln!(text, "    - {}:", if direction == Direction::Ingress { "from" } else { "to" });
                if peer.namespace == endpoint.namespace {
                    text.push_str("        - podSelector:\n            matchLabels:\n");
                } else {
                    text.push_str("        - namespaceSelector:\n            matchLabels:\n");
                    let name = scalar_text(&peer.namespace);
                    let _ = writeln!(text, "              kubernetes.io/metadata.name: {name}");
                    text.push_str("          podSelector:\n            matchLabels:\n");
                }
                match_labels(&mut text, &labels, 14);
                text.push_str("      ports:\n");
                ports(&mut text, &need.ports);
            }
        }
    }
    text
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

fn ports(text: &mut String, ports: &Ports) {
    for (protocol, first, last) in ports.iter() {
        let _ = writeln!(text, "        - protocol: {protocol}\n          port: {first}");
        if last > first {
            let _ = writeln!(text, "          endPort: {last}");
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
