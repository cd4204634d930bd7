use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that declare port 22.
    ///
    /// ## Why
    /// A shell server in a pod is a door beside the API server: without its users, roles and audit
    /// log, with keys that nobody rotates.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    ///       ports:
    ///         - containerPort: 22 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    ///       ports:
    ///         - containerPort: 8080
    /// ```
    "container-port-ssh" {
        summary: "container offers SSH",
        help: "use `kubectl exec` or `kubectl debug`; a server that speaks Git may be exempted",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?ports.orValue([]).exists(port, port.containerPort == 22 && \
             port.?protocol.orValue('TCP') == 'TCP')",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for (index, port) in container.get("ports").into_iter().flat_map(Value::items).enumerate() {
        let udp = port.get("protocol").and_then(Value::str).is_some_and(|protocol| protocol != "TCP");
        if port.get("containerPort").and_then(Value::int) == Some(22) && !udp {
            let path = container.path().key("ports").index(index).key("containerPort");
            sink.report(path, format!("container `{}` offers port 22, SSH", container.name()));
        }
    }
}
