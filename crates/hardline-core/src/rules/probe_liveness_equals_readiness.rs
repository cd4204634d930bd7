use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Probe, Purpose, dependency};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags liveness probes that ask the same as the readiness probe and do not wait longer for
    /// an answer.
    ///
    /// The same question is fine when liveness is slower to decide: the pod then leaves the
    /// Service first and is killed only if that does not help.
    ///
    /// ## Why
    /// A pod that is overloaded should lose its traffic and recover. With equal probes it is
    /// killed in the same moment, its share of the traffic goes to the others, and they are
    /// next.
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
    ///         httpGet: {path: /healthz, port: 8080}
    ///       readinessProbe:
    ///         httpGet: {path: /healthz, port: 8080}
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
    ///         httpGet: {path: /healthz, port: 8080}
    ///         failureThreshold: 12
    ///       readinessProbe:
    ///         httpGet: {path: /healthz, port: 8080}
    ///         failureThreshold: 2
    /// ```
    "probe-liveness-equals-readiness" {
        summary: "liveness probe equals the readiness probe",
        help: "give liveness a question of its own, or a `failureThreshold` several times that of readiness",
        category: Category::Probe,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let probe = |purpose| Probe::of(container, purpose);
    let (Some(liveness), Some(readiness)) = (probe(Purpose::Liveness), probe(Purpose::Readiness)) else { return };
    let same = liveness.handler().is_some_and(|handler| readiness.handler() == Some(handler));
    let (kill, pause) = (liveness.time_to_decide(), readiness.time_to_decide());
    // A probe of a dependency is the worse defect, with a rule of its own.
    if same && kill <= pause && dependency::of(&liveness).is_none() {
        let message = format!(
            "liveness probe of container `{}` asks what its readiness probe asks, and kills after {kill} s where \
             readiness takes {pause} s to stop traffic",
            container.name()
        );
        let path = readiness.path();
        sink.report(liveness.path(), message).evidence(container.workload.resource, path, "the readiness probe");
    }
}
