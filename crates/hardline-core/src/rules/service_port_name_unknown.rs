use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::service::{self, ContainerPort};
use crate::tree::Value;

declare_rule! {
    /// Flags a Service whose `targetPort` is a name that no container behind it gives to a port.
    ///
    /// ## Why
    /// The Service has endpoints, but none for this port: the API server drops pods without a port of
    /// that name. Every connection is refused, while the pods are ready and healthy.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     app: checkout
    ///   ports:
    ///     - port: 80
    ///       targetPort: web # finding
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - name: http
    ///               containerPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     app: checkout
    ///   ports:
    ///     - port: 80
    ///       targetPort: http
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - name: http
    ///               containerPort: 8080
    /// ```
    "service-port-name-unknown" {
        summary: "service targets a port name that no container has",
        help: "use the name of a port that the containers declare, or its number",
        category: Category::Reference,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Resource(&[Kind::Service], check),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let behind = service::behind(inventory, service);
    let Some(workload) = behind.first() else { return };
    for (index, port) in service.spec("ports").into_iter().flat_map(Value::items).enumerate() {
        let Some(name) = port.get("targetPort").and_then(Value::str) else { continue };
        let protocol = service::protocol(port);
        let is_it = |port: ContainerPort<'_>| port.name == name && port.protocol == protocol;
        if behind.iter().any(|workload| service::container_ports(workload).any(is_it)) {
            continue;
        }
        let path = FieldPath::of(&["spec", "ports"]).index(index).key("targetPort");
        let message = format!("no container behind the Service has a {protocol} port called `{name}`");
        let finding = sink.report(path, message);
        finding.evidence(workload.resource, workload.pod_path().key("containers"), "the containers behind the Service");
    }
}
