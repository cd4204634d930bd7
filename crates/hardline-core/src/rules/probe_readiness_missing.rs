use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{self, Probe, Purpose};
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags workloads that serve traffic and of which no container has a readiness probe.
    ///
    /// A workload serves when a Service selects its pods. Where the Services of the namespace are
    /// not known, declared ports of a Deployment or StatefulSet are taken for a sign. Services
    /// that publish pods which are not ready do not count, nor do headless ones of a DaemonSet:
    /// those are there for scraping.
    ///
    /// ## Why
    /// Without the probe, a pod counts as ready the moment its process starts. Every rollout then
    /// sends requests to processes that do not listen yet, and goes on replacing good pods by
    /// ones that never will.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout # finding
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - containerPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - containerPort: 8080
    ///           readinessProbe:
    ///             httpGet: {path: /readyz, port: 8080}
    /// ```
    "probe-readiness-missing" {
        summary: "nothing tells when a pod can take traffic",
        help: "add a `readinessProbe` to the container that serves",
        category: Category::Probe,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let probed = |container: Container<'_>| Probe::of(&container, Purpose::Readiness).is_some();
    if !workload.is_long_running() || workload.containers().any(probed) {
        return;
    }
    let mains = || workload.containers().filter(Container::is_long_running);
    let listens = |container: &Container<'_>| probe::ports(container).next().is_some();
    let namespace = workload.resource.namespace();
    let mut services = sink.inventory().selecting(Kind::Service, workload);
    let reason = if let Some(service) = services.find(|service| sends_traffic(service, workload)) {
        format!("Service `{}` sends traffic to its pods", service.name())
    } else if sink.inventory().covers(Kind::Service, namespace) || workload.kind() == Kind::DaemonSet {
        return;
    } else if mains().any(|container| listens(&container)) {
        "it declares ports".to_owned()
    } else {
        return;
    };
    let Some(container) = mains().find(listens).or_else(|| mains().next()) else { return };
    sink.report(container.path().key("readinessProbe"), format!("no container has a readiness probe, and {reason}"));
}

fn sends_traffic(service: &Resource, workload: &Workload<'_>) -> bool {
    let unready = service.spec("publishNotReadyAddresses").and_then(Value::bool) == Some(true);
    let headless = service.spec("clusterIP").and_then(Value::str) == Some("None");
    let scraped = headless && workload.kind() == Kind::DaemonSet;
    !unready && !scraped
}
