use crate::declare_rule;
use crate::finding::Sink;
use crate::network::Direction;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selection;
use crate::selector::Selector;
use crate::service;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

declare_rule! {
    /// Flags permissions of a `NetworkPolicy` that nobody can use: a peer that is no pod of the
    /// namespace, or a port on which the selected pods do not listen.
    ///
    /// ## Why
    /// Either the permission is misspelt, and the connection that it was written for is denied. Or what it
    /// was written for is gone, and it waits for whoever next takes these labels or this port.
    ///
    /// A peer is flagged where all workloads of the namespace are known and nothing speaks of an operator
    /// that creates pods itself: no `CustomResourceDefinition`, no custom resource. A port is flagged if it has a name
    /// that no selected pod gives to a port, or if it is the port of a Service that leads to another one:
    /// policies see the pod's port.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: orders-db
    ///   ingress:
    ///     - from:
    ///         - podSelector: # finding
    ///             matchLabels:
    ///               app: chekout
    ///       ports:
    ///         - port: 5432
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    ///   labels:
    ///     app: orders-db
    /// spec:
    ///   containers:
    ///     - name: postgres
    ///       image: example.com/postgres:17
    ///       ports:
    ///         - containerPort: 5432
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    ///   labels:
    ///     app: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       ports:
    ///         - containerPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: orders-db
    ///   ingress:
    ///     - from:
    ///         - podSelector:
    ///             matchLabels:
    ///               app: checkout
    ///       ports:
    ///         - port: 5432
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    ///   labels:
    ///     app: orders-db
    /// spec:
    ///   containers:
    ///     - name: postgres
    ///       image: example.com/postgres:17
    ///       ports:
    ///         - containerPort: 5432
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    ///   labels:
    ///     app: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       ports:
    ///         - containerPort: 8080
    /// ```
    "network-allow-unused" {
        summary: "policy allows what nobody can use",
        help: "correct the peer or the port, or remove it",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

fn check(policy: &Resource, sink: &mut Sink<'_>) {
    let subjects = selected(policy, policy.spec("podSelector"), sink);
    // A policy that selects nothing is flagged as such.
    if subjects.is_empty() {
        return;
    }
    for direction in Direction::BOTH {
        let rules = policy.spec(direction.key()).into_iter().flat_map(Value::items);
        for (number, rule) in rules.enumerate() {
            let path = FieldPath::of(&["spec"]).key(direction.key()).index(number);
            check_rule(policy, direction, rule, &path, &subjects, sink);
        }
    }
}

fn check_rule(
    policy: &Resource,
    direction: Direction,
    rule: Value<'_>,
    path: &FieldPath,
    subjects: &[Workload<'_>],
    sink: &mut Sink<'_>,
) {
    let key = direction.peers_key();
    // An operator makes pods of its own.
    let inventory = sink.inventory();
    let operators = inventory.of_kind(Kind::CustomResourceDefinition, None);
    let operated = operators.chain(inventory.of_kind(Kind::Other, policy.namespace())).next().is_some();
    let mut peers = Vec::new();
    let mut local = true;
    for (at, peer) in rule.get(key).into_iter().flat_map(Value::items).enumerate() {
        let selector = peer.get("podSelector").filter(|_| peer.entry("namespaceSelector").is_none());
        let Some(pods) = selector else {
            local = false;
            continue;
        };
        let found = selected(policy, Some(pods), sink);
        if found.is_empty() && !operated && selection::is_nothing(policy.namespace(), Selector::of(Some(pods)), sink) {
            let labels = Selector::of(Some(pods)).match_labels().map(|(key, value)| format!("`{key}: {value}`"));
            let labels = labels.collect::<Vec<_>>().join(" and ");
            let message =
                format!("no pod of the namespace has the labels {labels}, to which `{}` allows this", policy.name());
            sink.report(path.clone().key(key).index(at).key("podSelector"), message);
        }
        peers.extend(found);
    }
    let receivers = match direction {
        Direction::Ingress => subjects,
        Direction::Egress if local => &peers,
        Direction::Egress => return,
    };
    for (at, port) in rule.get("ports").into_iter().flat_map(Value::items).enumerate() {
        if let Some(message) = unheard(port, receivers, sink) {
            sink.report(path.clone().key("ports").index(at).key("port"), message);
        }
    }
}

/// The workloads of the policy's namespace that a selector selects.
fn selected<'i>(policy: &'i Resource, selector: Option<Value<'i>>, sink: &Sink<'i>) -> Vec<Workload<'i>> {
    let pods = sink.inventory().selected(policy.namespace(), Selector::of(selector));
    pods.filter(|workload| workload.kind() != Kind::PodTemplate).collect()
}

/// Why no receiver listens on a port, where that is certain.
fn unheard(port: Value<'_>, receivers: &[Workload<'_>], sink: &Sink<'_>) -> Option<String> {
    let (number, protocol) = (port.get("port")?, service::protocol(port));
    if receivers.is_empty() || port.get("endPort").is_some() {
        return None;
    }
    let name = &receivers.first()?.resource.name();
    let declared =
        || receivers.iter().flat_map(service::container_ports).filter(|declared| declared.protocol == protocol);
    if number.kind() == NodeKind::Str {
        let unknown = !declared().any(|declared| declared.name == number.raw());
        return unknown.then(|| format!("no {protocol} port of `{name}` is called `{}`", number.raw()));
    }
    let wanted = number.int()?;
    // A pod that declares no port may listen anywhere.
    if receivers.iter().any(|receiver| service::container_ports(receiver).next().is_none())
        || declared().any(|declared| declared.number == wanted)
    {
        return None;
    }
    receivers.iter().find_map(|receiver| {
        let services = sink.inventory().selecting(Kind::Service, receiver);
        let ports = services.flat_map(|service| {
            let ports = service.spec("ports").into_iter().flat_map(Value::items);
            ports.map(move |port| (service, port))
        });
        let of_service = |(_, port): &(&Resource, Value<'_>)| {
            service::protocol(*port) == protocol && port.get("port").and_then(Value::int) == Some(wanted)
        };
        let (service, port) = ports.into_iter().find(of_service)?;
        let target = port.get("targetPort").filter(|target| target.int() != Some(wanted))?;
        Some(format!(
            "{wanted} is the port of Service `{}`, which leads to port {} of the pods",
            service.name(),
            target.raw()
        ))
    })
}
