use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags CronJobs with `failedJobsHistoryLimit: 0`.
    ///
    /// ## Why
    /// A failed run is deleted with its pods and their logs at once. Whoever is paged for the missing
    /// report finds nothing to look at, not even that it failed.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   failedJobsHistoryLimit: 0 # finding
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   failedJobsHistoryLimit: 1
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:1.4
    /// ```
    "cronjob-failures-forgotten" {
        summary: "failed runs leave nothing to look at",
        help: "leave out `failedJobsHistoryLimit`, or set it to 1 or more",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::CronJob], check),
        cel: Some(Cel::flags("object.spec.?failedJobsHistoryLimit.orValue(1) == 0")),
    }
}

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    if cronjob.spec("failedJobsHistoryLimit").and_then(Value::int) == Some(0) {
        let path = FieldPath::of(&["spec", "failedJobsHistoryLimit"]);
        let edits = vec![Edit::set(path.clone(), 1)];
        sink.report(path, "a failed run is deleted with its logs at once").fix(
            Safety::Safe,
            "keep the last failed run",
            edits,
        );
    }
}
