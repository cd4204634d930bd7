//! The connection lists, differences and explanations of netpol-analyzer's own tests.
//!
//! Lists are compared by meaning: by sender, receiver and ports, ranges of addresses joined. Of
//! lists with its exposure analysis the connections are compared, and not the peers that it makes up.
//! What is left out is counted with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Direction, Network, Opening, Ports, Protocol, Reason, ways};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::document;
use serde_json::Value;

use crate::support::published;

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

/// The connections that a text lists; those of its exposure analysis follow them.
fn listed(path: &Path) -> Option<Meaning> {
    let mut meaning = Meaning::new();
    let text = text(path)?;
    let connections = text.lines().take_while(|line| !line.starts_with("Exposure Analysis Result"));
    for line in connections.filter(|line| line.contains(" => ")) {
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

/// The cluster of a folder. netpol-analyzer does not know `hostNetwork`; leaving it out too shows
/// whether that is all that differs.
fn cluster(folder: &str, ignore_host_network: bool) -> (Inventory, Network) {
    let resources = resources(&fixtures().join("tests").join(folder), ignore_host_network);
    let inventory = Inventory::new(resources, Coverage::everything());
    let network = Network::of(&inventory, Assumptions { blocks_match_pods: false });
    (inventory, network)
}

/// The list that hardline makes; of a workload in focus, its connections.
fn ours(folder: &str, focus: Option<&str>, ignore_host_network: bool) -> Meaning {
    let (inventory, network) = cluster(folder, ignore_host_network);
    let mut meaning = Meaning::new();
    let in_focus = |end: &str| focus.is_none_or(|focus| end.split('[').next() == Some(focus));
    for connection in network.connections(&network.matrix()) {
        let (sender, receiver) = (connection.sender.to_string(), connection.receiver.to_string());
        if in_focus(&sender) || in_focus(&receiver) {
            add(&mut meaning, &sender, &receiver, &connection.ports.to_string());
        }
    }
    let mut entered: BTreeMap<String, Ports> = BTreeMap::new();
    for way in ways(&inventory, &network).into_iter().filter(|way| way.opening == Opening::Ingress) {
        entered.entry(way.receiver.to_string()).or_default().unite(&way.open);
    }
    for (receiver, ports) in entered.iter().filter(|(receiver, _)| in_focus(receiver)) {
        add(&mut meaning, "{ingress-controller}", receiver, &ports.to_string());
    }
    joined(meaning)
}

fn is_text(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "txt")
}

/// `OpenShift`'s way in: of lists with one, the connections through its controller are not compared.
const ROUTE: &str = "Route";

/// Connections but for those from controllers of Ingresses and Routes.
fn without_ways_in(mut meaning: Meaning) -> Meaning {
    meaning.retain(|(sender, receiver), _| !sender.starts_with('{') && !receiver.starts_with('{'));
    meaning
}

/// Why a row is not compared.
fn left_out(row: &Value) -> Option<&'static str> {
    let list = |key: &str| row[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let modelled = ["NetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "Service", "Ingress", ROUTE];
    if row["multinet"] == true || list("kinds").any(|kind| !modelled.contains(&kind)) {
        Some("second networks and virtual machines (Multus, OVN-Kubernetes, KubeVirt)")
    } else if list("focusPeers").next().is_some() || row["focusDir"] != "" || row["focusConn"] != "" {
        Some("its own filters")
    } else if list("focus").any(|focus| focus == "ingress-controller") {
        Some("only what comes through a route of OpenShift")
    } else if !list("expected").any(is_text) {
        Some("published as a drawing only")
    } else {
        None
    }
}

#[test]
fn agrees_with_the_connection_lists_of_netpol_analyzer() {
    let index: Value = serde_json::from_str(&text(&fixtures().join("index.json")).unwrap()).unwrap();
    let (mut equal, mut hosts, mut argued, mut but_for_routes) = (0, 0, 0, 0);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in index.as_array().unwrap() {
        if let Some(reason) = left_out(row) {
            *reasons.entry(reason).or_default() += 1;
            continue;
        }
        let list = |key: &str| row[key].as_array().unwrap().iter().filter_map(Value::as_str);
        let (folder, focus) = (row["dir"].as_str().unwrap(), list("focus").next());
        let golden = list("expected").find(|name| is_text(name)).unwrap();
        let Some(expected) = listed(&fixtures().join("test_outputs/connlist").join(golden)) else {
            *reasons.entry("their lists are not in the fixtures").or_default() += 1;
            continue;
        };
        let routed = list("kinds").any(|kind| kind == ROUTE);
        let compared = |meaning: Meaning| if routed { without_ways_in(meaning) } else { meaning };
        let (found, expected) = (compared(ours(folder, focus, false)), compared(expected));
        if found == expected {
            equal += 1;
            but_for_routes += usize::from(routed);
        } else if compared(ours(folder, focus, true)) == expected {
            hosts += 1;
            but_for_routes += usize::from(routed);
        } else if ARGUED.iter().any(|(name, _)| *name == folder) {
            argued += 1;
        } else {
            let missing: Vec<_> =
                expected.iter().filter(|(key, value)| found.get(key) != Some(value)).take(4).collect();
            let extra: Vec<_> = found.iter().filter(|(key, value)| expected.get(key) != Some(value)).take(4).collect();
            wrong.push(format!("{folder}\n  published {missing:?}\n  ours      {extra:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    published(&format!("{equal} lists equal, {hosts} but for host networks, {argued} argued, 0 wrong"));
    published(&format!("{but_for_routes} of these lists compared but for routes of OpenShift"));
    for (reason, rows) in reasons {
        published(&format!("{rows} rows left out: {reason}"));
    }
}

/// Connections by their ends, before and after.
type Differences = BTreeMap<(String, String), (String, String)>;

/// The differences between two folders as hardline sees them: ranges of addresses joined.
fn differences(before: &str, after: &str, ignore_host_network: bool) -> Differences {
    let list = |folder: &str| -> BTreeMap<(String, String), String> {
        let (_, network) = cluster(folder, ignore_host_network);
        let connections = network.connections(&network.matrix()).into_iter();
        connections.map(|it| ((it.sender.to_string(), it.receiver.to_string()), it.ports.to_string())).collect()
    };
    let (before, after) = (list(before), list(after));
    let ends = before.keys().chain(after.keys()).cloned();
    let none = || "No Connections".to_owned();
    let both = ends.map(|ends| {
        let of = |list: &BTreeMap<(String, String), String>| list.get(&ends).cloned().unwrap_or_else(none);
        let ports = (of(&before), of(&after));
        (ends, ports)
    });
    both.filter(|(_, (before, after))| before != after).collect()
}

fn published_differences(text: &str) -> Differences {
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}: ")).expect("the field is there");
        let end = [", destination: ", ", ref1: ", ", ref2: ", ", workloads-diff-info: "];
        let end = end.iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let lines = text.lines().filter(|line| line.starts_with("diff-type: "));
    let difference =
        |line: &str| ((field(line, "source"), field(line, "destination")), (field(line, "ref1"), field(line, "ref2")));
    lines.map(difference).collect()
}

#[test]
fn agrees_with_the_differences_of_netpol_analyzer() {
    let folder = fixtures().join("test_outputs/diff");
    let entries = std::fs::read_dir(&folder).expect("the fixtures are there");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let (mut equal, mut hosts, mut wrong) = (0, 0, Vec::new());
    for name in names {
        let pair = name.strip_prefix("diff_between_").and_then(|name| name.strip_suffix(".txt"));
        let Some((after, before)) = pair.and_then(|pair| pair.split_once("_and_")) else { continue };
        let expected = published_differences(&text(&folder.join(&name)).unwrap());
        let found = differences(before, after, false);
        if found == expected {
            equal += 1;
        } else if differences(before, after, true) == expected {
            hosts += 1;
        } else {
            let missing: Vec<_> = expected.iter().filter(|(ends, it)| found.get(ends) != Some(it)).take(4).collect();
            let extra: Vec<_> = found.iter().filter(|(ends, it)| expected.get(ends) != Some(it)).take(4).collect();
            wrong.push(format!("{name}\n  published {missing:?}\n  ours      {extra:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    published(&format!("{equal} differences equal, {hosts} but for host networks, 0 wrong"));
}

/// What an explanation says about some ports of a connection.
#[derive(Debug, Default)]
struct Explained {
    ports: Vec<(Protocol, u16)>,
    allowed: bool,
    /// By direction, ingress first: whether the side allows, and the policies that it cites. Empty
    /// where no policy is involved.
    sides: [Option<(bool, BTreeSet<String>)>; 2],
}

/// `TCP:[1-5,7], UDP, SCTP`: the first port of each part.
fn samples(text: &str) -> Vec<(Protocol, u16)> {
    let mut samples = Vec::new();
    let mut protocol = Protocol::Tcp;
    for word in text.split([' ', ',', ':', '[', ']']).filter(|word| !word.is_empty()) {
        if let Some(named) = Protocol::of(word) {
            protocol = named;
            samples.push((protocol, 0));
        } else if let Some(port) = word.split('-').next().and_then(|first| first.parse().ok()) {
            samples.retain(|sample| *sample != (protocol, 0));
            samples.push((protocol, port));
        }
    }
    samples.into_iter().map(|(protocol, port)| (protocol, port.max(1))).collect()
}

/// The explanations of a text by sender and receiver.
fn explanations(text: &str) -> Vec<(String, String, Vec<Explained>)> {
    let mut found: Vec<(String, String, Vec<Explained>)> = Vec::new();
    let mut side = None;
    for line in text.lines() {
        if line.starts_with("#########") || line.starts_with("Exposure") {
            side = None;
        } else if let Some(ends) = line.strip_prefix("Connections between ") {
            let (sender, receiver) = ends.trim_end_matches(':').split_once(" => ").expect("two ends");
            found.push((sender.to_owned(), receiver.to_owned(), Vec::new()));
        } else if let Some((ports, _)) = line
            .split_once(" due to ")
            .filter(|(start, _)| start.starts_with("\tAllowed ") || start.starts_with("\tDenied "))
        {
            let (verdict, ports) = ports.trim().split_once(' ').expect("a verdict and ports");
            let explained = Explained { ports: samples(ports), allowed: verdict == "Allowed", ..Explained::default() };
            found.last_mut().expect("ends come first").2.push(explained);
        } else if let Some((direction, rest)) = line.trim().split_once(" (").filter(|_| line.starts_with("\t\t")) {
            let at = match direction {
                "Ingress" => Direction::Ingress as usize,
                "Egress" => Direction::Egress as usize,
                _ => {
                    cite(line, &mut found, side);
                    continue;
                }
            };
            let last = found.last_mut().and_then(|(.., all)| all.last_mut()).expect("ports come first");
            last.sides[at] = Some((rest.starts_with("Allowed"), BTreeSet::new()));
            side = Some(at);
        } else {
            cite(line, &mut found, side);
        }
    }
    found
}

/// Adds the policy that a line cites to the side that it explains.
fn cite(line: &str, found: &mut [(String, String, Vec<Explained>)], side: Option<usize>) {
    // What passes on is not what decides.
    let policy = line.split('\'').nth(1).filter(|_| line.starts_with("\t\t\t") && !line.contains(" passes "));
    let last = found.last_mut().and_then(|(.., all)| all.last_mut());
    if let (Some(policy), Some(explained), Some(side)) = (policy, last, side)
        && let Some((_, policies)) = &mut explained.sides[side]
    {
        policies.insert(policy.to_owned());
    }
}

/// Whether hardline says the same; else what it says.
fn disagreement(inventory: &Inventory, network: &Network, ends: [&str; 2], explained: &Explained) -> Option<String> {
    let party = |end: &str| {
        let address = end.split('-').next().and_then(|first| first.parse().ok());
        let endpoint = || network.endpoints().iter().find(|endpoint| endpoint.to_string() == end);
        address.and_then(|address| network.party_of(address)).or_else(|| endpoint().map(|found| network.party(found)))
    };
    let [Some(sender), Some(receiver)] = ends.map(party) else { return Some(format!("{ends:?} are not there")) };
    let name = |policy: u32| {
        let resource: &Resource = &inventory[policy];
        resource.namespace().map_or(resource.name().to_owned(), |namespace| format!("{namespace}/{}", resource.name()))
    };
    for &(protocol, port) in &explained.ports {
        let decision = network.why(sender, receiver, protocol, port);
        if decision.allowed() != explained.allowed {
            return Some(format!("{ends:?} {protocol} {port}: {decision:?}"));
        }
        for (own, side) in [&decision.ingress, &decision.egress].into_iter().zip(&explained.sides) {
            let Some((allowed, cited)) = side else { continue };
            let agrees = match &own.reason {
                Reason::NoPolicy | Reason::Unheld => cited.is_empty(),
                Reason::Rule { policy, .. } => cited.contains(&name(*policy)),
                Reason::Isolated { policies } => {
                    policies.iter().map(|&policy| name(policy)).collect::<BTreeSet<_>>() == *cited
                }
            };
            if own.allowed != *allowed || !agrees {
                return Some(format!("{ends:?} {protocol} {port}: {own:?} and not {side:?}"));
            }
        }
    }
    None
}

#[test]
fn agrees_with_the_explanations_of_netpol_analyzer() {
    let index: Value = serde_json::from_str(&text(&fixtures().join("index.json")).unwrap()).unwrap();
    let kinds_left_out: BTreeSet<&str> = index
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["multinet"] == true || row["kinds"].to_string().contains("Route"))
        .filter_map(|row| row["dir"].as_str())
        .collect();
    let folder = fixtures().join("test_outputs/connlist");
    let entries = std::fs::read_dir(&folder).expect("the fixtures are there");
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let (mut texts, mut verdicts, mut hosts, mut wrong) = (0, 0, 0, Vec::new());
    for name in names.iter().filter(|name| is_text(name)) {
        let Some((case, _)) = name.split_once("_explain") else { continue };
        let case = case.split("_focus_workload").next().unwrap();
        let foreign = ["udn_", "vm_", "virtual_", "cudn_", "nad_"].iter().any(|prefix| case.starts_with(prefix));
        if foreign || kinds_left_out.contains(case) {
            continue;
        }
        texts += 1;
        let clusters = [false, true].map(|ignore| cluster(case, ignore));
        for (sender, receiver, all) in explanations(&text(&folder.join(name)).unwrap()) {
            for explained in all {
                verdicts += 1;
                let says = clusters
                    .each_ref()
                    .map(|(inventory, network)| disagreement(inventory, network, [&sender, &receiver], &explained));
                match says {
                    [Some(wrongly), Some(_)] => wrong.push(format!("{name}: {wrongly}")),
                    [Some(_), None] => hosts += 1,
                    [None, _] => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    published(&format!("{verdicts} explanations in {texts} texts, {hosts} but for host networks, 0 wrong"));
}
