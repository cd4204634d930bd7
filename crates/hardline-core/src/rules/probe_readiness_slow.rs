use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Probe, Purpose};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags readiness probes that take more than a minute to notice that a container cannot serve:
    /// `periodSeconds` times `failureThreshold`.
    ///
    /// ## Why
    /// Until the probe has failed often enough, the Service sends the pod its share of all requests.
    /// One of three pods that hangs for five minutes fails every third customer for as long, and the
    /// two that are well cannot help.
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
    ///       readinessProbe: # finding
    ///         httpGet: {path: /readyz, port: 8080}
    ///         periodSeconds: 30
    ///         failureThreshold: 10
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
    ///         failureThreshold: 3
    /// ```
    "probe-readiness-slow" {
        summary: "readiness probe notices too late that a container cannot serve",
        help: "lower `periodSeconds` or `failureThreshold`; a slow start is for `startupProbe`",
        category: Category::Probe,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "has(container.readinessProbe) && container.readinessProbe.?periodSeconds.orValue(10) * \
             container.readinessProbe.?failureThreshold.orValue(3) > 60",
        )
        .running()),
    }
}

/// How long requests may go to a pod that does not answer them, in seconds.
const MOST: i64 = 60;

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(probe) = Probe::of(container, Purpose::Readiness) else { return };
    let (period, failures) = (probe.period(), probe.failure_threshold());
    let seconds = period.saturating_mul(failures);
    if seconds > MOST {
        let message = format!(
            "readiness probe of container `{}` takes up to {seconds} s to stop traffic: {failures} failures in a row, \
             {period} s apart",
            container.name()
        );
        sink.report(probe.path(), message);
    }
}
