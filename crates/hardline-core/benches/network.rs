//! The network engine on 10,000 pods in 2,000 label classes under 1,000 policies.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::Bencher;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, Protocol};
use hardline_core::source::Source;

const NAMESPACES: usize = 100;
const CLASSES: usize = 2_000;
const POLICIES: usize = 1_000;

/// Pods of `app`s spread over namespaces; each policy selects two apps of its namespace, lets in a
/// tier of another one, and reaches out to a third.
fn cluster(pods: usize) -> Inventory {
    let mut text = String::new();
    for namespace in 0..NAMESPACES {
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n{namespace}\n  labels:\n    team: t{}\n---",
            namespace % 10
        );
    }
    for pod in 0..pods {
        let class = pod % CLASSES;
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p{pod}\n  namespace: n{}\n  labels:\n    app: a{}\n    tier: r{}\n    id: i{pod}\nspec:\n  containers:\n    - name: main\n      ports:\n        - name: web\n          containerPort: {}\n---",
            class % NAMESPACES,
            class / NAMESPACES,
            class % 7,
            8080 + class % 3
        );
    }
    for policy in 0..POLICIES {
        let _ = writeln!(
            text,
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: np{policy}\n  namespace: n{}\nspec:\n  podSelector:\n    matchExpressions:\n      - key: app\n        operator: In\n        values: [a{}, a{}]\n  policyTypes: [Ingress, Egress]\n  ingress:\n    - from:\n        - namespaceSelector:\n            matchLabels:\n              team: t{}\n          podSelector:\n            matchLabels:\n              tier: r{}\n      ports:\n        - port: web\n        - port: {}\n  egress:\n    - to:\n        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: n{}\n        - ipBlock:\n            cidr: 10.{}.0.0/16\n      ports:\n        - port: 8000\n          endPort: 8100\n---",
            policy % NAMESPACES,
            policy / NAMESPACES,
            policy / NAMESPACES + 10,
            policy % 10,
            policy % 7,
            9000 + policy % 5,
            (policy * 7) % NAMESPACES,
            policy % 20
        );
    }
    let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.yaml", text)));
    Inventory::new(read.resources, Coverage::everything())
}

/// As many classes as pods: each of the labels is one that some policy asks for.
fn distinct(pods: usize) -> Inventory {
    let mut text = String::new();
    for pod in 0..pods {
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p{pod}\n  namespace: n{}\n  labels:\n    app: a{pod}\n    tier: r{}\nspec:\n  containers:\n    - name: main\n---",
            pod % NAMESPACES,
            pod % 7
        );
    }
    for policy in 0..POLICIES {
        let _ = writeln!(
            text,
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: np{policy}\n  namespace: n{}\nspec:\n  podSelector:\n    matchExpressions:\n      - key: app\n        operator: NotIn\n        values: [a{policy}]\n      - key: tier\n        operator: In\n        values: [r{}]\n  ingress:\n    - from:\n        - namespaceSelector: {{}}\n          podSelector:\n            matchLabels:\n              tier: r{}\n      ports:\n        - port: {}\n---",
            policy % NAMESPACES,
            policy % 7,
            (policy + 1) % 7,
            8000 + policy % 20
        );
    }
    let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster.yaml", text)));
    Inventory::new(read.resources, Coverage::everything())
}

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn compile(bencher: Bencher) {
    let inventory = cluster(10_000);
    bencher.bench_local(|| Network::of(&inventory, Assumptions::default()));
}

#[divan::bench(sample_count = 10)]
fn matrix(bencher: Bencher) {
    let network = Network::of(&cluster(10_000), Assumptions::default());
    assert!(network.classes() >= CLASSES);
    bencher.bench_local(|| network.matrix());
}

#[divan::bench(sample_count = 10)]
fn connections(bencher: Bencher) {
    let network = Network::of(&cluster(10_000), Assumptions::default());
    let matrix = network.matrix();
    bencher.bench_local(|| network.connections(&matrix));
}

#[divan::bench]
fn why(bencher: Bencher) {
    let network = Network::of(&cluster(10_000), Assumptions::default());
    let (first, last) = (&network.endpoints()[0], &network.endpoints()[9_999]);
    let (sender, receiver) = (network.party(first), network.party(last));
    bencher.bench_local(|| network.why(sender, receiver, Protocol::Tcp, 8080));
}

#[divan::bench(sample_count = 3)]
fn matrix_of_distinct_pods(bencher: Bencher) {
    let network = Network::of(&distinct(10_000), Assumptions::default());
    assert!(network.classes() >= 10_000);
    bencher.bench_local(|| network.matrix());
}

/// The cluster, and the same with one policy more in one of its namespaces.
fn changed(spec: &str) -> (Inventory, Inventory) {
    let before = cluster(10_000);
    before.network();
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: changed\n  namespace: n0";
    let source = Source::new("policy.yaml", format!("{head}\nspec:\n{spec}"));
    let after = before.with(hardline_manifest::read::read(&Arc::new(source)).resources);
    (before, after)
}

/// Lets a team reach one of the apps of the namespace.
const ALLOW: &str = "  podSelector: {matchLabels: {app: a0}}\n  ingress:\n    - from: [{namespaceSelector: {matchLabels: {team: t3}}}]\n      ports: [{port: 9999}]\n";
/// Denies both directions by default.
const DENY: &str = "  podSelector: {}\n  policyTypes: [Ingress, Egress]\n";

/// What a policy opens and closes, as the webhook asks: the new network, and where it differs.
#[divan::bench(sample_count = 10, args = [ALLOW, DENY])]
fn change(bencher: Bencher, spec: &str) {
    let (before, after) = changed(spec);
    bencher.bench_local(|| {
        let later = before.network().later(&after, Assumptions::default());
        before.network().changes(&later).len()
    });
}

#[divan::bench(sample_count = 10, args = [ALLOW, DENY])]
fn changes_alone(bencher: Bencher, spec: &str) {
    let (before, after) = changed(spec);
    let later = Network::of(&after, Assumptions::default());
    bencher.bench_local(|| before.network().changes(&later).len());
}

#[divan::bench(sample_count = 10)]
fn blast(bencher: Bencher) {
    let inventory = cluster(10_000);
    let matrix = inventory.network().matrix();
    let from = &inventory.network().endpoints()[0];
    bencher.bench_local(|| inventory.network().blast(&inventory, &matrix, from).reached.len());
}
