//! The network engine against the published cases of cyclonus and of the network policy API.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, Party, Protocol};
use hardline_core::source::Source;
use serde_json::{Value, json};

use crate::support::published;

/// The lines of a compressed fixture, each a JSON value.
#[expect(clippy::disallowed_methods, reason = "core does no IO, its tests read fixtures")]
fn fixture(path: &str) -> impl Iterator<Item = Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(path);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line.expect("the fixture is whole")).expect("a line is JSON"))
}

fn inventory(objects: &[Value]) -> Inventory {
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.json", text.join("\n---\n"))));
    assert_eq!(read.resources.len(), objects.len());
    Inventory::new(read.resources, Coverage::everything())
}

fn namespaces(labels: &Value) -> impl Iterator<Item = Value> {
    labels.as_object().into_iter().flatten().map(
        |(name, labels)| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
    )
}

/// Objects with their type filled in.
fn typed(list: &Value, api_version: &str, kind: &str) -> Vec<Value> {
    let mut objects: Vec<Value> = list.as_array().into_iter().flatten().cloned().collect();
    for object in &mut objects {
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
    }
    objects
}

/// Parties by `namespace/pod`.
fn parties(network: &Network) -> HashMap<String, Party> {
    let name = |endpoint: &hardline_core::network::Endpoint| format!("{}/{}", endpoint.namespace, endpoint.name);
    network.endpoints().iter().map(|endpoint| (name(endpoint), network.party(endpoint))).collect()
}

#[test]
fn agrees_with_every_verdict_of_cyclonus() {
    let (mut right, mut all) = (0, 0);
    for case in fixture("cyclonus/cases.jsonl.gz") {
        for step in case["Steps"].as_array().unwrap() {
            let mut objects: Vec<Value> = namespaces(&step["Namespaces"]).collect();
            for pod in step["Pods"].as_array().unwrap() {
                let ports: Vec<Value> = pod["Ports"].as_array().unwrap().iter().map(|port| {
                    json!({"name": port["name"], "containerPort": port["port"], "protocol": port["protocol"]})
                }).collect();
                objects.push(json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"namespace": pod["Namespace"], "name": pod["Name"], "labels": pod["Labels"]},
                    "spec": {"containers": [{"name": "main", "ports": ports}]},
                    "status": {"podIP": pod["IP"]},
                }));
            }
            objects.extend(typed(&step["Policies"], "networking.k8s.io/v1", "NetworkPolicy"));
            let network = Network::of(&inventory(&objects), Assumptions::default());
            let (matrix, parties) = (network.matrix(), parties(&network));
            for row in step["Expected"].as_array().unwrap() {
                let text = |key: &str| row[key].as_str().unwrap();
                let (from, to) = (parties[text("From")], parties[text("To")]);
                let protocol = Protocol::of(text("Protocol")).unwrap();
                let port = u16::try_from(row["Port"].as_u64().unwrap()).unwrap();
                let decision = network.why(from, to, protocol, port);
                let allowed = |key| text(key) == "allowed";
                assert_eq!(matrix.ports(from, to).contains(protocol, port), decision.allowed(), "{row}");
                all += 1;
                right += usize::from(
                    decision.ingress.allowed == allowed("Ingress")
                        && decision.egress.allowed == allowed("Egress")
                        && decision.allowed() == allowed("Combined"),
                );
            }
        }
    }
    published(&format!("{right} of {all} verdicts"));
    assert_eq!((right, all), (247_338, 247_338));
}

#[test]
fn agrees_with_every_conformance_assertion_of_the_network_policy_api() {
    let mut lines = fixture("network-policy-api/cnp_conformance_pokes.jsonl.gz");
    let base = lines.next().unwrap();
    let (mut right, mut all) = (0, 0);
    for poke in lines {
        let mut objects: Vec<Value> = namespaces(&poke["namespaceLabels"]).collect();
        objects.extend(typed(&base["nodes"], "v1", "Node"));
        objects.extend(typed(&base["pods"], "v1", "Pod"));
        objects.extend(typed(&poke["networkPolicies"], "networking.k8s.io/v1", "NetworkPolicy"));
        let group = "policy.networking.k8s.io/v1alpha2";
        objects.extend(typed(&poke["clusterNetworkPolicies"], group, "ClusterNetworkPolicy"));
        let network = Network::of(&inventory(&objects), Assumptions::default());
        let parties = parties(&network);
        let sender =
            parties[&format!("{}/{}", poke["srcNamespace"].as_str().unwrap(), poke["srcPod"].as_str().unwrap())];
        let receiver = base["pods"].as_array().unwrap().iter().find(|pod| pod["status"]["podIP"] == poke["dstIP"]);
        let metadata = &receiver.unwrap()["metadata"];
        let receiver =
            parties[&format!("{}/{}", metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap())];
        let protocol = Protocol::of(&poke["protocol"].as_str().unwrap().to_uppercase()).unwrap();
        let port = u16::try_from(poke["port"].as_u64().unwrap()).unwrap();
        let allowed = network.why(sender, receiver, protocol, port).allowed();
        assert_eq!(network.row(receiver).ports(sender).contains(protocol, port), allowed, "{}", poke["test"]);
        assert!(network.problems().is_empty(), "{:?}", network.problems());
        all += 1;
        right += usize::from(allowed == poke["allowed"].as_bool().unwrap());
    }
    published(&format!("{right} of {all} assertions"));
    assert_eq!((right, all), (301, 301));
}
