use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::host_path::{self, Exposure, HostPath};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that mount the socket of their node's container runtime.
    ///
    /// ## Why
    /// Who can write to the socket can start a privileged container, outside Kubernetes and unseen
    /// by it, and owns the node. A read-only mount does not help: a socket is written to all the
    /// same.
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
    ///       volumeMounts:
    ///         - name: docker
    ///           mountPath: /var/run/docker.sock
    ///   volumes:
    ///     - name: docker
    ///       hostPath:
    ///         path: /var/run/docker.sock # finding
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
    ///       volumeMounts:
    ///         - name: data
    ///           mountPath: /data
    ///   volumes:
    ///     - name: data
    ///       emptyDir: {}
    /// ```
    "volume-runtime-socket" {
        summary: "pod holds the socket of the container runtime",
        help: "remove the volume; build images with a rootless builder, and read metrics from the kubelet",
        category: Category::Security,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "hostPaths.exists(path, (variables.runtimeSockets.exists(file, path.endsWith('/' + \
             file)) || path in variables.runtimeFolders))",
        )
        .with(&[("runtimeSockets", &host_path::SOCKETS), ("runtimeFolders", &host_path::SOCKET_FOLDERS)])),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for volume in HostPath::all(workload).filter(|volume| volume.exposure() == Exposure::Runtime) {
        sink.report(volume.field(), format!("{volume}: whoever holds it commands the container runtime"));
    }
}
