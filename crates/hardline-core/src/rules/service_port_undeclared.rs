use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::service::{self, ContainerPort};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags a Service whose `targetPort` is a number that no container behind it declares, although
    /// all of them declare ports.
    ///
    /// An absent `targetPort` is the Service's own `port`.
    ///
    /// ## Why
    /// Declaring ports is a courtesy, so that nothing fails at once. But where the others are declared,
    /// one that is not is mostly wrong: connections are refused by pods that are ready.
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
    ///       targetPort: 8081 # finding
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
    ///       targetPort: 8080
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
    "service-port-undeclared" {
        summary: "service targets a port that no container declares",
        help: "correct the number, or declare the port under `ports`",
        category: Category::Reference,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Service], check),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let behind = service::behind(inventory, service);
    let declares = |workload: &Workload<'_>| service::container_ports(workload).next().is_some();
    let Some(workload) = behind.first().filter(|_| behind.iter().all(declares)) else { return };
    // A headless Service leaves the choice of the port to its callers.
    let headless = service.spec("clusterIP").and_then(Value::str) == Some("None");
    for (index, port) in service.spec("ports").into_iter().flat_map(Value::items).enumerate() {
        let target = port.get("targetPort");
        let field = if target.is_some() { "targetPort" } else { "port" };
        let Some(number) = target.or(port.get("port")).and_then(Value::int) else { continue };
        let protocol = service::protocol(port);
        let is_it = |port: ContainerPort<'_>| port.number == number && port.protocol == protocol;
        if headless || behind.iter().any(|workload| service::container_ports(workload).any(is_it)) {
            continue;
        }
        let path = FieldPath::of(&["spec", "ports"]).index(index).key(field);
        let finding = sink.report(path, format!("no container behind the Service declares {protocol} port {number}"));
        finding.evidence(workload.resource, workload.pod_path().key("containers"), "the containers behind the Service");
    }
}
