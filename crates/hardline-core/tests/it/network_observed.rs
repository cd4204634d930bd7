//! Observed traffic of every format, held against policies; and what a blast radius marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use hardline_core::flow::{Flows, Outcome, Spot};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, observed};
use hardline_core::source::Source;

const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  template:
    metadata: {labels: {app: checkout}}
    spec: {containers: [{name: checkout, image: example.com/checkout:1.4}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: orders-db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: orders-db}}
    spec: {containers: [{name: db, image: 'example.com/postgres:17'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: report, namespace: shop}
spec:
  template:
    metadata: {labels: {app: report}}
    spec: {serviceAccountName: report, containers: [{name: report, image: example.com/postgres-exporter:1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: orders-db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: orders-db}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: checkout}}}], ports: [{port: 5432}]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secrets}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: secrets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secrets}
subjects: [{kind: ServiceAccount, name: report, namespace: shop}]
";

fn inventory() -> Inventory {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("shop.yaml", SHOP)));
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    Inventory::new(read.resources, Coverage::everything())
}

/// The flows of a text in short: `sender > receiver protocol port verdict * count`.
fn short(text: &str) -> Vec<String> {
    let name = |spot: &Spot| match spot {
        Spot::Named { namespace, name } => format!("{namespace}/{name}"),
        Spot::Address(address) => address.to_string(),
    };
    let flows = Flows::read(text);
    assert!(flows.broken.is_empty(), "{:?}", flows.broken);
    let line = |(flow, count): (&hardline_core::flow::Flow, &u64)| {
        let verdict = if flow.verdict == Outcome::Passed { "passed" } else { "dropped" };
        let (sender, receiver) = (name(&flow.sender), name(&flow.receiver));
        format!("{sender} > {receiver} {} {} {verdict} * {count}", flow.protocol, flow.port)
    };
    flows.flows.iter().map(line).collect()
}

#[test]
fn every_format_says_who_reached_whom() {
    let hubble = r#"{"flow":{"time":"2026-11-01T10:00:00Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"TCP":{"source_port":41000,"destination_port":5432}},"source":{"namespace":"shop","pod_name":"checkout-7c9d8b6f5-x2x4z","workloads":[{"name":"checkout","kind":"Deployment"}]},"destination":{"namespace":"shop","pod_name":"orders-db-0"},"is_reply":false},"node_name":"n1"}
{"flow":{"verdict":"DROPPED","IP":{"source":"10.0.0.1","destination":"203.0.113.7"},"l4":{"UDP":{"destination_port":53}},"source":{"namespace":"shop","pod_name":"checkout-7c9d8b6f5-x2x4z"},"destination":{"labels":["reserved:world"]}}}
{"flow":{"verdict":"FORWARDED","is_reply":true,"l4":{"TCP":{"destination_port":41000}}}}
{"node_status":{"state_change":"NODE_CONNECTED"}}"#;
    assert_eq!(
        short(hubble),
        [
            "shop/checkout > shop/orders-db-0 TCP 5432 passed * 1",
            "shop/checkout-7c9d8b6f5-x2x4z > 203.0.113.7 UDP 53 dropped * 1"
        ]
    );
    let calico = r#"{"source_namespace":"shop","source_name_aggr":"checkout-7c9d8b6f5-*","source_name":"-","source_ip":"-","dest_namespace":"shop","dest_name_aggr":"orders-db-*","dest_ip":"10.0.0.2","dest_port":"5432","proto":"tcp","action":"deny","num_flows":3}"#;
    assert_eq!(short(calico), ["shop/checkout-7c9d8b6f5 > shop/orders-db TCP 5432 dropped * 3"]);
    let conntrack = "ipv4     2 tcp      6 86396 ESTABLISHED src=10.0.0.1 dst=10.96.0.20 sport=41000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=41000 [ASSURED] use=1
tcp      6 118 SYN_SENT src=10.0.0.1 dst=203.0.113.7 sport=41002 dport=443 [UNREPLIED] src=203.0.113.7 dst=10.0.0.1 sport=443 dport=41002";
    assert_eq!(
        short(conntrack),
        ["10.0.0.1 > 10.0.0.2 TCP 8080 passed * 1", "10.0.0.1 > 203.0.113.7 TCP 443 dropped * 1"]
    );
    let sockets = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
tcp   ESTAB  0      0      10.0.0.1:41000     10.0.0.2:5432
tcp   ESTAB  0      0      10.0.0.1:8080      10.0.0.9:50000
tcp   ESTAB  0      0      [::ffff:10.0.0.1]:41001     [::ffff:10.0.0.2]:5432
tcp   LISTEN 0      128    0.0.0.0:8080       0.0.0.0:*";
    assert_eq!(short(sockets), ["10.0.0.1 > 10.0.0.2 TCP 5432 passed * 2", "10.0.0.9 > 10.0.0.1 TCP 8080 passed * 1"]);
    let cloud = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789010 eni-1 10.0.0.1 10.0.0.2 41000 5432 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1 10.0.0.2 10.0.0.1 5432 41000 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1 203.0.113.9 10.0.0.2 55000 22 6 20 4249 1418530010 1418530070 REJECT OK
2 123456789010 eni-1 - - - - - - - 1418530010 1418530070 - NODATA";
    let (header, records) = cloud.split_once('\n').unwrap();
    assert_eq!(Flows::read(header).broken.len(), 1);
    assert_eq!(
        short(records),
        ["10.0.0.1 > 10.0.0.2 TCP 5432 passed * 1", "203.0.113.9 > 10.0.0.2 TCP 22 dropped * 1"]
    );
    assert_eq!(
        short("src,dst,protocol,port,verdict,count\nshop/checkout,shop/orders-db,tcp,5432,allowed,7\n"),
        ["shop/checkout > shop/orders-db TCP 5432 passed * 7"]
    );
}

#[test]
fn lines_of_no_format_are_told_and_the_rest_is_read() {
    let flows =
        Flows::read("hello\n{\"flow\":\n\n# note\nshop/a,shop/b,tcp,80\na,b\n{\"x\":1}\nshop/a,shop/b,tcp,99999\n");
    let lines: Vec<usize> = flows.broken.iter().map(|&(line, _)| line).collect();
    assert_eq!((flows.flows.len(), lines, flows.skipped), (1, vec![1, 2, 6, 7, 8], 2));
}

#[test]
fn traffic_is_used_attempted_unenforced_or_dropped() {
    let text = "shop/checkout-7c9d8b6f5-x2x4z,shop/orders-db-0,tcp,5432,allowed,7
shop/report,shop/orders-db,tcp,5432,denied
10.0.0.8,shop/orders-db,tcp,5432,allowed
shop/checkout,shop/report,tcp,80,denied
shop/orders-db,203.0.113.7,tcp,443,denied
other/thing,shop/orders-db,tcp,5432,denied";
    let inventory = inventory();
    let network = Network::of(&inventory, Assumptions::default());
    let report = Spot::Named { namespace: "shop".to_owned(), name: "report".to_owned() };
    let names = BTreeMap::from([("10.0.0.8".parse().unwrap(), report)]);
    let found = observed(&inventory, &network, &Flows::read(text), &names);
    let ends = |list: &BTreeMap<(String, String), hardline_core::network::Seen<'_>>| -> Vec<String> {
        list.iter().map(|((from, to), seen)| format!("{from} > {to} {} * {}", seen.ports, seen.count)).collect()
    };
    assert_eq!(ends(&found.used), ["shop/checkout[Deployment] > shop/orders-db[StatefulSet] TCP 5432 * 7"]);
    assert_eq!(ends(&found.unenforced), ["shop/report[Deployment] > shop/orders-db[StatefulSet] TCP 5432 * 1"]);
    assert_eq!(
        ends(&found.attempted),
        [
            "shop/orders-db[StatefulSet] > 203.0.113.7-203.0.113.7[External] TCP 443 * 1",
            "shop/report[Deployment] > shop/orders-db[StatefulSet] TCP 5432 * 1"
        ]
    );
    assert_eq!(ends(&found.dropped), ["shop/checkout[Deployment] > shop/report[Deployment] TCP 80 * 1"]);
    assert_eq!(found.unknown.len(), 1);
    let connections = network.connections(&network.matrix());
    let unused: Vec<String> = found
        .never_used(&connections)
        .iter()
        .map(|connection| format!("{} > {}", connection.sender, connection.receiver))
        .collect();
    assert!(unused.contains(&"shop/report[Deployment] > shop/checkout[Deployment]".to_owned()), "{unused:?}");
    assert!(!unused.iter().any(|ends| ends.ends_with("orders-db[StatefulSet]")), "{unused:?}");
}

#[test]
fn a_flow_to_a_service_reaches_the_pods_behind_it() {
    let services = "
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {clusterIP: 10.96.0.20, clusterIPs: [10.96.0.20, 'fd00::20'], selector: {app: orders-db}, ports: [{port: 80, targetPort: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: https, port: 6443, protocol: TCP}]
";
    let read = hardline_manifest::read::read(&Arc::new(Source::new("shop.yaml", format!("{SHOP}{services}"))));
    let inventory = Inventory::new(read.resources, Coverage::everything());
    let network = Network::of(&inventory, Assumptions::default());
    // Policies know the port of the pods; nothing listens on 81, and on no port of UDP.
    let text = "shop/checkout,10.96.0.20,tcp,80\nshop/checkout,fd00::20,tcp,80,allowed,2\nshop/report,10.96.0.20,tcp,80,denied\n\
                shop/checkout,10.96.0.20,tcp,81\nshop/checkout,10.96.0.20,udp,80\nshop/report,10.96.0.1,tcp,443";
    let found = observed(&inventory, &network, &Flows::read(text), &BTreeMap::new());
    let lines = |list: &BTreeMap<(String, String), hardline_core::network::Seen<'_>>| -> Vec<String> {
        list.iter().map(|((from, to), seen)| format!("{from} > {to} {} * {}", seen.ports, seen.count)).collect()
    };
    assert_eq!(
        lines(&found.used),
        [
            "shop/checkout[Deployment] > shop/orders-db[StatefulSet] TCP 5432 * 3",
            "shop/report[Deployment] > 192.0.2.10-192.0.2.10[External] TCP 6443 * 1"
        ]
    );
    assert_eq!(lines(&found.attempted), ["shop/report[Deployment] > shop/orders-db[StatefulSet] TCP 5432 * 1"]);
    assert!(found.unenforced.is_empty() && found.dropped.is_empty());
    assert_eq!(found.unknown, BTreeMap::from([(Spot::Address("10.96.0.20".parse().unwrap()), 2)]));
    assert!(found.needs().iter().any(|need| need.ports.to_string() == "TCP 6443"));
}

#[test]
fn a_blast_radius_marks_what_an_attacker_looks_for() {
    let inventory = inventory();
    let network = Network::of(&inventory, Assumptions::default());
    let matrix = network.matrix();
    let from = |name: &str| network.endpoints().iter().find(|endpoint| &*endpoint.name == name).unwrap();
    let shown = |name: &str| -> Vec<String> {
        let blast = network.blast(&inventory, &matrix, from(name));
        let reached = blast.reached.iter().map(|reached| {
            let jewels: Vec<String> = reached.jewels.iter().map(ToString::to_string).collect();
            format!("{} {} {}: {}", reached.hop, reached.endpoint.name, reached.ports, jewels.join(", "))
        });
        let control =
            blast.control.iter().map(|control| format!("{} {} {}", control.hop, control.what.name(), control.known));
        reached.chain(control).collect()
    };
    assert_eq!(
        shown("report"),
        [
            "1 checkout All Connections: ",
            "2 orders-db TCP 5432: keeps data (postgres)",
            "1 cloud metadata service true",
            "1 API server false",
            "1 kubelet false"
        ]
    );
    assert_eq!(shown("orders-db"), [""; 0]);
    assert_eq!(
        shown("checkout")[1],
        "1 report All Connections: reads every Secret of the cluster by ClusterRole secrets"
    );
}
