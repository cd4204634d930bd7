use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::probe::{Handler, Port, Probe, Purpose};
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::service;
use crate::tree::{NodeKind, Value};
use crate::workload::Container;

declare_rule! {
    /// Flags liveness probes that ask for the page `/` on a port that a Service sends traffic to.
    ///
    /// ## Why
    /// The front page is what users ask for: it renders, reads the session and queries the database,
    /// and it waits in the same queue as they do. When the service is slow, the probe is too, and
    /// pods that only needed time are killed, one after the other.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    /// spec:
    ///   selector: {app: shop}
    ///   ports:
    ///     - port: 80
    ///       targetPort: 8080
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels: {app: shop}
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       livenessProbe:
    ///         httpGet: # finding
    ///           port: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    /// spec:
    ///   selector: {app: shop}
    ///   ports:
    ///     - port: 80
    ///       targetPort: 8080
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels: {app: shop}
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       livenessProbe:
    ///         httpGet:
    ///           path: /livez
    ///           port: 8080
    /// ```
    "probe-liveness-shares-traffic" {
        summary: "liveness probe asks for what users ask for",
        help: "give liveness a path of its own that answers without other work, such as `/livez`",
        category: Category::Probe,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(probe) = Probe::of(container, Purpose::Liveness) else { return };
    let Some(Handler::Http { host: None, path: "/" | "", port: Port::Number(port), .. }) = probe.handler() else {
        return;
    };
    let mut services = sink.inventory().selecting(Kind::Service, &container.workload);
    if let Some(service) = services.find(|service| sends_to(service, container, port)) {
        let path = probe.path().key("httpGet");
        let message = format!(
            "liveness probe of container `{}` asks for `/` on port {port}, which gets the traffic of Service `{}`",
            container.name(),
            service.name()
        );
        let ports = FieldPath::of(&["spec", "ports"]);
        sink.report(path, message).evidence(service, ports, "the Service that sends traffic there");
    }
}

/// Whether a Service sends traffic to a container's port.
fn sends_to(service: &Resource, container: &Container<'_>, number: i64) -> bool {
    let named = service::container_ports(&container.workload).find(|port| port.number == number);
    service.spec("ports").into_iter().flat_map(Value::items).any(|port| {
        let Some(target) = port.get("targetPort").or(port.get("port")) else { return false };
        match target.kind() {
            NodeKind::Int => target.int() == Some(number),
            _ => target.str().is_some_and(|name| named.is_some_and(|port| !name.is_empty() && port.name == name)),
        }
    })
}
