use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Probe, Purpose};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags liveness probes that kill a container after less than ten seconds without an answer:
    /// `failureThreshold` − 1 periods and one timeout.
    ///
    /// ## Why
    /// A pause for garbage collection, a throttled CPU or a node that writes back its disk lasts
    /// some seconds. A container that would have gone on is killed instead, and those that take
    /// over its load are next. A restart costs more than ten seconds in any case.
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
    ///       livenessProbe: # finding
    ///         httpGet: {path: /livez, port: 8080}
    ///         failureThreshold: 1
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
    ///         httpGet: {path: /livez, port: 8080}
    ///         failureThreshold: 3
    /// ```
    "probe-liveness-impatient" {
        summary: "liveness probe kills after a short silence",
        help: "raise `failureThreshold` or `timeoutSeconds` so that a pause of some seconds is survived",
        category: Category::Probe,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "has(container.livenessProbe) && (container.livenessProbe.?failureThreshold.orValue(3) - \
             1) * container.livenessProbe.?periodSeconds.orValue(10) + \
             container.livenessProbe.?timeoutSeconds.orValue(1) < 10",
        )
        .running()),
    }
}

/// Seconds of silence that a liveness probe should bear.
const PATIENCE: i64 = 10;

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(probe) = Probe::of(container, Purpose::Liveness) else { return };
    let patience = probe.time_to_decide().saturating_add(probe.timeout());
    if patience < PATIENCE {
        let name = container.name();
        let message = format!("liveness probe kills container `{name}` after {patience} s without an answer");
        sink.report(probe.path(), message);
    }
}
