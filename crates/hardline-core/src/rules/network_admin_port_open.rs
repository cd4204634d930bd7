use crate::admin_port;
use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{Direction, Protocol};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags ports for metrics, administration and debugging that every pod of the cluster can reach.
    ///
    /// ## Why
    /// Such ports answer without a password: a profile or a heap dump holds secrets from memory,
    /// an admin port changes log levels and routes, metrics tell names, versions and customers'
    /// volumes. Whoever gets into any pod of the cluster asks them first.
    ///
    /// A port is known by its name, such as `metrics`, `admin`, `pprof`, or by a flag such as
    /// `--metrics-bind-address=:8080`. Metrics are flagged only where policies isolate the pods and
    /// yet let everyone in; where no policy isolates them, `network-default-deny-missing` or
    /// `network-pod-unrestricted` says so already. A flag that binds the port to loopback clears it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - namespaceSelector: {}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       args:
    ///         - --metrics-bind-address=0.0.0.0:9090 # finding
    ///       ports:
    ///         - name: pprof
    ///           containerPort: 6060 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - namespaceSelector: {}
    ///       ports:
    ///         - port: 8080
    ///     - from:
    ///         - namespaceSelector:
    ///             matchLabels:
    ///               kubernetes.io/metadata.name: monitoring
    ///       ports:
    ///         - port: 9090
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       args:
    ///         - --metrics-bind-address=0.0.0.0:9090
    ///         - --pprof-address=127.0.0.1:6060
    /// ```
    "network-admin-port-open" {
        summary: "every pod can reach a metrics, admin or debug port",
        help: "allow the port only to those who need it, or bind it to 127.0.0.1",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let workload = container.workload;
    let ports = admin_port::of(container);
    if ports.is_empty() || !container.is_long_running() {
        return;
    }
    let network = sink.inventory().network_at(workload.resource);
    let Some(endpoint) = network.endpoint_of(workload.resource).filter(|endpoint| !endpoint.host_network) else {
        return;
    };
    let party = network.party(endpoint);
    let isolated = network.is_isolated(party, Direction::Ingress);
    let open = |port: u16| network.why(network.stranger(), party, Protocol::Tcp, port).allowed();
    let flagged: Vec<_> = ports
        .into_iter()
        .filter(|(port, admin)| !admin.loopback && (isolated || !admin.metrics) && open(*port))
        .collect();
    if flagged.is_empty() || !sink.knows_policies(workload.resource.namespace()) {
        return;
    }
    for (port, admin) in flagged {
        let message = format!(
            "every pod of the cluster can reach port {port} of `{}`, set by `{}`",
            container.name(),
            admin.name
        );
        sink.report(admin.path, message);
    }
}
