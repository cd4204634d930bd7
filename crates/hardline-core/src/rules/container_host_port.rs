use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that bind a port of their node.
    ///
    /// ## Why
    /// Two pods with the same host port cannot run on one node, so a rollout or a drain leaves one
    /// of them pending. Whatever reaches the node reaches the port, past Services and, with many
    /// network plugins, past NetworkPolicies.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       ports:
    ///         - containerPort: 8080
    ///           hostPort: 8080 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       ports:
    ///         - containerPort: 8080
    /// ```
    "container-host-port" {
        summary: "container binds a port of its node",
        help: "remove `hostPort` and reach the pods through a Service",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!pod.?hostNetwork.orValue(false) && container.?ports.orValue([]).exists(port, \
             port.?hostPort.orValue(0) != 0)",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    // On the host's network every port is a port of the host: `pod-host-namespace` says so.
    if container.workload.pod("hostNetwork").and_then(Value::bool) == Some(true) {
        return;
    }
    for (index, port) in container.get("ports").into_iter().flat_map(Value::items).enumerate() {
        if let Some(number) = port.get("hostPort").and_then(Value::int).filter(|&number| number != 0) {
            let path = container.path().key("ports").index(index).key("hostPort");
            sink.report(path, format!("container `{}` binds port {number} of its node", container.name()));
        }
    }
}
