use crate::declare_rule;
use crate::finding::Sink;
use crate::network::{self, Direction};
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that no `NetworkPolicy` selects, in namespaces where others are isolated.
    ///
    /// ## Why
    /// Policies hold only the pods that they select. In a namespace that has policies everybody
    /// believes that traffic is restricted, and the one workload whose labels no selector names
    /// accepts connections from every pod of the cluster.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
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
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: payment
    ///   namespace: shop
    ///   labels: # finding
    ///     app: payment
    /// spec:
    ///   containers:
    ///     - name: payment
    ///       image: example.com/payment:2.1
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: default-deny
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress, Egress]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: payment
    ///   namespace: shop
    ///   labels:
    ///     app: payment
    /// spec:
    ///   containers:
    ///     - name: payment
    ///       image: example.com/payment:2.1
    /// ```
    "network-pod-unrestricted" {
        summary: "no NetworkPolicy selects the pods",
        help: "select the pods in a `NetworkPolicy`, or deny by default with one whose `podSelector` is `{}`",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    // Mostly one selects them, or there is none. The network need not be worked out to see that.
    let mut policies = sink.inventory().of_kind(Kind::NetworkPolicy, workload.resource.namespace()).peekable();
    if policies.peek().is_none() || policies.any(|policy| network::isolates(policy, workload, Direction::Ingress)) {
        return;
    }
    let network = sink.inventory().network_of(workload.resource.namespace());
    let Some(endpoint) = network.endpoint_of(workload.resource) else { return };
    let isolated = |endpoint: &_| network.is_isolated(network.party(endpoint), Direction::Ingress);
    if endpoint.host_network
        || !workload.is_long_running()
        || endpoint.namespace.starts_with("kube-")
        || !network.endpoints_in(&endpoint.namespace).any(isolated)
        || network.denies_by_default(&endpoint.namespace, Direction::Ingress)
        || !sink.knows_policies(workload.resource.namespace())
    {
        return;
    }
    let path = workload.template_path().keys(&["metadata", "labels"]);
    let message = format!(
        "no NetworkPolicy selects the pods of `{}` for ingress: every pod of the cluster can reach them",
        endpoint.name
    );
    let others: Vec<_> = sink.inventory().of_kind(Kind::NetworkPolicy, workload.resource.namespace()).collect();
    let finding = sink.report(path, message);
    for policy in others.iter().take(3) {
        let path = crate::path::FieldPath::of(&["spec", "podSelector"]);
        finding.evidence(policy, path, format!("`{}` selects other pods", policy.name()));
    }
}
