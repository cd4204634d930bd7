use crate::declare_rule;
use crate::finding::Sink;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::suggest::nearest;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads whose `priorityClassName` names no class that exists, where the classes of the
    /// cluster are known or the input holds one whose name differs by a slip.
    ///
    /// ## Why
    /// The API server refuses the pods, and the Deployment stays at zero with nothing but an event at
    /// its ReplicaSet.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: scheduling.k8s.io/v1
    /// kind: PriorityClass
    /// metadata:
    ///   name: critical-services
    /// value: 100000
    /// ---
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
    ///       priorityClassName: critical-service # finding
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: scheduling.k8s.io/v1
    /// kind: PriorityClass
    /// metadata:
    ///   name: critical-services
    /// value: 100000
    /// ---
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
    "priority-class-unknown" {
        summary: "priority class does not exist",
        help: "name a class that exists, or create it",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let Some(name) = workload.pod("priorityClassName").and_then(Value::str) else { return };
    let inventory = sink.inventory();
    if name.is_empty() || name.starts_with("system-") || inventory.find(Kind::PriorityClass, None, name).is_some() {
        return;
    }
    let classes = inventory.of_kind(Kind::PriorityClass, None).map(Resource::name);
    let path = workload.pod_path().key("priorityClassName");
    if let Some(meant) = nearest(name, classes) {
        sink.report(path, format!("no `PriorityClass` is called `{name}`")).help(format!("name `{meant}`"));
    } else if sink.covers(Kind::PriorityClass, None) {
        sink.report(path, format!("no `PriorityClass` is called `{name}`"));
    }
}
