use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::selector::Selector;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads whose `selector` does not match the labels of their own pod template.
    ///
    /// ## Why
    /// The API server refuses the object. In a pipeline that applies one file after another the
    /// rest has changed already, and the release stands half done.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector: # finding
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: check-out}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    /// ```
    "selector-mismatch" {
        summary: "selector does not match the pods of its own template",
        help: "give the template every label that the selector asks for",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let resource = workload.resource;
    // An absent selector is a matter of the schema, and in a Kustomize base not even a fault.
    let Some(selector) = resource.spec("selector") else { return };
    let selects = match workload.kind() {
        // A `DeploymentConfig` of OpenShift selects as the older kind does.
        Kind::Other if resource.group() == "apps.openshift.io" => Selector::of_labels(Some(selector)),
        Kind::ReplicationController => Selector::of_labels(Some(selector)),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => Selector::of(Some(selector)),
        _ => return,
    };
    if workload.template().is_none() || selects.matches(workload.pod_labels()) {
        return;
    }
    let label = |key: &str| workload.pod_labels().and_then(|labels| labels.entry(key)).map(|entry| entry.value.raw());
    let wrong = selects.match_labels().find(|&(key, wanted)| label(key) != Some(wanted));
    let message = match wrong.map(|(key, wanted)| (key, wanted, label(key))) {
        Some((key, wanted, Some(found))) => {
            format!("the selector wants label `{key}: {wanted}`, the template has `{key}: {found}`")
        }
        Some((key, wanted, None)) => format!("the selector wants label `{key}: {wanted}`, the template has no `{key}`"),
        None => "the selector's expressions do not hold for the labels of the template".to_owned(),
    };
    let labels = workload.template_path().keys(&["metadata", "labels"]);
    sink.report(FieldPath::of(&["spec", "selector"]), message).evidence(resource, labels, "the labels of the template");
}
