//! Generated policies, proven by the engine: they allow what is needed and nothing else, and
//! none of them can be left out.

use std::path::Path;
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, Peer, generate, needs};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_manifest::load::{Input, Options, load};

/// Whom policies let through among workloads: sender, receiver, ports.
type Allowed = Vec<(String, String, String)>;

fn inventory(resources: Vec<Resource>) -> Inventory {
    Inventory::new(resources, Coverage::everything())
}

/// The workloads of a folder next to the repository, without their policies, and the generated ones.
fn generated(folder: &str) -> (Vec<Resource>, Vec<String>, Allowed) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let options = Options { namespace: Some("default".to_owned()), ..Options::default() };
    let mut resources = load(vec![Input::Path(path)], &options, &|_| {}).expect("the folder can be read").resources;
    resources.retain(|resource| resource.kind() != Kind::NetworkPolicy);
    let inventory = inventory(resources.clone());
    let network = Network::of(&inventory, Assumptions::default());
    let needs = needs(&inventory, &network);
    let inside = needs
        .iter()
        .filter_map(|need| Some((need.sender?.to_string(), need.receiver.to_string(), need.ports.to_string())));
    let mut needed: Allowed = inside.collect();
    needed.sort();
    (resources, generate(&inventory, &network, &needs), needed)
}

/// What policies come to.
#[derive(Debug, PartialEq, Eq)]
struct Effect {
    /// Connections between workloads.
    inside: Allowed,
    /// Connections with addresses outside.
    outside: Allowed,
    /// Whether every workload can resolve names.
    resolves: bool,
}

fn effect(resources: &[Resource], policies: &[String]) -> Effect {
    let text = policies.join("---\n");
    let read = hardline_manifest::read::read(&Arc::new(Source::new("policies.yaml", text)));
    assert!(read.findings.is_empty() && read.resources.len() == policies.len());
    let namespace: Arc<str> = "default".into();
    let read = read.resources.into_iter().map(|policy| policy.with_default_namespace(Some(namespace.clone())));
    let inventory = inventory(resources.iter().cloned().chain(read).collect());
    let network = Network::of(&inventory, Assumptions::default());
    assert!(network.problems().is_empty(), "{:?}", network.problems());
    let resolves = network.endpoints().iter().all(|endpoint| network.can_resolve(network.party(endpoint)));
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for connection in network.connections(&network.matrix()) {
        let line = (connection.sender.to_string(), connection.receiver.to_string(), connection.ports.to_string());
        match (&connection.sender, &connection.receiver) {
            (Peer::Endpoint(_), Peer::Endpoint(_)) => inside.push(line),
            _ => outside.push(line),
        }
    }
    Effect { inside, outside, resolves }
}

/// The generated policies of a folder allow exactly what is needed; without any one of them
/// something needed is denied, or something not needed allowed.
fn prove(folder: &str, expected: usize) {
    let (resources, policies, needed) = generated(folder);
    assert_eq!(needed.len(), expected, "{needed:#?}");
    let whole = effect(&resources, &policies);
    assert!(whole.resolves, "a workload cannot resolve names");
    let missing: Vec<_> = needed.iter().filter(|need| !whole.inside.contains(need)).collect();
    let extra: Vec<_> = whole.inside.iter().filter(|connection| !needed.contains(connection)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
    for left_out in 0..policies.len() {
        let mut rest = policies.clone();
        let policy = rest.remove(left_out);
        assert_ne!(effect(&resources, &rest), whole, "nothing changes without\n{policy}");
    }
}

#[test]
fn the_shop_gets_exactly_what_it_needs() {
    prove("examples/3am", 1);
}

#[test]
fn the_online_boutique_gets_exactly_what_it_needs() {
    prove("../shared/corpus/online-boutique/kubernetes-manifests", 16);
}
