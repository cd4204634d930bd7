use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that set kernel parameters which Kubernetes does not know to be safe.
    ///
    /// ## Why
    /// The kubelet rejects a pod with an unsafe sysctl, by the reason `SysctlForbidden`, unless it
    /// is told to allow that one: the controller makes the next pod, and the next. Where it is
    /// allowed, the parameter may change the node for every pod on it. What is safe grew with
    /// Kubernetes 1.27, 1.29, 1.32 and 1.37.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     sysctls:
    ///       - name: kernel.msgmax # finding
    ///         value: "65536"
    ///       - name: net.ipv4.ip_unprivileged_port_start
    ///         value: "80"
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     sysctls:
    ///       - name: net.ipv4.tcp_keepalive_time
    ///         value: "600"
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "pod-sysctl-unsafe" {
        summary: "pod sets an unsafe sysctl",
        help: "remove the sysctl, or set it on the node",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "pod.?securityContext.?sysctls.orValue([]).exists(sysctl, !(sysctl.name in \
             variables.safeSysctls + variables.safeSysctls27 + variables.safeSysctls29 + \
             (variables.kubernetes >= 32 ? variables.safeSysctls32 : []) + (variables.kubernetes >= \
             37 ? variables.safeSysctls37 : [])))",
        )
        .with(&[("safeSysctls", SAFE[0].1), ("safeSysctls27", SAFE[1].1), ("safeSysctls29", SAFE[2].1), ("safeSysctls32", SAFE[3].1), ("safeSysctls37", SAFE[4].1)])),
    }
}

/// The sysctls that Kubernetes takes to be safe, by the minor version since when.
const SAFE: [(u16, &[&str]); 5] = [
    (
        0,
        &[
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
        ],
    ),
    (27, &["net.ipv4.ip_local_reserved_ports"]),
    (
        29,
        &[
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
        ],
    ),
    (32, &["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]),
    (37, &["net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat"]),
];

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let sysctls = workload.security("sysctls").into_iter().flat_map(Value::items);
    for (index, sysctl) in sysctls.enumerate() {
        let name = sysctl.get("name").map_or("", Value::raw);
        if !SAFE.iter().any(|(minor, safe)| safe.contains(&name) && security::since(sink, *minor)) {
            let path = workload.pod_path().keys(&["securityContext", "sysctls"]).index(index).key("name");
            let version = sink.settings().kubernetes_version;
            sink.report(path, format!("the sysctl `{name}` is not among those that {version} knows to be safe"));
        }
    }
}
