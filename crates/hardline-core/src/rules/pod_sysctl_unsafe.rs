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
    }
}

/// The sysctls that Kubernetes takes to be safe, with the minor version since when.
const SAFE: [(&str, u16); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let sysctls = workload.security("sysctls").into_iter().flat_map(Value::items);
    for (index, sysctl) in sysctls.enumerate() {
        let name = sysctl.get("name").map_or("", Value::raw);
        if !SAFE.iter().any(|&(safe, minor)| safe == name && security::since(sink, minor)) {
            let path = workload.pod_path().keys(&["securityContext", "sysctls"]).index(index).key("name");
            let version = sink.settings().kubernetes_version;
            sink.report(path, format!("the sysctl `{name}` is not among those that {version} knows to be safe"));
        }
    }
}
