use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags CronJobs with `concurrencyPolicy: Forbid` and no `activeDeadlineSeconds` for the Job or its
    /// pods.
    ///
    /// ## Why
    /// One run that hangs on a lock or a dead connection is active for ever, and while it is no other
    /// starts. The schedule has stopped without a failed pod: nobody is told until the data is weeks old.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata:
    ///   name: report
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   concurrencyPolicy: Forbid # finding
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
    ///   concurrencyPolicy: Forbid
    ///   jobTemplate:
    ///     spec:
    ///       activeDeadlineSeconds: 3600
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///             - name: report
    ///               image: example.com/report:1.4
    /// ```
    "cronjob-hang-stops-schedule" {
        summary: "one run that hangs stops all later ones",
        help: "set `activeDeadlineSeconds` in `jobTemplate.spec` to what a run may take at most",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::CronJob], check),
        cel: Some(Cel::flags("object.spec.?concurrencyPolicy.orValue('') == 'Forbid' && !has(object.spec.jobTemplate.spec.activeDeadlineSeconds) && !has(object.spec.jobTemplate.spec.template.spec.activeDeadlineSeconds)")),
    }
}

fn check(cronjob: &Resource, sink: &mut Sink<'_>) {
    if cronjob.spec("concurrencyPolicy").and_then(Value::str) != Some("Forbid") {
        return;
    }
    let job = cronjob.spec("jobTemplate").and_then(|template| template.get("spec"));
    let ways: [&[&str]; 2] = [&["activeDeadlineSeconds"], &["template", "spec", "activeDeadlineSeconds"]];
    if !ways.into_iter().any(|way| job.and_then(|job| job.at(way)).is_some()) {
        let message = "a run that hangs has no deadline, and `Forbid` starts no other beside it";
        sink.report(FieldPath::of(&["spec", "concurrencyPolicy"]), message);
    }
}
