use crate::cron::Schedule;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags CronJobs whose runs do not start: the API server refuses the `schedule`, no day matches it,
    /// or `startingDeadlineSeconds` is below the ten seconds between two looks of the controller.
    ///
    /// ## Why
    /// The backup that was never taken is found on the day it is needed. A CronJob that does not run
    /// has no pod, no event and no failed Job to alert on.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: backup
    /// spec:
    ///   schedule: "0 3 * * 7" # finding
    ///   startingDeadlineSeconds: 5 # finding
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///             - name: backup
    ///               image: example.com/backup:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: backup
    /// spec:
    ///   schedule: "0 3 * * 0"
    ///   startingDeadlineSeconds: 600
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///             - name: backup
    ///               image: example.com/backup:1.4
    /// ```
    "cronjob-never-runs" {
        summary: "no run of the CronJob starts",
        help: "write a schedule of five fields, Sunday as 0, and a `startingDeadlineSeconds` of minutes",
        category: Category::Availability,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::CronJob], check),
    }
}

/// How often the controller looks, in seconds.
/// <https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline>
const LOOK: i64 = 10;

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    if let Some(text) = cronjob.spec("schedule").and_then(Value::str) {
        let problem = match Schedule::parse(text) {
            Ok(schedule) if schedule.ever_runs() => None,
            Ok(_) => Some("names a day that no month has".to_owned()),
            Err(invalid) => Some(invalid.to_string()),
        };
        if let Some(problem) = problem {
            sink.report(FieldPath::of(&["spec", "schedule"]), format!("schedule `{text}` {problem}"));
        }
    }
    let deadline = cronjob.spec("startingDeadlineSeconds").and_then(Value::int);
    if let Some(deadline) = deadline.filter(|&deadline| deadline < LOOK) {
        let message = format!("a run is given up after {deadline} s, and the controller looks every {LOOK} s");
        sink.report(FieldPath::of(&["spec", "startingDeadlineSeconds"]), message);
    }
}
