use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that declare ports below 1024.
    ///
    /// ## Why
    /// To bind such a port a process needs root or the capability NET_BIND_SERVICE, unless
    /// `net.ipv4.ip_unprivileged_port_start` says otherwise. A Service maps port 80 to any port, so
    /// that no container needs it.
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
    ///         - containerPort: 80 # finding
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
    "container-port-privileged" {
        summary: "container listens below port 1024",
        help: "listen on a port above 1023, and map it in the Service",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?ports.orValue([]).exists(port, port.containerPort >= 1 && port.containerPort \
             <= 1023)",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for (index, port) in container.get("ports").into_iter().flat_map(Value::items).enumerate() {
        if let Some(number @ 1..=1023) = port.get("containerPort").and_then(Value::int) {
            let path = container.path().key("ports").index(index).key("containerPort");
            sink.report(path, format!("container `{}` listens on port {number}, below 1024", container.name()));
        }
    }
}
