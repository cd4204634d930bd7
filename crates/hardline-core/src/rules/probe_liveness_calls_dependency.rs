use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::probe::{Probe, Purpose, dependency};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags liveness probes that need something else than their container to succeed: that run a
    /// database client, `curl`, `nc` and their kin against another host, that set `host`, or that
    /// ask a path which names a database, readiness, dependencies or Spring Boot's composite
    /// health.
    ///
    /// A database that asks itself is fine.
    ///
    /// ## Why
    /// The database is slow for half a minute. All replicas see it, so all liveness probes fail
    /// together, and the kubelets restart every replica at once. They come back cold and all
    /// reconnect at once, which keeps the database slow. A restart cures a process that hangs; it
    /// never cures a dependency. A readiness probe may ask the dependency: it only pauses traffic.
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
    ///       livenessProbe:
    ///         httpGet:
    ///           path: /health/db # finding
    ///           port: 8080
    ///     - name: worker
    ///       image: example.com/worker:1.4
    ///       livenessProbe:
    ///         exec:
    ///           command:
    ///             - sh
    ///             - -c
    ///             - psql -h orders-db -c 'select 1' # finding
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
    ///       livenessProbe:
    ///         httpGet:
    ///           path: /livez
    ///           port: 8080
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /health/db
    ///           port: 8080
    ///     - name: database
    ///       image: postgres:17
    ///       livenessProbe:
    ///         exec:
    ///           command: [pg_isready, -h, localhost]
    /// ```
    "probe-liveness-calls-dependency" {
        summary: "liveness probe tests a dependency",
        help: "let liveness ask only whether the process answers, and move the rest to the readiness probe",
        category: Category::Probe,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(probe) = Probe::of(container, Purpose::Liveness) else { return };
    let Some(dependency) = dependency::of(&probe) else { return };
    let message = format!("liveness probe of container `{}` {}", container.name(), dependency.what);
    let finding = sink.report(dependency.path, message);
    if let Some(port) = probe.get("httpGet").filter(|http| http.get("host").is_none()).and_then(|http| http.get("port"))
    {
        let edits = vec![
            Edit::set(probe.path().keys(&["tcpSocket", "port"]), port.to_json()),
            Edit::remove(probe.path().key("httpGet")),
        ];
        finding.fix(Safety::Unsafe, "ask only whether the port is open", edits);
    }
}
