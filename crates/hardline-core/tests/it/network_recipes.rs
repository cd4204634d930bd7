//! The network policy recipes: what their prose says about their manifests, as assertions.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, Party, Protocol};
use hardline_core::source::Source;

/// The namespaces of the recipes.
const NAMESPACES: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: default}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: dev, labels: {purpose: testing}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {purpose: production}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: other, labels: {team: operations}}}
";

/// What a recipe says: the recipe and which of its manifests, who sends, who receives, on which port,
/// and whether it passes. An end is a namespace and labels, `outside`, or `dns`.
const SAID: &[(&str, usize, &str, &str, &str, bool)] = &[
    ("01", 0, "default", "default app=web", "TCP 80", false),
    ("01", 0, "dev", "default app=web", "TCP 80", false),
    ("02-", 0, "default", "default app=bookstore,role=api", "TCP 80", false),
    ("02-", 0, "default app=bookstore,role=frontend", "default app=bookstore,role=api", "TCP 80", true),
    ("02-", 0, "dev app=bookstore", "default app=bookstore,role=api", "TCP 80", false),
    ("02a", 0, "default", "default app=web", "TCP 80", true),
    ("02a", 0, "dev", "default app=web", "TCP 80", true),
    ("03", 0, "default", "default app=web", "TCP 80", false),
    ("03", 0, "default app=web", "default", "UDP 53", false),
    ("03", 0, "default", "dev", "TCP 80", true),
    ("04", 0, "default", "default app=web", "TCP 80", true),
    ("04", 0, "dev", "default app=web", "TCP 80", false),
    ("05", 0, "dev", "default app=web", "TCP 80", true),
    ("05", 0, "outside", "default app=web", "TCP 80", false),
    ("06", 0, "dev", "default app=web", "TCP 80", false),
    ("06", 0, "prod", "default app=web", "TCP 80", true),
    ("07", 0, "default", "default app=web", "TCP 80", false),
    ("07", 0, "default type=monitoring", "default app=web", "TCP 80", false),
    ("07", 0, "other", "default app=web", "TCP 80", false),
    ("07", 0, "other type=monitoring", "default app=web", "TCP 80", true),
    ("08", 0, "outside", "default app=web", "TCP 80", true),
    ("08", 0, "outside", "default app=web", "TCP 443", true),
    ("09", 0, "default", "default app=apiserver", "TCP 5000", false),
    ("09", 0, "default", "default app=apiserver", "TCP 8000", false),
    ("09", 0, "default role=monitoring", "default app=apiserver", "TCP 5000", true),
    ("09", 0, "default role=monitoring", "default app=apiserver", "TCP 8000", false),
    ("10", 0, "default app=inventory,role=web", "default app=bookstore,role=db", "TCP 6379", true),
    ("10", 0, "default app=bookstore,role=search", "default app=bookstore,role=db", "TCP 6379", true),
    ("10", 0, "default app=bookstore,role=api", "default app=bookstore,role=db", "TCP 6379", true),
    ("10", 0, "default app=other", "default app=bookstore,role=db", "TCP 6379", false),
    ("10", 0, "default app=inventory,role=api", "default app=bookstore,role=db", "TCP 6379", false),
    ("11", 0, "default app=foo", "default app=web", "TCP 80", false),
    ("11", 0, "default app=foo", "outside", "TCP 80", false),
    ("11", 0, "default app=foo", "dns", "UDP 53", false),
    ("11", 1, "default app=foo", "dns", "UDP 53", true),
    ("11", 1, "default app=foo", "dns", "TCP 53", true),
    ("11", 1, "default app=foo", "default app=web", "TCP 80", false),
    ("11", 1, "default app=foo", "outside", "TCP 80", false),
    ("12", 0, "default", "default app=web", "TCP 80", false),
    ("12", 0, "default", "outside", "TCP 80", false),
    ("12", 0, "dev", "default app=web", "TCP 80", true),
    ("14", 0, "default app=foo", "dns", "UDP 53", true),
    ("14", 0, "default app=foo", "outside", "TCP 80", false),
    ("14", 0, "default app=foo", "outside", "UDP 53", false),
    ("14", 0, "default", "outside", "TCP 80", true),
];

/// The manifests of the recipe whose file's name starts so.
#[expect(clippy::disallowed_methods, reason = "core does no IO, its tests read fixtures")]
fn manifests(recipe: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/recipes");
    let mut files =
        std::fs::read_dir(folder).expect("the recipes are there").filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(recipe)));
    let text = std::fs::read_to_string(file.expect("the recipe is there")).expect("the recipe is text");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("kind: NetworkPolicy")).map(str::to_owned).collect()
}

/// The objects of a pod, if the end is one.
fn pod(end: &str, name: &str) -> String {
    if matches!(end, "outside" | "dns") {
        return String::new();
    }
    let (namespace, labels) = end.split_once(' ').unwrap_or((end, ""));
    let pairs = labels.split(',').filter_map(|label| label.split_once('='));
    let labels: Vec<String> = pairs.map(|(key, value)| format!("{key}: {value}")).collect();
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: {namespace}, labels: {{{}}}}}, spec: {{containers: [{{name: main}}]}}}}\n",
        labels.join(", ")
    )
}

fn party(network: &Network, end: &str, name: &str) -> Party {
    match end {
        "outside" => network.party_of(IpAddr::from([203, 0, 113, 7])).expect("IPv4 is spoken"),
        "dns" => network.dns()[0],
        _ => {
            let endpoint = network.endpoints().iter().find(|endpoint| &*endpoint.name == name);
            network.party(endpoint.expect("the pod is an endpoint"))
        }
    }
}

#[test]
fn the_recipes_do_what_they_say() {
    for &(recipe, number, sender, receiver, at, allowed) in SAID {
        let manifest = manifests(recipe).swap_remove(number);
        let text = format!("{NAMESPACES}{}{}---\n{manifest}", pod(sender, "sender"), pod(receiver, "receiver"));
        let read = hardline_manifest::read::read(&Arc::new(Source::new("recipe.yaml", text)));
        let namespace: Arc<str> = "default".into();
        let resources = read.resources.into_iter().map(|read| read.with_default_namespace(Some(namespace.clone())));
        let network = Network::of(&Inventory::new(resources.collect(), Coverage::everything()), Assumptions::default());
        assert!(network.problems().is_empty(), "{recipe}: {:?}", network.problems());
        let (from, to) = (party(&network, sender, "sender"), party(&network, receiver, "receiver"));
        let (protocol, port) = at.split_once(' ').unwrap();
        let (protocol, port) = (Protocol::of(protocol).unwrap(), port.parse().unwrap());
        let found = network.row(to).ports(from).contains(protocol, port);
        assert_eq!(found, allowed, "{recipe}: {sender} reaches {receiver} on {at}");
        assert_eq!(network.why(from, to, protocol, port).allowed(), allowed, "{recipe}");
    }
    println!("recipes: {} assertions", SAID.len());
}
