//! The network engine against a naive one, written from the specification: pod by pod, port by
//! port, policy by policy, on random clusters.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{self, Assumptions, Direction, Endpoint, Network, Party, Protocol};
use hardline_core::resource::Kind;
use hardline_core::source::Source;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

const PORTS: [(&str, u16); 6] = [("TCP", 80), ("TCP", 81), ("TCP", 443), ("UDP", 53), ("UDP", 80), ("SCTP", 80)];
const OUTSIDE: [&str; 4] = ["1.2.3.4", "10.9.0.1", "2001:db8::1", "fd00::7"];

/// A random cluster as the objects of its manifests.
fn cluster() -> impl Strategy<Value = Vec<Value>> {
    let policies = vec(prop_oneof![4 => network_policy(), 3 => cluster_policy(), 1 => admin_policy()], 0..6);
    (vec(labels(), 2), vec(pod(), 1..6), policies).prop_map(|(namespaces, pods, policies)| {
        let namespaces = namespaces.into_iter().enumerate().map(|(number, labels)| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("n{number}"), "labels": labels}})
        });
        let named = |(number, mut object): (usize, Value)| {
            object["metadata"]["name"] = format!("o{number}").into();
            if object["kind"] == "Pod" {
                object["status"] = json!({"podIP": format!("10.0.{}.{number}", number % 2)});
            }
            object
        };
        namespaces.chain(pods.into_iter().chain(policies).enumerate().map(named)).collect()
    })
}

fn namespace() -> impl Strategy<Value = &'static str> {
    select(vec!["n0", "n1"])
}

fn labels() -> impl Strategy<Value = Value> {
    (subsequence(vec!["a", "b"], 0..=2), vec(select(vec!["0", "1"]), 2)).prop_map(|(keys, values)| {
        keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
    })
}

fn pod() -> impl Strategy<Value = Value> {
    let named = subsequence(vec![("web", "TCP", 80), ("web", "UDP", 53), ("alt", "TCP", 81)], 0..=3);
    (namespace(), labels(), named, prop::bool::weighted(0.1)).prop_map(|(namespace, labels, named, host)| {
        let ports: Vec<Value> = named
            .iter()
            .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "containerPort": port}))
            .collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": namespace, "labels": labels},
            "spec": {"hostNetwork": host, "containers": [{"name": "main", "ports": ports}]},
        })
    })
}

fn selector() -> impl Strategy<Value = Value> {
    let key = || select(vec!["a", "b", "kubernetes.io/metadata.name"]);
    let values = || subsequence(vec!["0", "1", "n0"], 1..=2);
    prop_oneof![
        2 => Just(json!({})),
        3 => labels().prop_map(|labels| json!({"matchLabels": labels})),
        2 => (key(), select(vec!["In", "NotIn"]), values())
            .prop_map(|(key, operator, values)| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})),
        1 => (key(), select(vec!["Exists", "DoesNotExist"]))
            .prop_map(|(key, operator)| json!({"matchExpressions": [{"key": key, "operator": operator}]})),
    ]
}

fn block() -> impl Strategy<Value = &'static str> {
    select(vec!["0.0.0.0/0", "::/0", "10.0.0.0/16", "10.0.1.0/24", "10.0.0.1/32", "1.2.0.0/15", "fd00::/8"])
}

fn network_policy() -> impl Strategy<Value = Value> {
    let peer = || {
        prop_oneof![
            selector().prop_map(|pods| json!({"podSelector": pods})),
            selector().prop_map(|namespaces| json!({"namespaceSelector": namespaces})),
            (selector(), selector())
                .prop_map(|(pods, namespaces)| json!({"podSelector": pods, "namespaceSelector": namespaces})),
            block().prop_map(|block| json!({"ipBlock": {"cidr": block}})),
            Just(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/24", "10.9.0.0/16"]}})),
        ]
    };
    let port = || {
        prop_oneof![
            select(PORTS.to_vec()).prop_map(|(protocol, port)| json!({"protocol": protocol, "port": port})),
            select(vec!["TCP", "UDP"]).prop_map(|protocol| json!({"protocol": protocol})),
            Just(json!({"port": 80, "endPort": 400})),
            (select(vec!["web", "alt"]), select(vec!["TCP", "UDP"]))
                .prop_map(|(name, protocol)| json!({"protocol": protocol, "port": name})),
        ]
    };
    let rules = move |peers: &'static str| {
        let rule =
            (vec(peer(), 0..3), vec(port(), 0..3)).prop_map(move |(list, ports)| json!({peers: list, "ports": ports}));
        prop::option::of(vec(rule, 0..3))
    };
    let types = prop::option::of(subsequence(vec!["Ingress", "Egress"], 0..=2));
    (namespace(), selector(), types, rules("from"), rules("to")).prop_map(
        |(namespace, pods, types, ingress, egress)| {
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": namespace},
                "spec": {"podSelector": pods, "policyTypes": types, "ingress": ingress, "egress": egress},
            })
        },
    )
}

/// What selects pods in cluster-wide policies.
fn selected() -> impl Strategy<Value = Value> {
    prop_oneof![
        selector().prop_map(|namespaces| json!({"namespaces": namespaces})),
        (selector(), selector())
            .prop_map(|(pods, namespaces)| json!({"pods": {"podSelector": pods, "namespaceSelector": namespaces}})),
    ]
}

fn cluster_policy() -> impl Strategy<Value = Value> {
    let port = || {
        prop_oneof![
            select(PORTS.to_vec()).prop_map(|(protocol, port)| {
                json!({protocol.to_lowercase(): {"destinationPort": {"number": port}}})
            }),
            Just(json!({"tcp": {"destinationPort": {"range": {"start": 80, "end": 100}}}})),
            select(vec!["web", "alt"]).prop_map(|name| json!({"destinationNamedPort": name})),
        ]
    };
    let rules = |direction: &'static str, ports: &'static str| {
        let network = block().prop_map(|block| json!({"networks": [block]}));
        let peer = if direction == "egress" {
            prop_oneof![3 => selected().boxed(), 1 => network.boxed()].boxed()
        } else {
            selected().boxed()
        };
        let rule = (select(vec!["Accept", "Deny", "Pass"]), vec(peer, 1..3), vec(port(), 0..3));
        let peers = if direction == "egress" { "to" } else { "from" };
        vec(
            rule.prop_map(move |(action, list, protocols)| json!({"action": action, peers: list, ports: protocols})),
            0..3,
        )
    };
    (
        select(vec!["Admin", "Baseline"]),
        0..1000,
        selected(),
        rules("ingress", "protocols"),
        rules("egress", "protocols"),
    )
        .prop_map(|(tier, priority, subject, ingress, egress)| {
            json!({
                "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {},
                "spec": {"tier": tier, "priority": priority, "subject": subject, "ingress": ingress, "egress": egress},
            })
        })
}

fn admin_policy() -> impl Strategy<Value = Value> {
    (0..1000, selected(), selected(), select(vec!["Allow", "Deny", "Pass"]), select(PORTS.to_vec())).prop_map(
        |(priority, subject, peer, action, (protocol, port))| {
            json!({
                "apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy", "metadata": {},
                "spec": {"priority": priority, "subject": subject, "ingress": [
                    {"action": action, "from": [peer], "ports": [{"portNumber": {"protocol": protocol, "port": port}}]},
                ]},
            })
        },
    )
}

/// Someone who sends or receives, to the naive engine.
#[derive(Clone, Copy)]
struct Peer<'a> {
    pod: Option<&'a Value>,
    address: IpAddr,
}

/// The naive engine.
struct Naive<'a>(&'a [Value]);

impl<'a> Naive<'a> {
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    fn matches(selector: &Value, label: &dyn Fn(&str) -> Option<String>) -> bool {
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
        labels.into_iter().all(|(key, value)| label(key).as_deref() == value.as_str())
            && expressions.into_iter().all(|expression| {
                let found = label(expression["key"].as_str().unwrap_or_default());
                let listed = expression["values"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|value| value.as_str() == found.as_deref());
                match expression["operator"].as_str().unwrap_or_default() {
                    "In" => found.is_some() && listed,
                    "NotIn" => found.is_none() || !listed,
                    "Exists" => found.is_some(),
                    _ => found.is_none(),
                }
            })
    }

    fn pod_matches(pod: &Value, selector: &Value) -> bool {
        Self::matches(selector, &|key| pod["metadata"]["labels"][key].as_str().map(str::to_owned))
    }

    fn namespace_matches(&self, pod: &Value, selector: &Value) -> bool {
        let name = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let namespace = self.of_kind("Namespace").find(|namespace| namespace["metadata"]["name"] == name);
        Self::matches(selector, &|key| match key {
            "kubernetes.io/metadata.name" => Some(name.to_owned()),
            _ => namespace?["metadata"]["labels"][key].as_str().map(str::to_owned),
        })
    }

    /// The pod of a peer that policies hold.
    fn held(peer: Peer<'a>) -> Option<&'a Value> {
        peer.pod.filter(|pod| pod["spec"]["hostNetwork"] != true)
    }

    fn in_block(block: &str, address: IpAddr) -> bool {
        let (base, bits) = block.split_once('/').unwrap_or_default();
        let bits: u32 = bits.parse().unwrap_or_default();
        match (base.parse(), address) {
            (Ok(IpAddr::V4(base)), IpAddr::V4(address)) => {
                (0..bits).all(|bit| base.to_bits() << bit >> 31 == address.to_bits() << bit >> 31)
            }
            (Ok(IpAddr::V6(base)), IpAddr::V6(address)) => {
                (0..bits).all(|bit| base.to_bits() << bit >> 127 == address.to_bits() << bit >> 127)
            }
            _ => false,
        }
    }

    fn peer_matches(&self, policy: &Value, item: &Value, peer: Peer<'a>) -> bool {
        if let Some(cidr) = item["ipBlock"]["cidr"].as_str() {
            let mut except = item["ipBlock"]["except"].as_array().into_iter().flatten().filter_map(Value::as_str);
            return Self::in_block(cidr, peer.address) && !except.any(|hole| Self::in_block(hole, peer.address));
        }
        let Some(pod) = Self::held(peer) else { return false };
        let namespace = match item.get("namespaceSelector") {
            Some(selector) => self.namespace_matches(pod, selector),
            None => pod["metadata"]["namespace"] == policy["metadata"]["namespace"],
        };
        namespace && item.get("podSelector").is_none_or(|selector| Self::pod_matches(pod, selector))
    }

    fn named(receiver: Peer<'a>, name: &str, protocol: &str, port: u16) -> bool {
        let ports = Self::held(receiver).into_iter().filter_map(|pod| pod["spec"]["containers"][0]["ports"].as_array());
        ports.flatten().any(|declared| {
            declared["name"] == name && declared["protocol"] == protocol && declared["containerPort"] == port
        })
    }

    fn port_matches(item: &Value, receiver: Peer<'a>, protocol: &str, port: u16) -> bool {
        if item["protocol"].as_str().unwrap_or("TCP") != protocol {
            return false;
        }
        match &item["port"] {
            Value::Null => true,
            Value::String(name) => Self::named(receiver, name, protocol, port),
            first => {
                let first = first.as_u64().unwrap_or_default();
                (first..=item["endPort"].as_u64().unwrap_or(first)).contains(&u64::from(port))
            }
        }
    }

    fn selected(&self, item: &Value, pod: &Value) -> bool {
        match item.get("namespaces") {
            Some(namespaces) => self.namespace_matches(pod, namespaces),
            None => {
                self.namespace_matches(pod, &item["pods"]["namespaceSelector"])
                    && Self::pod_matches(pod, &item["pods"]["podSelector"])
            }
        }
    }

    fn cluster_peer_matches(&self, item: &Value, peer: Peer<'a>) -> bool {
        match item["networks"].as_array() {
            Some(networks) => {
                networks.iter().filter_map(Value::as_str).any(|block| Self::in_block(block, peer.address))
            }
            None => Self::held(peer).is_some_and(|pod| self.selected(item, pod)),
        }
    }

    fn cluster_port_matches(item: &Value, receiver: Peer<'a>, protocol: &str, port: u16) -> bool {
        if let Some(name) = item["destinationNamedPort"].as_str() {
            return Self::named(receiver, name, protocol, port);
        }
        if let Some(number) = item.get("portNumber") {
            return number["protocol"] == protocol && number["port"] == port;
        }
        let destination = &item[protocol.to_lowercase()]["destinationPort"];
        let range = &destination["range"];
        destination["number"] == port
            || range["start"]
                .as_u64()
                .zip(range["end"].as_u64())
                .is_some_and(|(start, end)| (start..=end).contains(&u64::from(port)))
    }

    /// The first rule of a tier that matches: its action.
    fn tier(
        &self,
        admin: bool,
        key: &str,
        subject: &Value,
        peer: Peer<'a>,
        receiver: Peer<'a>,
        at: (&str, u16),
    ) -> Option<&'a str> {
        let in_tier = |policy: &&Value| (policy["spec"]["tier"] != "Baseline") == admin;
        let mut policies: Vec<&Value> =
            self.of_kind("ClusterNetworkPolicy").chain(self.of_kind("AdminNetworkPolicy")).filter(in_tier).collect();
        let order = |policy: &Value| self.0.iter().position(|object| object == policy);
        policies.sort_by_key(|policy| (policy["spec"]["priority"].as_u64(), order(policy)));
        let rules = policies
            .into_iter()
            .filter(|policy| self.selected(&policy["spec"]["subject"], subject))
            .filter_map(|policy| policy["spec"][key].as_array())
            .flatten();
        let list = |value: &'a Value| value.as_array().into_iter().flatten();
        let mut matching = rules.filter(|rule| {
            let ports: Vec<&Value> = list(&rule["protocols"]).chain(list(&rule["ports"])).collect();
            list(&rule["from"]).chain(list(&rule["to"])).any(|item| self.cluster_peer_matches(item, peer))
                && (ports.is_empty() || ports.iter().any(|item| Self::cluster_port_matches(item, receiver, at.0, at.1)))
        });
        matching.next().and_then(|rule| rule["action"].as_str())
    }

    fn side(&self, direction: Direction, sender: Peer<'a>, receiver: Peer<'a>, at: (&str, u16)) -> bool {
        let (subject, peer) = if direction == Direction::Ingress { (receiver, sender) } else { (sender, receiver) };
        let Some(subject) = Self::held(subject) else { return true };
        let key = direction.key();
        match self.tier(true, key, subject, peer, receiver, at) {
            Some("Accept" | "Allow") => return true,
            Some("Deny") => return false,
            _ => {}
        }
        let isolating = self.of_kind("NetworkPolicy").filter(|policy| {
            let rules = |key: &str| policy["spec"][key].as_array().is_some_and(|rules| !rules.is_empty());
            let types = policy["spec"]["policyTypes"].as_array().filter(|types| !types.is_empty());
            let isolates = match types {
                Some(types) => types.iter().any(|name| name == direction.name()),
                None => direction == Direction::Ingress || rules("egress"),
            };
            isolates
                && policy["metadata"]["namespace"] == subject["metadata"]["namespace"]
                && Self::pod_matches(subject, &policy["spec"]["podSelector"])
        });
        let isolating: Vec<&Value> = isolating.collect();
        if !isolating.is_empty() {
            return isolating.iter().any(|policy| {
                policy["spec"][key].as_array().into_iter().flatten().any(|rule| {
                    let peers = rule[if direction == Direction::Ingress { "from" } else { "to" }].as_array();
                    let ports = rule["ports"].as_array();
                    peers.is_none_or(|peers| {
                        peers.is_empty() || peers.iter().any(|item| self.peer_matches(policy, item, peer))
                    }) && ports.is_none_or(|ports| {
                        ports.is_empty() || ports.iter().any(|item| Self::port_matches(item, receiver, at.0, at.1))
                    })
                })
            });
        }
        self.tier(false, key, subject, peer, receiver, at) != Some("Deny")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_a_naive_one(objects in cluster()) {
        let text: Vec<String> = objects.iter().map(Value::to_string).collect();
        let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.json", text.join("\n---\n"))));
        let network = Network::of(&Inventory::new(read.resources, Coverage::everything()), Assumptions::default());
        prop_assert!(network.problems().is_empty(), "{:?}", network.problems());
        let matrix = network.matrix();
        let naive = Naive(&objects);
        let pods = naive.of_kind("Pod").map(|pod| {
            let endpoint = network.endpoints().iter().find(|endpoint| pod["metadata"]["name"] == *endpoint.name);
            let address = pod["status"]["podIP"].as_str().and_then(|address| address.parse().ok());
            (network.party(endpoint.expect("every pod is an endpoint")), Peer { pod: Some(pod), address: address.expect("an address") })
        });
        let outside = OUTSIDE.iter().filter_map(|address| {
            let address: IpAddr = address.parse().expect("an address");
            Some((network.party_of(address)?, Peer { pod: None, address }))
        });
        let peers: Vec<(Party, Peer<'_>)> = pods.chain(outside).collect();
        for &(from, sender) in &peers {
            for &(to, receiver) in peers.iter().filter(|(_, receiver)| sender.pod.is_some() || receiver.pod.is_some()) {
                for at in PORTS {
                    let protocol = Protocol::of(at.0).expect("a protocol");
                    let decision = network.why(from, to, protocol, at.1);
                    let egress = naive.side(Direction::Egress, sender, receiver, at);
                    let ingress = naive.side(Direction::Ingress, sender, receiver, at);
                    prop_assert_eq!((decision.egress.allowed, decision.ingress.allowed), (egress, ingress), "{:?} {:?} {:?}", from, to, at);
                    prop_assert_eq!(matrix.ports(from, to).contains(protocol, at.1), egress && ingress, "{:?} {:?} {:?}", from, to, at);
                }
            }
        }
    }

    #[test]
    fn changes_are_where_two_matrices_differ(objects in cluster(), policy in prop_oneof![network_policy(), cluster_policy()], replaces in any::<bool>()) {
        let text: Vec<String> = objects.iter().map(Value::to_string).collect();
        let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.json", text.join("\n---\n"))));
        let before = Inventory::new(read.resources, Coverage::everything());
        let mut policy = policy;
        policy["metadata"]["name"] = "changed".into();
        let read = hardline_manifest::read::read(&Arc::new(Source::new("policy.json", policy.to_string())));
        let mut after = before.with(read.resources);
        if replaces {
            let gone = before.resources().find(|resource| resource.kind() == Kind::NetworkPolicy);
            after = gone.map_or(after.with(Vec::new()), |gone| after.without(gone));
        }
        let before = Network::of(&before, Assumptions::default());
        let (anew, after) = (Network::of(&after, Assumptions::default()), before.later(&after, Assumptions::default()));
        let changes = before.changes(&after);
        let names = |peer: &network::Peer<'_>| match peer {
            network::Peer::Endpoint(endpoint) => vec![endpoint.to_string()],
            network::Peer::Outside(addresses) => {
                let inside = |text: &&&str| addresses.contains(text.parse().expect("an address"));
                OUTSIDE.iter().filter(inside).map(|&text| text.to_owned()).collect()
            }
        };
        let mut found = BTreeMap::new();
        for change in &changes {
            for receiver in names(&change.receiver) {
                for sender in change.senders.iter().flat_map(names) {
                    let again = found.insert((sender, receiver.clone()), (change.opened.clone(), change.closed.clone()));
                    prop_assert!(again.is_none());
                }
            }
        }
        let parties = |network: &Network| -> BTreeMap<String, Party> {
            let pods = network.endpoints().iter().map(|endpoint| (endpoint.to_string(), network.party(endpoint)));
            let outside = OUTSIDE.iter().filter_map(|text| Some(((*text).to_owned(), network.party_of(text.parse().ok()?)?)));
            pods.chain(outside).collect()
        };
        let (old, new) = (parties(&before), parties(&after));
        let (was, is) = (before.matrix(), after.matrix());
        // What is taken over from before is as it would be found.
        let (fresh, found_anew) = (anew.matrix(), parties(&anew));
        for (sender, &from) in &found_anew {
            for (receiver, &to) in &found_anew {
                prop_assert_eq!(fresh.ports(from, to), is.ports(new[sender], new[receiver]));
            }
        }
        let mut expected = BTreeMap::new();
        for (sender, &from) in &new {
            for (receiver, &to) in new.iter().filter(|(receiver, _)| *receiver != sender) {
                let (Some(&old_from), Some(&old_to)) = (old.get(sender), old.get(receiver)) else { continue };
                let (then, now) = (was.ports(old_from, old_to), is.ports(from, to));
                if then != now {
                    expected.insert((sender.clone(), receiver.clone()), (now.subtract(&then), then.subtract(&now)));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_blast_radius_is_the_closure_of_the_matrix(objects in cluster()) {
        let text: Vec<String> = objects.iter().map(Value::to_string).collect();
        let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.json", text.join("\n---\n"))));
        let inventory = Inventory::new(read.resources, Coverage::everything());
        let network = Network::of(&inventory, Assumptions::default());
        let matrix = network.matrix();
        for from in network.endpoints() {
            let reaches = |from: &Endpoint, to: &Endpoint| !matrix.ports(network.party(from), network.party(to)).is_empty();
            let mut hops: BTreeMap<String, u32> = BTreeMap::new();
            let mut senders = vec![from];
            for hop in 1.. {
                let unreached = network.endpoints().iter().filter(|to| !to.is_same_workload(from) && !hops.contains_key(&to.to_string()));
                let next: Vec<&Endpoint> = unreached.filter(|to| senders.iter().any(|sender| reaches(sender, to))).collect();
                if next.is_empty() {
                    break;
                }
                hops.extend(next.iter().map(|to| (to.to_string(), hop)));
                senders = next;
            }
            let blast = network.blast(&inventory, &matrix, from);
            let found: BTreeMap<String, u32> =
                blast.reached.iter().map(|reached| (reached.endpoint.to_string(), reached.hop)).collect();
            prop_assert_eq!(found, hops);
            for reached in &blast.reached {
                prop_assert!(matrix.ports(network.party(reached.via), network.party(reached.endpoint)).covers(&reached.ports));
            }
        }
    }
}

/// Were the engine wrong about one kind of policy, the case that is printed would be small enough to
/// read: what is left of a random cluster is what it takes.
#[test]
fn a_difference_shrinks_to_what_shows_it() {
    let kinds = ["NetworkPolicy", "AdminNetworkPolicy", "ClusterNetworkPolicy"];
    for (seed, kind) in (0u8..).zip(kinds) {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        // An engine that does not know the kind, against one that does.
        let outcome = runner.run(&cluster(), |objects| {
            let matrix = |objects: &[Value]| {
                let text: Vec<String> = objects.iter().map(Value::to_string).collect();
                let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.json", text.join("\n---\n"))));
                let network =
                    Network::of(&Inventory::new(read.resources, Coverage::everything()), Assumptions::default());
                let connections = network.connections(&network.matrix()).into_iter();
                let inside = connections.filter(|it| matches!(it.receiver, network::Peer::Endpoint(_)));
                let inside = inside.filter(|it| matches!(it.sender, network::Peer::Endpoint(_)));
                inside
                    .map(|it| (it.sender.to_string(), it.receiver.to_string(), it.ports.to_string()))
                    .collect::<Vec<_>>()
            };
            let unknown: Vec<Value> = objects.iter().filter(|object| object["kind"] != kind).cloned().collect();
            prop_assert_eq!(matrix(&objects), matrix(&unknown));
            Ok(())
        });
        let Err(TestError::Fail(_, smallest)) = outcome else { panic!("no cluster shows a {kind}") };
        let count = |wanted: &dyn Fn(&str) -> bool| {
            smallest.iter().filter(|object| object["kind"].as_str().is_some_and(wanted)).count()
        };
        assert_eq!(count(&|found| found == "Pod"), 2, "{smallest:#?}");
        assert_eq!(count(&|found| found == kind), 1, "{smallest:#?}");
        // What accepts makes a difference only where something else denies.
        let others = count(&|found| found.ends_with("Policy") && found != kind);
        assert!(others <= usize::from(kind != "NetworkPolicy"), "{smallest:#?}");
    }
}
