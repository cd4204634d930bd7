use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags Pods that no controller owns. Static pods, pods of Helm and Argo CD hooks and pods that
    /// run to an end are left out.
    ///
    /// ## Why
    /// When its node is drained or dies, a bare Pod is deleted and nobody creates it anew: the
    /// service is gone until somebody notices.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod # finding
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
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
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   restartPolicy: Never
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    /// ```
    "pod-bare" {
        summary: "pod has no controller",
        help: "use a Deployment, a StatefulSet or a Job",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Pod], check),
        cel: Some(Cel::flags(
            "object.metadata.?ownerReferences.orValue([]).size() == 0 && \
             object.spec.?restartPolicy.orValue('Always') == 'Always' && \
             !object.metadata.?annotations.orValue({}).exists(key, key in ['helm.sh/hook', \
             'argocd.argoproj.io/hook'] || key.startsWith('kubernetes.io/config.'))",
        )),
    }
}

fn check(pod: &Resource, sink: &mut Sink<'_>) {
    let metadata = |key| pod.value().at(&["metadata", key]);
    let ends = pod.spec("restartPolicy").and_then(Value::str).is_some_and(|restart| restart != "Always");
    let hook = |key: &str| {
        key == "helm.sh/hook" || key == "argocd.argoproj.io/hook" || key.starts_with("kubernetes.io/config.")
    };
    let kept = metadata("annotations").into_iter().flat_map(Value::entries).any(|entry| hook(entry.key.raw()));
    let owned = metadata("ownerReferences").and_then(|owners| owners.items().next()).is_some();
    if !owned && !ends && !kept {
        sink.report(FieldPath::of(&["kind"]), "nobody creates the pod anew when its node goes away");
    }
}
