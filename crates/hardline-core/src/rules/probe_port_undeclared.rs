use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{self, Port, Probe};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags probes of a port by number that no container of the pod declares, where the
    /// container declares ports.
    ///
    /// A container without any `ports` says nothing about what it listens on, and is left out; so
    /// are probes of another host.
    ///
    /// ## Why
    /// The usual cause is that the port has been changed in one place only. Then the probe is
    /// refused, and the pod never gets traffic or is killed over and over.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       ports:
    ///         - containerPort: 8080
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /readyz
    ///           port: 8081 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       ports:
    ///         - containerPort: 8080
    ///         - containerPort: 8081
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /readyz
    ///           port: 8081
    /// ```
    "probe-port-undeclared" {
        summary: "probe asks a port that no container declares",
        help: "declare the port under `ports`, or correct the number",
        category: Category::Probe,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?ports.orValue([]).size() > 0 && ['startupProbe', 'livenessProbe', \
             'readinessProbe'].exists(purpose, ['httpGet', 'tcpSocket', 'grpc'].exists(handler, \
             container[?purpose][?handler].?port.hasValue() && \
             type(container[purpose][handler].port) == int && \
             container[purpose][handler].?host.orValue('') == '' && !containers.exists(other, \
             other.?ports.orValue([]).exists(port, port.containerPort == \
             container[purpose][handler].port))))",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if probe::ports(container).next().is_none() {
        return;
    }
    let ports = container.workload.containers().flat_map(|container| probe::ports(&container));
    let declared: Vec<i64> = ports.filter_map(|port| port.get("containerPort").and_then(Value::int)).collect();
    let mut told = Vec::new();
    for probe in Probe::all(container) {
        let handler = probe.handler().filter(|handler| handler.host().is_none());
        let Some(Port::Number(port)) = handler.and_then(|handler| handler.port()) else { continue };
        // Probes of one container tend to ask the same port: once is enough.
        if !declared.contains(&port) && !told.contains(&port) {
            told.push(port);
            let (purpose, container) = (probe.purpose.name(), container.name());
            let message =
                format!("{purpose} probe of container `{container}` asks port {port}, which no container declares");
            sink.report(probe.port_path(), message);
        }
    }
}
