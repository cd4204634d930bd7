use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags CronJobs without `startingDeadlineSeconds`.
    ///
    /// ## Why
    /// After an outage of the control plane, a run that is long overdue starts all the same, in the
    /// middle of the day. Without a deadline the controller also counts every run missed since the
    /// last one.
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
    ///   startingDeadlineSeconds: 200
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: OnFailure
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:2.0
    /// ```
    "cronjob-deadline-missing" {
        summary: "run starts however late it is",
        help: "set `startingDeadlineSeconds` to how late a run is still of use",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::CronJob], check),
        cel: Some(Cel::flags("!has(object.spec.startingDeadlineSeconds)")),
    }
}

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    if cronjob.spec("startingDeadlineSeconds").is_none() {
        sink.report(FieldPath::of(&["spec", "startingDeadlineSeconds"]), "a run starts however late it is");
    }
}
