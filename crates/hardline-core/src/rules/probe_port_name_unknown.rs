use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Port, Probe};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags probes of a port by a name that no port of the same container has.
    ///
    /// ## Why
    /// The kubelet looks the name up among the container's own ports, and cannot ask without it.
    /// A readiness probe never succeeds, so no pod of a rollout gets traffic; a startup probe
    /// holds the container in its start; a liveness probe never does anything.
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
    ///         - name: http
    ///           containerPort: 8080
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /readyz
    ///           port: web # finding
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
    ///         - name: http
    ///           containerPort: 8080
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /readyz
    ///           port: http
    /// ```
    "probe-port-name-unknown" {
        summary: "probe asks a port by a name that the container does not have",
        help: "use the name of one of the container's `ports`, or a number",
        category: Category::Probe,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "['startupProbe', 'livenessProbe', 'readinessProbe'].exists(purpose, ['httpGet', \
             'tcpSocket'].exists(handler, container[?purpose][?handler].?port.hasValue() && \
             type(container[purpose][handler].port) == string && \
             !container[purpose][handler].port.matches('^[0-9]+$') && \
             !container.?ports.orValue([]).exists(port, port.?name.orValue('') == \
             container[purpose][handler].port)))",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for probe in Probe::all(container) {
        if let Some(Port::Unknown(name)) = probe.handler().and_then(|handler| handler.port()) {
            let (purpose, container) = (probe.purpose.name(), container.name());
            let message = format!("{purpose} probe asks port `{name}`, which container `{container}` does not have");
            sink.report(probe.port_path(), message);
        }
    }
}
