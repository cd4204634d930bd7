use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags Jobs without `ttlSecondsAfterFinished`. Hooks of Helm and Argo CD are removed by these
    /// and left out, as are the Jobs of a CronJob, which keeps a history of its own.
    ///
    /// ## Why
    /// A Job that has ended stays with its pods until somebody deletes it. The next release then
    /// fails to apply, because the pod template of a Job cannot be changed.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata:
    ///   name: report
    /// spec: # finding
    ///   template:
    ///     spec:
    ///       restartPolicy: OnFailure
    ///       containers:
    ///         - name: report
    ///           image: example.com/report:2.0
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata:
    ///   name: report
    /// spec:
    ///   ttlSecondsAfterFinished: 3600
    ///   template:
    ///     spec:
    ///       restartPolicy: OnFailure
    ///       containers:
    ///         - name: report
    ///           image: example.com/report:2.0
    /// ```
    "job-never-removed" {
        summary: "finished Job is never removed",
        help: "set `ttlSecondsAfterFinished`",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Job], check),
        cel: Some(Cel::flags(
            "!has(object.spec.ttlSecondsAfterFinished) && !has(object.metadata.ownerReferences) && \
             !['helm.sh/hook', 'argocd.argoproj.io/hook'].exists(key, key in \
             object.metadata.?annotations.orValue({}))",
        )),
    }
}

fn check(job: &Resource, sink: &mut Sink<'_>) {
    let annotations = job.value().at(&["metadata", "annotations"]).into_iter().flat_map(Value::entries);
    let hook = |key: &str| matches!(key, "helm.sh/hook" | "argocd.argoproj.io/hook");
    let owned = job.value().at(&["metadata", "ownerReferences"]).is_some();
    if job.spec("ttlSecondsAfterFinished").is_none()
        && !owned
        && !annotations.into_iter().any(|entry| hook(entry.key.raw()))
    {
        sink.report(FieldPath::of(&["spec", "ttlSecondsAfterFinished"]), "the Job and its pods stay after their end");
    }
}
