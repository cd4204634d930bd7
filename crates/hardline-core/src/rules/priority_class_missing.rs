use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that run on and on without a `priorityClassName`.
    ///
    /// ## Why
    /// When nodes are full, pods of priority 0 wait in line with every batch job, and are the first
    /// to be evicted for others.
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
    ///     spec: # finding
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
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
    ///       priorityClassName: critical-services
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    "priority-class-missing" {
        summary: "workload has no priority",
        help: "name a `PriorityClass` for services whose outage is an incident",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "!(object.kind in ['Job', 'CronJob', 'PodTemplate']) && \
             pod.?priorityClassName.orValue('') == ''",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let named = workload.pod("priorityClassName").and_then(Value::str).is_some_and(|name| !name.is_empty());
    if workload.is_long_running() && workload.pod_spec().is_some() && !named {
        sink.report(workload.pod_path().key("priorityClassName"), "nothing says what the pods give way to");
    }
}
