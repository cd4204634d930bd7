//! Generated policies, proven by the engine: they allow what is needed and nothing else, and
//! none of them can be left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hardline_core::flow::Flows;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{
    Assumptions, Generated, Network, Peer, deviations, generate, needs, observed, reachable, resolution,
};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_manifest::load::{Input, Options, load};

/// Whom policies let through among workloads: sender, receiver, ports.
type Allowed = Vec<(String, String, String)>;

fn inventory(resources: Vec<Resource>) -> Inventory {
    Inventory::new(resources, Coverage::everything())
}

/// The resources of a folder next to the repository.
fn resources(folder: &str) -> Vec<Resource> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let options = Options { namespace: Some("default".to_owned()), ..Options::default() };
    load(vec![Input::Path(path)], &options, &|_| {}).expect("the folder can be read").resources
}

fn without_policies(mut resources: Vec<Resource>) -> Vec<Resource> {
    resources.retain(|resource| resource.kind() != Kind::NetworkPolicy);
    resources
}

/// The workloads of a folder without their policies, and the generated ones.
fn generated(folder: &str) -> (Vec<Resource>, Vec<String>, Allowed) {
    let resources = without_policies(resources(folder));
    let inventory = inventory(resources.clone());
    let network = Network::of(&inventory, Assumptions::default());
    let mut needs = needs(&inventory, &network);
    let inside = needs.iter().filter_map(|need| {
        let (sender, receiver) = (need.sender.endpoint()?, need.receiver.endpoint()?);
        Some((sender.to_string(), receiver.to_string(), need.ports.to_string()))
    });
    let mut needed: Allowed = inside.collect();
    needed.sort();
    needs.extend(resolution(&network));
    let Generated { policies, unselectable } = generate(&inventory, &network, &needs);
    assert!(unselectable.is_empty());
    assert_eq!(deviations(&network_with(&resources, &policies).1, &needs), []);
    (resources, policies, needed)
}

/// Resources with these policies.
fn network_with(resources: &[Resource], policies: &[String]) -> (Inventory, Network) {
    let text = policies.join("---\n");
    let read = hardline_manifest::read::read(&Arc::new(Source::new("policies.yaml", text)));
    assert!(read.findings.is_empty() && read.resources.len() == policies.len());
    let namespace: Arc<str> = "default".into();
    let read = read.resources.into_iter().map(|policy| policy.with_default_namespace(Some(namespace.clone())));
    let inventory = inventory(resources.iter().cloned().chain(read).collect());
    let network = Network::of(&inventory, Assumptions::default());
    assert!(network.problems().is_empty(), "{:?}", network.problems());
    (inventory, network)
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
    effect_of(&network_with(resources, policies).1)
}

fn effect_of(network: &Network) -> Effect {
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

/// A pod of which no policy knows, in each namespace of these resources.
fn newcomers(resources: &[Resource]) -> Vec<Resource> {
    let namespaces: BTreeSet<&str> = resources.iter().filter_map(Resource::namespace).collect();
    let pod = |namespace: &&str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: newcomer, namespace: {namespace}}}\nspec: {{containers: []}}\n"
        )
    };
    let text = namespaces.iter().map(pod).collect::<Vec<_>>().join("---\n");
    hardline_manifest::read::read(&Arc::new(Source::new("newcomers.yaml", text))).resources
}

/// Pods that are added later get nothing from these policies, and without any one of them that, or
/// what workloads reach, is not so.
fn each_is_needed(resources: &[Resource], policies: &[String]) {
    let later: Vec<_> = resources.iter().cloned().chain(newcomers(resources)).collect();
    let whole = effect(&later, policies);
    assert!(whole.outside.iter().all(|(sender, receiver, _)| !format!("{sender}{receiver}").contains("newcomer")));
    for left_out in 0..policies.len() {
        let mut rest = policies.to_vec();
        let policy = rest.remove(left_out);
        assert_ne!(effect(&later, &rest), whole, "nothing changes without\n{policy}");
    }
}

/// The policies of a folder's present reach allow exactly that, and pods that are added later
/// nothing; without any one of them that is not so.
fn freeze(folder: &str) -> Vec<String> {
    let resources = resources(folder);
    let inventory = inventory(resources.clone());
    let network = Network::of(&inventory, Assumptions::default());
    let now = effect_of(&network);
    let resources = without_policies(resources);
    let needs = reachable(&inventory, &network);
    let Generated { policies, unselectable } = generate(&inventory, &network, &needs);
    assert!(unselectable.is_empty(), "{unselectable:?}");
    let (_, frozen) = network_with(&resources, &policies);
    assert_eq!(deviations(&frozen, &needs), []);
    let then = effect_of(&frozen);
    assert_eq!(then.inside, now.inside);
    assert_eq!((united(&then.outside), then.resolves), (united(&now.outside), now.resolves));
    each_is_needed(&resources, &policies);
    policies
}

/// Connections with addresses outside, however policies cut these into ranges: the first and last
/// address of each range that shares its other end and its ports.
fn united(connections: &Allowed) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut united: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (sender, receiver, ports) in connections {
        let (inside, outside) = if sender.ends_with("[External]") { (receiver, sender) } else { (sender, receiver) };
        let direction = if inside == sender { "to" } else { "from" };
        let ranges = outside.trim_end_matches("[External]").split(',').map(str::to_owned);
        united.entry((format!("{direction} {inside}"), ports.clone())).or_default().extend(ranges);
    }
    united
}

#[test]
fn present_reach_is_frozen() {
    for folder in ["examples/3am-fixed", "../shared/corpus/online-boutique/kubernetes-manifests"] {
        freeze(folder);
    }
    let text = freeze("examples/3am-fixed").join("---\n");
    assert!(text.contains("# checkout, by NetworkPolicy shop/"), "{text}");
    assert!(
        !freeze("../shared/corpus/online-boutique/kubernetes-manifests")
            .join("")
            .contains("podSelector:\n            matchLabels")
    );
}

#[test]
fn traffic_that_passed_is_allowed_and_nothing_else() {
    let resources = without_policies(resources("examples/3am"));
    let inventory = inventory(resources.clone());
    let network = Network::of(&inventory, Assumptions::default());
    let flows = "shop/checkout,shop/orders-db,TCP,5432,passed,7\n\
                 shop/orders-db,shop/checkout,TCP,22,dropped,1\n\
                 shop/checkout,203.0.113.7,TCP,443,passed,2\n\
                 shop/checkout,203.0.113.6,TCP,443,passed,1\n\
                 198.51.100.0,shop/checkout,TCP,8080,passed,1\n";
    let observed = observed(&inventory, &network, &Flows::read(flows), &BTreeMap::new());
    let mut needs = resolution(&network);
    needs.extend(observed.needs());
    let Generated { policies, .. } = generate(&inventory, &network, &needs);
    let (_, guarded) = network_with(&resources, &policies);
    assert_eq!(deviations(&guarded, &needs), []);
    let effect = effect_of(&guarded);
    let connection =
        |sender: &str, receiver: &str, ports: &str| (sender.to_owned(), receiver.to_owned(), ports.to_owned());
    let (checkout, database) = ("shop/checkout[Deployment]", "shop/orders-db[StatefulSet]");
    assert_eq!(effect.inside, [connection(checkout, database, "TCP 5432")]);
    let mut found = effect.outside.clone();
    found.sort();
    let outside = [
        connection("198.51.100.0-198.51.100.0[External]", checkout, "TCP 8080"),
        connection(checkout, "203.0.113.6-203.0.113.7[External]", "TCP 443"),
    ];
    assert_eq!(found, outside);
    assert!(effect.resolves);
    each_is_needed(&resources, &policies);
}

#[test]
fn what_labels_cannot_tell_apart_is_told() {
    let twins = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: twins, labels: {app: x}}\nspec: {containers: []}\n---\n\
                 apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: twins, labels: {app: x}}\nspec: {containers: []}\n---\n\
                 apiVersion: v1\nkind: Pod\nmetadata: {name: c, namespace: twins, labels: {app: c}}\nspec: {containers: []}\n---\n\
                 apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: twins}\nspec: {containers: []}\n";
    let resources = hardline_manifest::read::read(&Arc::new(Source::new("twins.yaml", twins))).resources;
    let inventory = inventory(resources.clone());
    let network = Network::of(&inventory, Assumptions::default());
    let flows = Flows::read("twins/a,twins/c,TCP,80,passed,1\ntwins/bare,twins/c,TCP,80,passed,1\n");
    let needs = observed(&inventory, &network, &flows, &BTreeMap::new()).needs();
    let Generated { policies, unselectable } = generate(&inventory, &network, &needs);
    assert_eq!(unselectable.into_iter().collect::<Vec<_>>(), ["twins/bare[Pod]"]);
    let found = deviations(&network_with(&resources, &policies).1, &needs);
    let told: Vec<_> = found.iter().map(|it| (&*it.sender, it.missing.is_empty(), it.extra.is_empty())).collect();
    assert_eq!(told, [("twins/b[Pod]", true, false), ("twins/bare[Pod]", false, true)]);
}
