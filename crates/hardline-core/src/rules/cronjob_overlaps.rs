use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags CronJobs that do not say what happens when the last run has not ended:
    /// `concurrencyPolicy` is `Allow` unless it says otherwise.
    ///
    /// ## Why
    /// A run that hangs is joined by the next, and that by the next. At night the namespace fills
    /// with pods that wait for one lock, until the quota or the database gives way. Who wants runs
    /// side by side writes `Allow`.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec: # finding
    ///   schedule: "*/5 * * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:2.0
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec:
    ///   schedule: "*/5 * * * *"
    ///   concurrencyPolicy: Forbid
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:2.0
    /// ```
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec:
    ///   schedule: "*/5 * * * *"
    ///   concurrencyPolicy: Allow
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:2.0
    /// ```
    "cronjob-overlaps" {
        summary: "runs of a CronJob may pile up",
        help: "set `concurrencyPolicy` to `Forbid` or `Replace`",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::CronJob], check),
    }
}

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    if cronjob.spec("concurrencyPolicy").is_none() {
        sink.report(FieldPath::of(&["spec", "concurrencyPolicy"]), "a run that hangs is joined by the next one");
    }
}
