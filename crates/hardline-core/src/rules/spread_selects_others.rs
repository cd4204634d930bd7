use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::selector::Selector;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags topology spread constraints whose selector does not select the pods of their own
    /// workload.
    ///
    /// ## Why
    /// The scheduler counts the pods of somebody else. The constraint reads well and does nothing:
    /// all replicas may share one zone.
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
    ///       topologySpreadConstraints:
    ///         - maxSkew: 1
    ///           topologyKey: topology.kubernetes.io/zone
    ///           whenUnsatisfiable: ScheduleAnyway
    ///           labelSelector: # finding
    ///             matchLabels:
    ///               app: shop
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
    ///       topologySpreadConstraints:
    ///         - maxSkew: 1
    ///           topologyKey: topology.kubernetes.io/zone
    ///           whenUnsatisfiable: ScheduleAnyway
    ///           labelSelector:
    ///             matchLabels:
    ///               app: web
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    "spread-selects-others" {
        summary: "spread constraint counts the wrong pods",
        help: "select the labels of the pod template",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "pod.?topologySpreadConstraints.orValue([]).exists(constraint, \
             !has(constraint.labelSelector) || \
             !(constraint.labelSelector.?matchLabels.orValue({}).all(key, \
             template.?metadata.?labels[?key].orValue('') == \
             constraint.labelSelector.matchLabels[key] && key in \
             template.?metadata.?labels.orValue({})) && \
             constraint.labelSelector.?matchExpressions.orValue([]).all(term, term.operator == \
             'Exists' ? term.key in template.?metadata.?labels.orValue({}) : term.operator == \
             'DoesNotExist' ? !(term.key in template.?metadata.?labels.orValue({})) : term.operator \
             == 'In' ? template.?metadata.?labels[?term.key].optMap(value, value in \
             term.values).orValue(false) : !template.?metadata.?labels[?term.key].optMap(value, \
             value in term.values).orValue(false))))",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let constraints = workload.pod("topologySpreadConstraints").into_iter().flat_map(Value::items).enumerate();
    for (index, constraint) in constraints {
        let selector = constraint.get("labelSelector");
        if !Selector::of(selector).matches(workload.pod_labels()) {
            let path = workload.pod_path().key("topologySpreadConstraints").index(index).key("labelSelector");
            let message = if selector.is_some() {
                "does not select the pods of its own template"
            } else {
                "is not set, so that no pod is counted"
            };
            sink.report(path, format!("the selector {message}"));
        }
    }
}
