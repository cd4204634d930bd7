use crate::declare_rule;
use crate::finding::Sink;
use crate::network::Direction;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selector::Selector;

declare_rule! {
    /// Flags rules of a `NetworkPolicy` that open every port to every pod of the cluster.
    ///
    /// ## Why
    /// Policies add up: whatever one of them allows is allowed. A rule without peers and ports, or
    /// with an empty `namespaceSelector` and no ports, undoes every stricter policy on the same
    /// pods, the default-deny included, while all of them are still there to be seen.
    ///
    /// Such egress of single workloads is left out; under a selector of all pods it is flagged.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   ingress:
    ///     - from: # finding
    ///         - namespaceSelector: {}
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: allow-checkout
    ///   namespace: shop
    /// spec:
    ///   podSelector:
    ///     matchLabels:
    ///       app: checkout
    ///   ingress:
    ///     - from:
    ///         - namespaceSelector: {}
    ///       ports:
    ///         - port: 8080
    /// ```
    "network-policy-allows-everything" {
        summary: "policy opens every port to every pod",
        help: "name the peers and the ports that are needed",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::NetworkPolicy], check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let selector = resource.spec("podSelector");
    let every_pod = selector.is_none() || Selector::of(selector).is_everything();
    for (direction, index) in sink.inventory().network().open_rules(resource.index) {
        let message = match direction {
            Direction::Ingress => "the rule lets every pod of the cluster reach every port of the selected pods",
            Direction::Egress if every_pod => "the rule lets every pod of the namespace reach every port of every pod",
            Direction::Egress => continue,
        };
        sink.report(FieldPath::of(&["spec"]).key(direction.key()).index(index as usize), message);
    }
}
