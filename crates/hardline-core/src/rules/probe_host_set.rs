use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags probes and lifecycle hooks that make the kubelet call a host of their choice.
    ///
    /// ## Why
    /// The kubelet calls from the node, past NetworkPolicies. With `host` a pod makes it knock at
    /// addresses that the pod itself may not reach, and learns from the probe's outcome what is
    /// there. Without `host` the kubelet calls the pod, which is what a probe is for. The baseline
    /// level of the Pod Security Standards forbids the field since Kubernetes 1.34.
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
    ///       readinessProbe:
    ///         httpGet:
    ///           host: 169.254.169.254 # finding
    ///           path: /
    ///           port: 80
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
    ///       readinessProbe:
    ///         httpGet:
    ///           path: /ready
    ///           port: 8080
    /// ```
    "probe-host-set" {
        summary: "probe calls a host of its choice",
        help: "remove `host`; the kubelet then calls the pod",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Production,
        standard: Some(Standard::Baseline),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "variables.kubernetes >= 34 && ([container.?livenessProbe, container.?readinessProbe, \
             container.?startupProbe, container.?lifecycle.?postStart, \
             container.?lifecycle.?preStop].exists(handler, handler.?httpGet.?host.orValue('') != '' \
             || handler.?tcpSocket.?host.orValue('') != ''))",
        )),
    }
}

const HANDLERS: [&[&str]; 5] = [
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if !security::since(sink, 34) {
        return;
    }
    for handler in HANDLERS {
        let Some(value) = container.at(handler) else { continue };
        for action in ["httpGet", "tcpSocket"] {
            let host = value.at(&[action, "host"]).map_or("", Value::raw);
            if !host.is_empty() {
                let path = container.path().keys(handler).keys(&[action, "host"]);
                sink.report(path, format!("`{}` makes the kubelet call the host `{host}`", handler.join(".")));
            }
        }
    }
}
