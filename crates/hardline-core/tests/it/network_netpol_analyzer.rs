//! The connection lists of netpol-analyzer's own tests.
//!
//! Its exposure analysis, `OpenShift` routes, user-defined networks and virtual machines are
//! left out. Lists are compared by meaning: by sender, receiver and ports, ranges of addresses
//! joined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::document;
use serde_json::Value;

/// Folders whose published list differs, each with the reason.
const ARGUED: &[(&str, &str)] = &[
    ("example_pods_w_same_owner_and_labels_gap_no_policy", NO_KIND),
    ("example_pods_w_same_owner_and_labels_gap_anp_good", NO_KIND),
    ("example_pods_w_same_owner_and_labels_gap_with_good_match_expression", NO_KIND),
];

/// The connections are the same, their ends are called otherwise.
const NO_KIND: &str = "the owner references have no kind, so the API server refuses them; the pods are named instead";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/netpol-analyzer")
}

#[expect(clippy::disallowed_methods, reason = "core does no IO, its tests read fixtures")]
fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Connections by meaning: for each pair of ends its ports; ranges become one end for each set of ports.
type Meaning = BTreeMap<(String, String), BTreeSet<String>>;

fn add(meaning: &mut Meaning, sender: &str, receiver: &str, ports: &str) {
    let outside = |end: &str| end.ends_with("[External]");
    let (from, to) = (outside(sender), outside(receiver));
    let key = |end: &str, outside: bool| if outside { format!("external {ports}") } else { end.to_owned() };
    let ranges = if from { sender } else { receiver };
    let values = if from || to { ranges.trim_end_matches("[External]").split(',').collect() } else { vec![ports] };
    let entry = meaning.entry((key(sender, from), key(receiver, to))).or_default();
    entry.extend(values.into_iter().map(str::to_owned));
}

/// Joins ranges that touch, as both tools may cut the same addresses differently.
fn joined(meaning: Meaning) -> Meaning {
    let number = |text: &str| text.parse::<std::net::Ipv4Addr>().map(|address| u64::from(address.to_bits()));
    meaning
        .into_iter()
        .map(|(key, values)| {
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for value in &values {
                let Some((Ok(first), Ok(last))) =
                    value.split_once('-').map(|(first, last)| (number(first), number(last)))
                else {
                    return (key, values);
                };
                ranges.push((first, last));
            }
            ranges.sort_unstable();
            let mut merged: Vec<(u64, u64)> = Vec::new();
            for (first, last) in ranges {
                match merged.last_mut() {
                    Some(open) if first <= open.1 + 1 => open.1 = open.1.max(last),
                    _ => merged.push((first, last)),
                }
            }
            (key, merged.into_iter().map(|(first, last)| format!("{first}-{last}")).collect())
        })
        .collect()
}

fn published(path: &Path) -> Option<Meaning> {
    let mut meaning = Meaning::new();
    for line in text(path)?.lines().filter(|line| line.contains(" => ")) {
        let (ends, ports) = line.split_once(" : ")?;
        let (sender, receiver) = ends.split_once(" => ")?;
        add(&mut meaning, sender, receiver, ports);
    }
    Some(joined(meaning))
}

/// A document as JSON, the items of typed lists with the type that the list implies: the API
/// server leaves it out in its answers.
fn with_types(mut document: Value, ignore_host_network: bool) -> Value {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    let item_kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
    if let (Some(kind), Some(items)) = (item_kind, document.get_mut("items").and_then(Value::as_array_mut)) {
        for item in items {
            item["kind"] = kind.into();
            item["apiVersion"] = api_version.as_str().into();
            if ignore_host_network {
                item["spec"]["hostNetwork"] = false.into();
            }
        }
    }
    document
}

fn resources(folder: &Path, ignore_host_network: bool) -> Vec<Resource> {
    let entries = std::fs::read_dir(folder).expect("the fixture is a folder");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| path.is_dir());
    let mut resources: Vec<Resource> =
        folders.iter().flat_map(|folder| resources(folder, ignore_host_network)).collect();
    for text in files.iter().filter_map(|file| text(file)) {
        let documents = document::parse(&Arc::new(Source::new("fixture.yaml", text)));
        for root in documents.tree.roots().map(|root| with_types(root.to_json(), ignore_host_network)) {
            let read = hardline_manifest::read::read(&Arc::new(Source::new("fixture.json", root.to_string())));
            let namespace: Arc<str> = "default".into();
            resources.extend(
                read.resources.into_iter().map(|resource| resource.with_default_namespace(Some(namespace.clone()))),
            );
        }
    }
    resources
}

/// The list that hardline makes. netpol-analyzer does not know `hostNetwork`; leaving it out too shows
/// whether that is all that differs.
fn ours(folder: &Path, ignore_host_network: bool) -> Meaning {
    let inventory = Inventory::new(resources(folder, ignore_host_network), Coverage::everything());
    let network = Network::of(&inventory, Assumptions { blocks_match_pods: false });
    let mut meaning = Meaning::new();
    for connection in network.connections(&network.matrix()) {
        add(
            &mut meaning,
            &connection.sender.to_string(),
            &connection.receiver.to_string(),
            &connection.ports.to_string(),
        );
    }
    joined(meaning)
}

#[test]
fn agrees_with_the_connection_lists_of_netpol_analyzer() {
    let index: Value = serde_json::from_str(&text(&fixtures().join("index.json")).unwrap()).unwrap();
    let modelled = ["NetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "Service"];
    let (mut equal, mut hosts, mut argued, mut left_out) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for row in index.as_array().unwrap() {
        let list = |key: &str| row[key].as_array().unwrap().iter().filter_map(Value::as_str);
        let folder = row["dir"].as_str().unwrap();
        let plain = row["exposure"] == false
            && row["multinet"] == false
            && ["focus", "focusPeers"].iter().all(|key| list(key).count() == 0)
            && row["focusDir"] == ""
            && row["focusConn"] == ""
            && list("kinds").all(|kind| modelled.contains(&kind));
        let golden =
            list("expected").find(|name| Path::new(name).extension().is_some_and(|extension| extension == "txt"));
        let expected = golden.and_then(|name| published(&fixtures().join("test_outputs/connlist").join(name)));
        let (true, Some(expected)) = (plain, expected) else {
            left_out += 1;
            continue;
        };
        let folder_path = fixtures().join("tests").join(folder);
        let found = ours(&folder_path, false);
        if found == expected {
            equal += 1;
        } else if ours(&folder_path, true) == expected {
            // Network plugins do not apply policies to pods on their node's network.
            hosts += 1;
        } else if ARGUED.iter().any(|(name, _)| *name == folder) {
            argued += 1;
        } else {
            let missing: Vec<_> =
                expected.iter().filter(|(key, value)| found.get(key) != Some(value)).take(4).collect();
            let extra: Vec<_> = found.iter().filter(|(key, value)| expected.get(key) != Some(value)).take(4).collect();
            wrong.push(format!("{folder}\n  published {missing:?}\n  ours      {extra:?}"));
        }
    }
    println!(
        "netpol-analyzer: {equal} lists equal, {hosts} but for host networks, {argued} argued, {} wrong, {left_out} rows left out",
        wrong.len()
    );
    assert_eq!((equal, hosts, argued), (47, 6, 3));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
