//! From `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` (v1alpha1) to their successor
//! `ClusterNetworkPolicy` (v1alpha2), and clusters made up to compare both on.
//!
//! <https://network-policy-api.sigs.k8s.io/api-overview/>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::Value;

use super::policy::{Direction, Problem};
use super::query::{Query, Requirement};
use super::read::{self, DraftPeer, NamespacesOf, PodsOf};

/// How many rules, peers and protocols the successor takes; its predecessors took 100.
const MOST: usize = 25;
/// How many namespaces, and pods in each, are made up at most.
const MOST_MADE_UP: usize = 32;

/// A policy in the words of its successor.
#[derive(Debug, Clone)]
pub struct Successor {
    /// The policy that it takes the place of, by index in the inventory.
    pub resource: u32,
    /// The `ClusterNetworkPolicy`.
    pub object: Json,
    /// What the successor cannot say.
    pub problems: Vec<Problem>,
}

/// The successors of an inventory's policies of v1alpha1, in its order.
pub fn successors(inventory: &Inventory) -> Vec<Successor> {
    let old = inventory.resources().filter(|resource| is_old(resource));
    let mut names: BTreeSet<String> =
        inventory.of_kind(Kind::ClusterNetworkPolicy, None).map(|policy| policy.name().to_owned()).collect();
    old.map(|policy| {
        let baseline = policy.kind() == Kind::BaselineAdminNetworkPolicy;
        let mut name = policy.name().to_owned();
        while !names.insert(name.clone()) {
            name.push_str(if baseline { "-baseline" } else { "-admin" });
        }
        successor(policy, name)
    })
    .collect()
}

/// Whether the resource is a policy of v1alpha1.
pub(super) fn is_old(resource: &Resource) -> bool {
    matches!(resource.kind(), Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy)
}

fn successor(policy: &Resource, name: String) -> Successor {
    let mut problems = Vec::new();
    let mut metadata = Map::from_iter([("name".to_owned(), Json::from(name))]);
    for key in ["labels", "annotations"] {
        let mut kept = policy.value().at(&["metadata", key]).map_or(Json::Null, Value::to_json);
        if let Some(entries) = kept.as_object_mut() {
            entries.remove("kubectl.kubernetes.io/last-applied-configuration");
            if !entries.is_empty() {
                metadata.insert(key.to_owned(), kept);
            }
        }
    }
    let (tier, priority) = match policy.kind() {
        // The one of its kind: whatever is added to its tier later goes before it.
        Kind::BaselineAdminNetworkPolicy => ("Baseline", json!(1000)),
        _ => ("Admin", policy.spec("priority").map_or(Json::Null, Value::to_json)),
    };
    let subject = policy.spec("subject").map_or(Json::Null, Value::to_json);
    let mut spec = Map::from_iter([
        ("tier".to_owned(), tier.into()),
        ("priority".to_owned(), priority),
        ("subject".to_owned(), subject),
    ]);
    for direction in Direction::BOTH {
        let list = policy.spec(direction.key()).into_iter().flat_map(Value::items);
        let rules: Vec<Json> = list.flat_map(|rule| successors_of_rule(rule, direction)).collect();
        if rules.len() > MOST {
            problems.push(Problem {
                resource: policy.index,
                path: FieldPath::of(&["spec"]).key(direction.key()),
                message: format!(
                    "{} {direction} rules are more than the {MOST} that a ClusterNetworkPolicy takes",
                    rules.len()
                ),
            });
        }
        if !rules.is_empty() {
            spec.insert(direction.key().to_owned(), rules.into());
        }
    }
    let object = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": metadata,
        "spec": spec,
    });
    Successor { resource: policy.index, object, problems }
}

/// One rule for every 25 peers and every 25 ports: rules of one action in a row are one rule.
fn successors_of_rule(rule: Value<'_>, direction: Direction) -> Vec<Json> {
    let text = |key| rule.get(key).and_then(Value::str);
    let peers: Vec<Json> =
        rule.get(direction.peers_key()).into_iter().flat_map(Value::items).flat_map(successors_of_peer).collect();
    let ports: Vec<Json> = rule.get("ports").into_iter().flat_map(Value::items).filter_map(protocol).collect();
    let any_port = rule.get("ports").is_none_or(|ports| ports.items().next().is_none());
    let port_parts: Vec<Option<&[Json]>> = if any_port { vec![None] } else { ports.chunks(MOST).map(Some).collect() };
    let mut rules = Vec::new();
    for peers in peers.chunks(MOST) {
        for ports in &port_parts {
            let mut new = Map::new();
            if let Some(name) = text("name") {
                new.insert("name".to_owned(), name.into());
            }
            let action = text("action").unwrap_or_default();
            new.insert("action".to_owned(), if action == "Allow" { "Accept" } else { action }.into());
            new.insert(direction.peers_key().to_owned(), peers.into());
            if let Some(ports) = ports {
                new.insert("protocols".to_owned(), (*ports).into());
            }
            rules.push(Json::from(new));
        }
    }
    rules
}

/// A peer; one of more than 25 networks or names becomes several.
fn successors_of_peer(peer: Value<'_>) -> Vec<Json> {
    for key in ["networks", "domainNames"] {
        if let Some(list) = peer.get(key) {
            let items: Vec<Json> = list.items().map(Value::to_json).collect();
            return items.chunks(MOST).map(|items| json!({key: items})).collect();
        }
    }
    vec![peer.to_json()]
}

/// An item of `ports` as one of `protocols`.
fn protocol(port: Value<'_>) -> Option<Json> {
    if let Some(name) = port.get("namedPort") {
        return Some(json!({"destinationNamedPort": name.to_json()}));
    }
    let (key, value) = ["portNumber", "portRange"].into_iter().find_map(|key| Some((key, port.get(key)?)))?;
    let protocol = value.get("protocol").and_then(Value::str).unwrap_or("TCP").to_lowercase();
    let field = |key| value.get(key).map_or(Json::Null, Value::to_json);
    let destination = match key {
        "portNumber" => json!({"number": field("port")}),
        _ => json!({"range": {"start": field("start"), "end": field("end")}}),
    };
    Some(json!({protocol: {"destinationPort": destination}}))
}

/// Namespaces and pods that the selectors of an inventory's policies of v1alpha1 tell apart, as
/// objects: for each selector labels that meet it, labels that miss one requirement, and none.
/// Every other namespace has a `NetworkPolicy` that denies by default, so that it shows what is
/// passed on. Pods declare the ports that policies name.
pub fn made_up(inventory: &Inventory) -> Vec<Json> {
    let mut problems = Vec::new();
    let old = inventory.resources().filter(|resource| is_old(resource));
    let drafts: Vec<_> = old.filter_map(|resource| read::read(resource, &mut problems)).collect();
    let (mut namespaces, mut pods) = (BTreeSet::from([Labels::new()]), BTreeSet::from([Labels::new()]));
    let mut ports = BTreeSet::new();
    for draft in &drafts {
        let peers = draft.rules.iter().flat_map(|rule| &rule.peers).filter_map(|peer| match peer {
            DraftPeer::Pods(pods) => Some(pods),
            _ => None,
        });
        for PodsOf { namespaces: wanted, pods: labels } in peers.chain([&draft.subject]) {
            pods.extend(variants(labels));
            if let NamespacesOf::Labelled(query) = wanted {
                namespaces.extend(variants(query));
            }
        }
        ports.extend(draft.rules.iter().flat_map(|rule| &rule.ports.named).map(|&(name, _)| name));
    }
    let mut objects = Vec::new();
    for (number, labels) in namespaces.iter().take(MOST_MADE_UP).enumerate() {
        let named = labels.get("kubernetes.io/metadata.name").map(|&name| name.to_owned());
        let name = named.unwrap_or_else(|| format!("made-up-{number}"));
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
        if number % 2 == 1 {
            objects.push(json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "made-up-deny", "namespace": name},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            }));
        }
        for (pod, labels) in pods.iter().take(MOST_MADE_UP).enumerate() {
            let declared: Vec<Json> =
                (0..).zip(&ports).map(|(at, name)| json!({"name": name, "containerPort": 20_000 + at})).collect();
            objects.push(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("made-up-{pod}"), "namespace": name, "labels": labels},
                "spec": {"containers": [{"name": "main", "image": "none", "ports": declared}]},
            }));
        }
    }
    objects
}

type Labels<'a> = BTreeMap<&'a str, &'a str>;

/// Labels that meet a query, and, for each requirement, labels that miss just that one.
fn variants<'a>(query: &Query<'a>) -> Vec<Labels<'a>> {
    let meets = |labels: &mut Labels<'a>, requirement: &Requirement<'a>| match requirement {
        Requirement::In(key, values) => _ = values.first().map(|&value| labels.insert(key, value)),
        Requirement::Exists(key) => _ = labels.insert(key, "made-up"),
        _ => {}
    };
    let misses = |labels: &mut Labels<'a>, requirement: &Requirement<'a>| match requirement {
        Requirement::NotIn(key, values) => _ = values.first().map(|&value| labels.insert(key, value)),
        Requirement::DoesNotExist(key) => _ = labels.insert(key, "made-up"),
        _ => {}
    };
    (0..=query.0.len())
        .map(|missed| {
            let mut labels = Labels::new();
            for (number, requirement) in query.0.iter().enumerate() {
                if number == missed { misses(&mut labels, requirement) } else { meets(&mut labels, requirement) }
            }
            labels
        })
        .collect()
}
