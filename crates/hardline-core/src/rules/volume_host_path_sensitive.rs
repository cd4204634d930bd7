use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::host_path::{self, Exposure, HostPath};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that mount a directory of their node which holds credentials, devices or
    /// everything.
    ///
    /// ## Why
    /// In `/var/lib/kubelet` lie the Secrets of every pod on the node, in `/etc/kubernetes` and
    /// `/var/lib/etcd` the keys of the cluster, in `/root` those of the administrator. A bug that
    /// reads one file of the container then reads these, and one that writes a file takes the node.
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
    ///         - name: host
    ///           mountPath: /host
    ///   volumes:
    ///     - name: host
    ///       hostPath:
    ///         path: / # finding
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
    "volume-host-path-sensitive" {
        summary: "pod holds a sensitive directory of its node",
        help: "mount the single file or subdirectory that is needed, read-only",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "hostPaths.exists(path, !(variables.runtimeSockets.exists(file, path.endsWith('/' + \
             file)) || path in variables.runtimeFolders) && (path in variables.sensitivePaths || \
             variables.sensitiveTrees.exists(tree, (path + '/').startsWith(tree + '/'))))",
        )
        .with(&[("runtimeSockets", &host_path::SOCKETS), ("runtimeFolders", &host_path::SOCKET_FOLDERS), ("sensitivePaths", &host_path::SENSITIVE), ("sensitiveTrees", &host_path::SENSITIVE_TREES)])),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for volume in HostPath::all(workload).filter(|volume| volume.exposure() == Exposure::Sensitive) {
        sink.report(volume.field(), volume.to_string());
    }
}
