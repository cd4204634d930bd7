use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a StatefulSet whose claims are deleted with it or when it is scaled down, by
    /// `persistentVolumeClaimRetentionPolicy`.
    ///
    /// ## Why
    /// `kubectl delete` of the set, the rename of a release or a scale to zero deletes the data. To scale
    /// up again gives empty volumes.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   serviceName: ledger
    ///   persistentVolumeClaimRetentionPolicy:
    ///     whenDeleted: Delete # finding
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///   volumeClaimTemplates:
    ///     - metadata:
    ///         name: data
    ///       spec:
    ///         accessModes: [ReadWriteOnce]
    ///         resources:
    ///           requests:
    ///             storage: 10Gi
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   serviceName: ledger
    ///   persistentVolumeClaimRetentionPolicy:
    ///     whenDeleted: Retain
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///   volumeClaimTemplates:
    ///     - metadata:
    ///         name: data
    ///       spec:
    ///         accessModes: [ReadWriteOnce]
    ///         resources:
    ///           requests:
    ///             storage: 10Gi
    /// ```
    "volume-deleted-with-set" {
        summary: "data is deleted with its StatefulSet",
        help: "use `Retain`, and delete the claims by hand when the data may go",
        category: Category::Storage,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::StatefulSet], check),
        cel: Some(Cel::flags(
            "['whenDeleted', 'whenScaled'].exists(event, \
             object.spec.?persistentVolumeClaimRetentionPolicy[?event].orValue('') == 'Delete')",
        )),
    }
}

fn check(set: &Resource, sink: &mut Sink<'_>) {
    for (field, event) in [("whenDeleted", "the set is deleted"), ("whenScaled", "the set is scaled down")] {
        let path = ["persistentVolumeClaimRetentionPolicy", field];
        let policy = set.value().at(&["spec"]).and_then(|spec| spec.at(&path)).and_then(Value::str);
        if policy == Some("Delete") {
            sink.report(FieldPath::of(&["spec"]).keys(&path), format!("the claims are deleted when {event}"));
        }
    }
}
