use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags Jobs that may run for ever: without `activeDeadlineSeconds`. Of runs of a CronJob,
    /// `cronjob-hang-stops-schedule` and `cronjob-overlaps` speak.
    ///
    /// ## Why
    /// `backoffLimit` counts failures, and a Job that waits for a lock or a peer does not fail. A
    /// migration that hangs so holds the release up that waits for it, and its locks with it, until
    /// somebody looks.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata:
    ///   name: migrate
    /// spec: # finding
    ///   template:
    ///     spec:
    ///       restartPolicy: Never
    ///       containers:
    ///         - name: migrate
    ///           image: example.com/migrate:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata:
    ///   name: migrate
    /// spec:
    ///   activeDeadlineSeconds: 1800
    ///   template:
    ///     spec:
    ///       restartPolicy: Never
    ///       containers:
    ///         - name: migrate
    ///           image: example.com/migrate:1.4
    /// ```
    "job-deadline-missing" {
        summary: "a Job that hangs is never ended",
        help: "set `activeDeadlineSeconds` to more than the longest run takes",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Job], check),
        cel: Some(Cel::flags(
            "!has(object.spec.activeDeadlineSeconds) && !has(object.spec.template.spec.activeDeadlineSeconds) && \
             !has(object.metadata.ownerReferences)",
        )),
    }
}

fn check(job: &Resource, sink: &mut Sink<'_>) {
    let ways: [&[&str]; 2] = [&["activeDeadlineSeconds"], &["template", "spec", "activeDeadlineSeconds"]];
    let ends = ways.into_iter().any(|way| job.value().get("spec").and_then(|spec| spec.at(way)).is_some());
    // What a CronJob made repeats its template.
    let owned = job.value().at(&["metadata", "ownerReferences"]).is_some();
    if !ends && !owned {
        sink.report(FieldPath::of(&["spec", "activeDeadlineSeconds"]), "a run that hangs is never ended");
    }
}
