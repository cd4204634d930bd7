use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{self, Direction, Ports};
use crate::rule::{Category, Check, Severity};
use crate::service;
use crate::workload::Workload;

declare_rule! {
    /// Flags databases, brokers and stores whose policies let in every pod of the cluster.
    ///
    /// ## Why
    /// A database trusts whoever knows its password, and the password is in the environment of every
    /// client. Whoever gets into any pod of the cluster tries it. A policy that lets in all
    /// namespaces is mostly left over from the day when one client of another namespace was refused.
    ///
    /// A store is known by its image. Only pods that a policy isolates are flagged: where none does,
    /// `network-default-deny-missing` or `network-pod-unrestricted` says so already; where a policy
    /// opens every port to everyone, `network-policy-allows-everything` does.
    ///
    /// ## Bad
    /// ```yaml bad
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
    ///         - namespaceSelector: {}
    ///       ports:
    ///         - port: 5432
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: orders-db
    ///   namespace: shop
    ///   labels: # finding
    ///     app: orders-db
    /// spec:
    ///   containers:
    ///     - name: postgres
    ///       image: example.com/postgres:17
    ///       ports:
    ///         - containerPort: 5432
    /// ```
    /// ## Good
    /// ```yaml good
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
    /// ```
    "network-database-open" {
        summary: "every pod of the cluster can reach a database",
        help: "let in the pods that need the database, by `podSelector` and the name of their namespace",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let Some(store) = network::store(workload) else { return };
    let network = sink.inventory().network_at(workload.resource);
    let Some(endpoint) = network.endpoint_of(workload.resource).filter(|endpoint| !endpoint.host_network) else {
        return;
    };
    let party = network.party(endpoint);
    if !network.is_isolated(party, Direction::Ingress) {
        return;
    }
    let open = network.row(party).ports(network.stranger());
    let declared = service::container_ports(workload).filter_map(|port| {
        let protocol = network::Protocol::of(port.protocol)?;
        Some(Ports::one(protocol, u16::try_from(port.number).ok().filter(|&number| number > 0)?))
    });
    let mut listening = declared.fold(Ports::none(), |mut all, port| {
        all.unite(&port);
        all
    });
    if listening.is_empty() {
        listening = Ports::all();
    }
    let reached = open.intersect(&listening);
    // A policy that opens everything is a finding of its own, `network-policy-allows-everything`.
    if reached.is_empty() || open == Ports::all() || !sink.knows_policies(workload.resource.namespace()) {
        return;
    }
    let path = workload.template_path().keys(&["metadata", "labels"]);
    sink.report(path, format!("every pod of the cluster can reach `{}` ({store}) on {reached}", endpoint.name));
}
