use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that share the network, process or IPC namespace of their node.
    ///
    /// ## Why
    /// With `hostNetwork` the pod has the node's addresses: NetworkPolicies do not hold it, its
    /// ports collide with those of its neighbours, and it can reach what listens on localhost, the
    /// kubelet included. With `hostPID` it sees, and as root signals, every process of the node and
    /// reads their environment, secrets and all. With `hostIPC` it reads the shared memory of other
    /// programs.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   hostNetwork: true # finding
    ///   hostPID: true # finding
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
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "pod-host-namespace" {
        summary: "pod shares a namespace of its node",
        help: "remove the field; only agents that manage the node itself need it",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "pod.?hostNetwork.orValue(false) || pod.?hostPID.orValue(false) || \
             pod.?hostIPC.orValue(false)",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for (field, shared) in [("hostNetwork", "network"), ("hostPID", "process"), ("hostIPC", "IPC")] {
        if workload.pod(field).and_then(Value::bool) == Some(true) {
            let path = workload.pod_path().key(field);
            sink.report(path, format!("`{field}: true` shares the {shared} namespace of the node"));
        }
    }
}
