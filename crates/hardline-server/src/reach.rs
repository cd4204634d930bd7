//! What a change of a policy, or of a namespace's labels, does to who can reach whom.

use std::collections::BTreeMap;

use hardline_core::inventory::Inventory;
use hardline_core::network::{Assumptions, Peer, Ports};
use hardline_core::resource::{Kind, Resource};
use hardline_core::tree::Value;

/// So many sentences are told of one change.
const MOST_SENTENCES: usize = 6;

/// So many names are told in a list.
const MOST_NAMES: usize = 3;

/// What is opened and closed in a cluster by an object that is to become so; `None` where it is to go.
pub(crate) fn changed(cluster: &Inventory, object: Option<&Resource>, old: Option<&Resource>) -> Vec<String> {
    if !may_change(object, old) {
        return Vec::new();
    }
    let after = match (object, old) {
        (Some(object), _) => cluster.with(vec![object.clone()]),
        (None, Some(old)) => cluster.without(old),
        (None, None) => return Vec::new(),
    };
    // What happens to several receivers alike is one sentence.
    let mut alike: BTreeMap<(bool, String, String), Vec<String>> = BTreeMap::new();
    let later = cluster.network().later(&after, Assumptions::default());
    for change in cluster.network().changes(&later) {
        let senders = names(&change.senders.iter().map(name).collect::<Vec<_>>());
        for (closes, ports) in [(false, &change.opened), (true, &change.closed)] {
            if !ports.is_empty() {
                let key = (closes, told(ports), senders.clone());
                alike.entry(key).or_default().push(name(&change.receiver));
            }
        }
    }
    let sentences = alike.iter().map(|((closes, ports, senders), receivers)| {
        let verb = if *closes { "closes" } else { "opens" };
        format!("{verb} {ports} of {} to {senders}", names(receivers))
    });
    let mut told: Vec<String> = sentences.clone().take(MOST_SENTENCES).collect();
    if alike.len() > MOST_SENTENCES {
        told.push(format!("and {} more: `hardline net diff` shows all", alike.len() - MOST_SENTENCES));
    }
    told
}

/// Whether the object decides about traffic, and says something else than before. A namespace that is new
/// has no pods.
fn may_change(object: Option<&Resource>, old: Option<&Resource>) -> bool {
    let part = |resource: &Resource, path: &[&str]| resource.value().at(path).map(Value::to_json);
    let differs = |path: &[&str]| object.and_then(|it| part(it, path)) != old.and_then(|it| part(it, path));
    match object.or(old).map(Resource::kind) {
        Some(
            Kind::NetworkPolicy
            | Kind::AdminNetworkPolicy
            | Kind::BaselineAdminNetworkPolicy
            | Kind::ClusterNetworkPolicy,
        ) => differs(&["spec"]),
        Some(Kind::Namespace) => object.is_some() && old.is_some() && differs(&["metadata", "labels"]),
        _ => false,
    }
}

fn told(ports: &Ports) -> String {
    if *ports == Ports::all() { "every port".to_owned() } else { ports.to_string() }
}

fn name(peer: &Peer<'_>) -> String {
    match peer {
        Peer::Endpoint(endpoint) if endpoint.namespace.is_empty() => format!("`{}`", endpoint.name),
        Peer::Endpoint(endpoint) => format!("`{}/{}`", endpoint.namespace, endpoint.name),
        Peer::Outside(addresses) => format!("the addresses {addresses}"),
    }
}

fn names(all: &[String]) -> String {
    let (named, more) = all.split_at(all.len().min(MOST_NAMES));
    let listed = named.join(", ");
    if more.is_empty() { listed } else { format!("{listed} and {} more", more.len()) }
}
