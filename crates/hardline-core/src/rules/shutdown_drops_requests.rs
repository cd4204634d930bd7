use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::security;
use crate::tree::Value;
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags workloads behind a Service, headless ones left out, of which no container waits before it stops: none has a
    /// `preStop` hook.
    ///
    /// ## Why
    /// A pod gets SIGTERM in the same moment in which it is taken out of the endpoints. Proxies and
    /// load balancers hear of that some seconds later, and go on to send requests to a program that
    /// has closed its port: each rollout costs some errors.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       containers:
    ///         - name: web # finding
    ///           image: example.com/web:1.4
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     app: web
    ///   ports:
    ///     - port: 80
    ///       targetPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    ///           lifecycle:
    ///             preStop:
    ///               sleep:
    ///                 seconds: 5
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     app: web
    ///   ports:
    ///     - port: 80
    ///       targetPort: 8080
    /// ```
    "shutdown-drops-requests" {
        summary: "pod stops while requests still arrive",
        help: "add a `preStop` hook that sleeps some seconds",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

/// Seconds in which a load balancer hears that a pod is gone. The kubelet sleeps by itself since 1.30
/// (KEP-3960).
const PAUSE: i64 = 10;

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let waits = workload.containers().any(|container| container.at(&["lifecycle", "preStop"]).is_some());
    if waits || !workload.is_long_running() {
        return;
    }
    let Some(service) = sink.inventory().selecting(Kind::Service, workload).find(|service| !is_headless(service))
    else {
        return;
    };
    let Some(container) = workload.containers().find(Container::is_long_running) else { return };
    let message =
        format!("Service `{}` sends requests for some seconds after the container was told to stop", service.name());
    let path = container.path().keys(&["lifecycle", "preStop"]);
    let can_sleep = security::since(sink, 30);
    let finding = sink.report(path.clone(), message);
    if can_sleep {
        let edits = vec![Edit::set(path.keys(&["sleep", "seconds"]), PAUSE)];
        finding.fix(Safety::Unsafe, format!("sleep {PAUSE} s before the container is told to stop"), edits);
    }
}

/// Whether clients choose the pod by its name, rather than have one chosen.
fn is_headless(service: &Resource) -> bool {
    service.spec("clusterIP").and_then(Value::str) == Some("None")
}
