use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::host_path::{self, Exposure, HostPath};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that mount files of their node.
    ///
    /// ## Why
    /// What the pod wrote stays behind when it moves to another node, and what it finds there
    /// differs from node to node. A full directory fills the node's disk, past every limit, and the
    /// kubelet evicts the neighbours. Directories that hold credentials are reported by `volume-
    /// host-path-sensitive`, sockets of container runtimes by `volume-runtime-socket`.
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
    ///         - name: data
    ///           mountPath: /data
    ///   volumes:
    ///     - name: data
    ///       hostPath:
    ///         path: /srv/data # finding
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
    "volume-host-path" {
        summary: "pod mounts files of its node",
        help: "use a claim, an `emptyDir` or a ConfigMap; where an agent must read files of the node, mount them read-only",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "hostPaths.exists(path, !(variables.runtimeSockets.exists(file, path.endsWith('/' + \
             file)) || path in variables.runtimeFolders) && !(path in variables.sensitivePaths || \
             variables.sensitiveTrees.exists(tree, (path + '/').startsWith(tree + '/'))))",
        )
        .with(&[("runtimeSockets", &host_path::SOCKETS), ("runtimeFolders", &host_path::SOCKET_FOLDERS), ("sensitivePaths", &host_path::SENSITIVE), ("sensitiveTrees", &host_path::SENSITIVE_TREES)])),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for volume in HostPath::all(workload).filter(|volume| volume.exposure() == Exposure::Files) {
        sink.report(volume.field(), volume.to_string());
    }
}
