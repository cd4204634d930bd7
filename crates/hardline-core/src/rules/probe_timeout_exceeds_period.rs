use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::probe::Probe;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags probes whose `timeoutSeconds` is longer than their `periodSeconds`.
    ///
    /// ## Why
    /// The kubelet asks one question at a time: while it waits for an answer, the next periods
    /// pass unused. A container that hangs is noticed only after `failureThreshold` timeouts,
    /// several times later than the period lets one believe.
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
    ///       readinessProbe:
    ///         httpGet: {path: /readyz, port: 8080}
    ///         periodSeconds: 5
    ///         timeoutSeconds: 30 # finding
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
    ///       readinessProbe:
    ///         httpGet: {path: /readyz, port: 8080}
    ///         periodSeconds: 5
    ///         timeoutSeconds: 2
    /// ```
    "probe-timeout-exceeds-period" {
        summary: "probe waits longer for an answer than its period",
        help: "set `timeoutSeconds` to no more than `periodSeconds`",
        category: Category::Probe,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "['startupProbe', 'livenessProbe', 'readinessProbe'].exists(purpose, \
             container[?purpose].?timeoutSeconds.orValue(1) > \
             container[?purpose].?periodSeconds.orValue(10))",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for probe in Probe::all(container) {
        let (timeout, period) = (probe.timeout(), probe.period());
        if timeout > period {
            let (purpose, name) = (probe.purpose.name(), container.name());
            let message = format!("{purpose} probe of container `{name}` waits {timeout} s in a period of {period} s");
            let path = probe.path().key("timeoutSeconds");
            let finding = sink.report(path.clone(), message);
            if probe.get("timeoutSeconds").is_some() && period > 0 {
                let title = format!("lower `timeoutSeconds` to {period}");
                finding.fix(Safety::Unsafe, title, vec![Edit::set(path, period)]);
            }
        }
    }
}
