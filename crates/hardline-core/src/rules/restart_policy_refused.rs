use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pod templates with a `restartPolicy` that their kind does not take.
    ///
    /// ## Why
    /// A Deployment, StatefulSet or DaemonSet keeps its pods alive, so the API server takes `Always`
    /// alone. A Job runs to an end and takes `OnFailure` or `Never`; where nothing is written, the
    /// default `Always` is refused as well. The rollout stops at the first `apply`, and so does the
    /// release that holds it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       restartPolicy: Never # finding
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ```yaml bad
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata:
    ///   name: report
    /// spec:
    ///   ttlSecondsAfterFinished: 3600
    ///   template:
    ///     spec:
    ///       restartPolicy: Always # finding
    ///       containers:
    ///         - name: report
    ///           image: example.com/report:2.0
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       restartPolicy: Always
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
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
    "restart-policy-refused" {
        summary: "restart policy is refused by the API server",
        help: "use `Always` for what keeps running, and `OnFailure` or `Never` for a Job",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if workload.pod_spec().is_none() {
        return;
    }
    let written = workload.pod("restartPolicy").and_then(Value::str);
    let restart = written.unwrap_or("Always");
    // As `ValidatePodTemplateSpecForReplicaSet` and `validateJobSpec` do in `pkg/apis`.
    let (taken, words) = match workload.kind() {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::ReplicationController => {
            (restart == "Always", "`Always`")
        }
        Kind::Job | Kind::CronJob => (matches!(restart, "OnFailure" | "Never"), "`OnFailure` or `Never`"),
        _ => return,
    };
    if !taken {
        let default = if written.is_some() { "" } else { ", the default," };
        let message = format!("`{restart}`{default} is refused: a {} takes {words}", workload.kind());
        sink.report(workload.pod_path().key("restartPolicy"), message);
    }
}
