use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that may write to their root filesystem.
    ///
    /// ## Why
    /// Whatever the program writes there is lost with the container and fills the disk of the node
    /// until the kubelet evicts pods. An intruder drops tools there and changes the program itself.
    /// With `readOnlyRootFilesystem: true` only the volumes are written to, each with its size and
    /// life known. Init containers, privileged ones and Windows pods are left out.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app # finding
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
    ///       securityContext:
    ///         readOnlyRootFilesystem: true
    ///       volumeMounts:
    ///         - name: tmp
    ///           mountPath: /tmp
    ///   volumes:
    ///     - name: tmp
    ///       emptyDir:
    ///         sizeLimit: 64Mi
    /// ```
    "container-root-filesystem-writable" {
        summary: "root filesystem is writable",
        help: "set `readOnlyRootFilesystem: true`, and mount an `emptyDir` wherever the program writes",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Production,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "pod.?os.?name.orValue('') != 'windows' && \
             !container.?securityContext.?privileged.orValue(false) && \
             !container.?securityContext.?readOnlyRootFilesystem.orValue(false)",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if !container.is_long_running() || container.is_privileged() || container.workload.is_windows() {
        return;
    }
    if container.security("readOnlyRootFilesystem").and_then(Value::bool) != Some(true) {
        let path = container.path().keys(&["securityContext", "readOnlyRootFilesystem"]);
        let edits = vec![Edit::set(path.clone(), true)];
        sink.report(path, format!("container `{}` may write to its root filesystem", container.name())).fix(
            Safety::Unsafe,
            "set `readOnlyRootFilesystem: true`",
            edits,
        );
    }
}
