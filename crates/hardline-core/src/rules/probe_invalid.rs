use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::probe::{HANDLERS, Probe, Purpose};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags probes that the API server refuses: without a handler or with several, with negative
    /// numbers, a port out of range, a `successThreshold` other than 1 for liveness or start-up,
    /// a grace period for readiness, and any probe of an init container that is no sidecar.
    ///
    /// ## Why
    /// The API server refuses the whole object, at the moment when somebody needs to deploy it.
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
    ///         httpGet: {path: /livez, port: 8080}
    ///         successThreshold: 2 # finding
    ///       readinessProbe: # finding
    ///         periodSeconds: 5
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
    ///       readinessProbe:
    ///         httpGet: {path: /readyz, port: 8080}
    ///         periodSeconds: 5
    /// ```
    "probe-invalid" {
        summary: "probe is refused by the API server",
        help: "give the probe exactly one handler and values that the API allows",
        category: Category::Probe,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for purpose in Purpose::ALL {
        let who = || format!("{} probe of container `{}`", purpose.name(), container.name());
        if let Some(probe) = Probe::of(container, purpose) {
            for (path, problem) in problems(&probe) {
                sink.report(path, format!("{} {problem}", who()));
            }
        } else if container.get(purpose.key()).is_some() {
            let path = container.path().key(purpose.key());
            sink.report(path, format!("{} is not allowed: only main containers and sidecars have probes", who()));
        }
    }
}

/// As `ValidateProbe` and its kin do, in `pkg/apis/core/validation` of Kubernetes.
fn problems(probe: &Probe<'_>) -> Vec<(FieldPath, String)> {
    let mut problems = Vec::new();
    let handlers: Vec<&str> = HANDLERS.into_iter().filter(|handler| probe.get(handler).is_some()).collect();
    match handlers[..] {
        [] => problems.push((probe.path(), "has no handler".to_owned())),
        [handler] => {
            let port = probe.get(handler).and_then(|handler| handler.get("port")).and_then(Value::int);
            if let Some(port) = port.filter(|port| !(1..=65535).contains(port)) {
                problems.push((probe.port_path(), format!("asks port {port}, which cannot exist")));
            }
        }
        _ => problems.push((probe.path(), format!("has several handlers: {}", handlers.join(", ")))),
    }
    for key in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        if let Some(number) = probe.get(key).and_then(Value::int).filter(|number| *number < 0) {
            problems.push((probe.path().key(key), format!("sets `{key}` to {number}")));
        }
    }
    let readiness = probe.purpose == Purpose::Readiness;
    let successes = probe.get("successThreshold").and_then(Value::int).unwrap_or(1);
    if !readiness && successes > 1 {
        let path = probe.path().key("successThreshold");
        problems.push((path, format!("asks for {successes} successes; only 1 is allowed")));
    }
    if readiness && probe.get("terminationGracePeriodSeconds").is_some() {
        let path = probe.path().key("terminationGracePeriodSeconds");
        problems.push((path, "sets a grace period, but never ends a container".to_owned()));
    }
    problems
}
