use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::workload::Workload;

declare_rule! {
    /// Flags volumes that a pod mounts by an address of its own instead of through a claim.
    ///
    /// ## Why
    /// A volume such as `nfs` or `iscsi` in the pod lets whoever writes the pod mount any export
    /// that the node can reach, with the node's rights; `gitRepo` runs git as root on the node.
    /// Claims leave that choice to those who run the storage. Volumes of the node, by `hostPath`,
    /// have rules of their own.
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
    ///   volumes:
    ///     - name: shared
    ///       nfs: # finding
    ///         server: nfs.example.com
    ///         path: /exports
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
    ///   volumes:
    ///     - name: shared
    ///       persistentVolumeClaim:
    ///         claimName: shared
    /// ```
    "volume-type-restricted" {
        summary: "volume names storage without a claim",
        help: "mount it by a PersistentVolumeClaim, or by a CSI driver",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Production,
        standard: Some(Standard::Restricted),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "pod.?volumes.orValue([]).exists(volume, variables.restrictedVolumes.exists(source, \
             source in volume))",
        )
        .with(&[("restrictedVolumes", &RESTRICTED)])),
    }
}

/// All that the restricted level does not allow, `hostPath` excepted. A volume without any source
/// is an `emptyDir` once the API server has it.
const RESTRICTED: [&str; 20] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for volume in workload.volumes() {
        if let Some(source) = RESTRICTED.into_iter().find(|source| volume.get(source).is_some()) {
            let name = volume.name();
            sink.report(volume.path().key(source), format!("volume `{name}` is of the type `{source}`"));
        }
    }
}
