use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags StatefulSets and DaemonSets whose pods are not all updated by a rollout:
    /// `updateStrategy` is `OnDelete`, or has a `partition`.
    ///
    /// ## Why
    /// The rollout reports success while some or all pods run the old version, with the old security
    /// fixes and settings, until somebody deletes them. A `partition` from a canary of last month
    /// holds back every release since.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: db
    /// spec:
    ///   serviceName: db
    ///   replicas: 3
    ///   updateStrategy:
    ///     type: RollingUpdate
    ///     rollingUpdate:
    ///       partition: 2 # finding
    ///   selector:
    ///     matchLabels:
    ///       app: db
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: db
    ///     spec:
    ///       containers:
    ///         - name: db
    ///           image: example.com/db:12.1
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: db
    /// spec:
    ///   serviceName: db
    ///   replicas: 3
    ///   updateStrategy:
    ///     type: RollingUpdate
    ///   selector:
    ///     matchLabels:
    ///       app: db
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: db
    ///     spec:
    ///       containers:
    ///         - name: db
    ///           image: example.com/db:12.1
    /// ```
    "update-strategy-partial" {
        summary: "rollout leaves pods at their old version",
        help: "use `RollingUpdate` without a `partition`",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::StatefulSet, Kind::DaemonSet], check),
        cel: Some(Cel::flags(
            "object.spec.?updateStrategy.?type.orValue('') == 'OnDelete' || object.kind == \
             'StatefulSet' && object.spec.?updateStrategy.?rollingUpdate.?partition.orValue(0) > 0",
        )),
    }
}

fn check(set: &Resource, sink: &mut Sink<'_>) {
    let Some(strategy) = set.spec("updateStrategy") else { return };
    let path = FieldPath::of(&["spec", "updateStrategy"]);
    if strategy.get("type").and_then(Value::str) == Some("OnDelete") {
        sink.report(path.key("type"), "`OnDelete` keeps pods at their old version until somebody deletes them");
        return;
    }
    let partition =
        strategy.at(&["rollingUpdate", "partition"]).and_then(Value::int).filter(|&partition| partition > 0);
    if let (Kind::StatefulSet, Some(partition)) = (set.kind(), partition) {
        let message = format!("pods below number {partition} keep their old version");
        sink.report(path.keys(&["rollingUpdate", "partition"]), message);
    }
}
