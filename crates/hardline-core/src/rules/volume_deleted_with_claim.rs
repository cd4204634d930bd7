use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a `StorageClass` whose volumes are deleted with their claims: `reclaimPolicy` is `Delete`
    /// unless it says `Retain`.
    ///
    /// ## Why
    /// A claim deleted by mistake, or with its namespace, takes the data with it. With `Retain` the volume
    /// stays and can be bound again.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: storage.k8s.io/v1
    /// kind: StorageClass
    /// metadata:
    ///   name: fast
    /// provisioner: ebs.csi.aws.com
    /// reclaimPolicy: Delete # finding
    /// allowVolumeExpansion: true
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: storage.k8s.io/v1
    /// kind: StorageClass
    /// metadata:
    ///   name: fast
    /// provisioner: ebs.csi.aws.com
    /// reclaimPolicy: Retain
    /// allowVolumeExpansion: true
    /// ```
    "volume-deleted-with-claim" {
        summary: "data is deleted with its claim",
        help: "set `reclaimPolicy: Retain` on classes for data that matters",
        category: Category::Storage,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::StorageClass], check),
        cel: Some(Cel::flags("object.?reclaimPolicy.orValue('Delete') == 'Delete'")),
    }
}

fn check(class: &Resource, sink: &mut Sink<'_>) {
    if class.value().get("reclaimPolicy").and_then(Value::str).is_none_or(|policy| policy == "Delete") {
        sink.report(FieldPath::of(&["reclaimPolicy"]), "volumes of this class are deleted with their claims");
    }
}
