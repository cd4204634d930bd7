use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags CronJobs with `failedJobsHistoryLimit: 0`, or whose Jobs have a `ttlSecondsAfterFinished` of less
    /// than a day: the stricter of both deletes.
    ///
    /// ## Why
    /// A failed run is deleted with its pods and their logs before anybody looks. Whoever is paged for the missing
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
        help: "keep a failed run for a day at least: leave out both fields",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::CronJob], check),
        cel: Some(Cel::flags(
            "object.spec.?failedJobsHistoryLimit.orValue(1) == 0 || \
             object.spec.jobTemplate.?spec.?ttlSecondsAfterFinished.orValue(86400) < 86400",
        )),
    }
}

/// A failure of the night is looked into in the morning, at the earliest.
const A_DAY: i64 = 24 * 60 * 60;

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    let limit = FieldPath::of(&["spec", "failedJobsHistoryLimit"]);
    if cronjob.spec("failedJobsHistoryLimit").and_then(Value::int) == Some(0) {
        let edits = vec![Edit::set(limit.clone(), 1)];
        sink.report(limit, "a failed run is deleted with its logs at once").fix(
            Safety::Safe,
            "keep the last failed run",
            edits,
        );
        return;
    }
    let of_job = ["jobTemplate", "spec", "ttlSecondsAfterFinished"];
    let Some(seconds) = cronjob.spec("jobTemplate").and_then(|job| job.at(&of_job[1..])?.int()) else { return };
    if seconds < A_DAY {
        let path = FieldPath::of(&["spec"]).keys(&of_job);
        let message = format!(
            "a failed run is deleted with its logs after {seconds} seconds, whatever `failedJobsHistoryLimit` keeps"
        );
        let edits = vec![Edit::remove(path.clone())];
        sink.report(path, message).fix(Safety::Unsafe, "let the history limits alone delete runs", edits);
    }
}
