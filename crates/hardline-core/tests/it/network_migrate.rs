//! Policies of v1alpha1 in the words of their successor: the engine sees no difference.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, made_up, successors};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_manifest::load::{Input, Options, load};
use serde_json::Value;

fn resources(objects: &[Value]) -> Vec<Resource> {
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    hardline_manifest::read::read(&Arc::new(Source::new("objects.json", text.join("\n---\n")))).resources
}

fn is_old(resource: &Resource) -> bool {
    matches!(resource.kind(), Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy)
}

/// How many receivers are reached otherwise once the new policies are in the place of the old.
fn changes(inventory: &Inventory, new: &[Value]) -> usize {
    let after = inventory.resources().filter(|resource| is_old(resource));
    let after = after.fold(inventory.with(resources(new)), |after, policy| after.without(policy));
    assert!(!after.resources().any(is_old));
    let (before, after) = (Network::of(inventory, Assumptions::default()), Network::of(&after, Assumptions::default()));
    before.changes(&after).len()
}

/// The folder's inventory, and one of its policies with made-up pods.
fn inventories(folder: PathBuf) -> [Inventory; 2] {
    let options = Options { namespace: Some("default".to_owned()), ..Options::default() };
    let read = load(vec![Input::Path(folder)], &options, &|_| {}).expect("the folder can be read").resources;
    let own = Inventory::new(read.clone(), Coverage::everything());
    let policies = read.into_iter().filter(|resource| resource.kind() == Kind::NetworkPolicy || is_old(resource));
    let synthetic = policies.chain(resources(&made_up(&own))).collect();
    [own, Inventory::new(synthetic, Coverage::everything())]
}

#[test]
fn every_published_policy_migrates_without_a_change() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/netpol-analyzer/tests");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut policies, mut noticed) = (0, 0);
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        let name = folder.display().to_string();
        let inventories = inventories(folder);
        let new = successors(&inventories[0]);
        if new.is_empty() {
            continue;
        }
        policies += new.len();
        assert!(new.iter().all(|successor| successor.problems.is_empty()), "{name}");
        let objects: Vec<Value> = new.iter().map(|successor| successor.object.clone()).collect();
        for inventory in &inventories {
            assert_eq!(changes(inventory, &objects), 0, "{name}");
        }
        // The proof can fail: each action turned round is a change somewhere.
        let mut turned = objects.clone();
        for rule in turned.iter_mut().flat_map(|object| ["ingress", "egress"].map(|list| object["spec"][list].take())) {
            assert!(rule.is_null() || rule.is_array());
        }
        noticed += usize::from(changes(&inventories[1], &turned) > 0);
    }
    println!("migrated {policies} policies; without their rules {noticed} folders change");
    assert!(policies > 50 && noticed > 20, "{policies} {noticed}");
}

#[test]
fn more_than_the_successor_takes_is_split_or_told() {
    let ports = |from: u64| -> Vec<Value> {
        (from..from + 60).map(|port| serde_json::json!({"portNumber": {"protocol": "TCP", "port": port}})).collect()
    };
    let rule = |from| serde_json::json!({"action": "Allow", "from": [{"namespaces": {}}], "ports": ports(from)});
    let policy = |rules: u64| {
        let list: Vec<Value> = (0..rules).map(|rule_number| rule(1000 + rule_number * 100)).collect();
        serde_json::json!({
            "apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy",
            "metadata": {"name": "wide"}, "spec": {"priority": 5, "subject": {"namespaces": {}}, "ingress": list},
        })
    };
    let found = |rules| {
        let inventory = Inventory::new(resources(&[policy(rules)]), Coverage::everything());
        successors(&inventory).remove(0)
    };
    let split = found(1);
    assert!(split.problems.is_empty());
    let rules = split.object["spec"]["ingress"].as_array().unwrap();
    let counts: Vec<usize> = rules.iter().map(|rule| rule["protocols"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [25, 25, 10]);
    assert_eq!(rules[0]["action"], "Accept");
    assert_eq!(found(9).problems[0].message, "27 ingress rules are more than the 25 that a ClusterNetworkPolicy takes");
}
