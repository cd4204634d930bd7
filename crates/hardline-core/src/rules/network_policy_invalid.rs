use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags parts of network policies that cannot be meant: blocks that are none, exceptions
    /// outside their block, unknown protocols, ports out of range, empty peers, and cluster-wide policies
    /// of one priority that contradict each other.
    ///
    /// ## Why
    /// The API server refuses the policy, so the rollout that brings it stops, or the namespace
    /// goes on without it. In policies that are checked by no schema, such a part matches nothing
    /// in one network plugin and everything in another.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: office
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - ipBlock:
    ///             cidr: 10.0.0.0/8
    ///             except:
    ///               - 192.168.0.0/16 # finding
    ///       ports:
    ///         - port: 70000 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata:
    ///   name: office
    ///   namespace: shop
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///     - from:
    ///         - ipBlock:
    ///             cidr: 10.0.0.0/8
    ///             except:
    ///               - 10.9.0.0/16
    ///       ports:
    ///         - port: 7000
    /// ```
    "network-policy-invalid" {
        summary: "network policy has a part that cannot be meant",
        help: "correct the value: the API server refuses the policy as it is",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(
            &[
                Kind::NetworkPolicy,
                Kind::AdminNetworkPolicy,
                Kind::BaselineAdminNetworkPolicy,
                Kind::ClusterNetworkPolicy,
            ],
            check,
        ),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    for problem in sink.inventory().network().problems().iter().filter(|problem| problem.resource == resource.index) {
        sink.report(problem.path.clone(), problem.message.clone());
    }
    let (inventory, network) = (sink.inventory(), sink.inventory().network());
    if let Some((other, direction, index)) = network.contradicted(resource.index)
        && let Some(other) = inventory.get(other)
    {
        let priority = resource.spec("priority").map_or("none", Value::raw);
        let message = format!("`{}` has priority {priority} as well, and decides otherwise", other.name());
        let rule = FieldPath::of(&["spec"]).key(direction.key()).index(index as usize);
        sink.report(rule.key("action"), message)
            .help("give the policies priorities of their own: which is asked first is not defined")
            .evidence(other, FieldPath::of(&["spec", "priority"]), "the same priority");
    }
}
