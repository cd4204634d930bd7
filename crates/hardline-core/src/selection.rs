//! When it is certain that a selector selects no pod.

use crate::finding::Sink;
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::workload::Workload;

/// The kinds that carry pods. All must be known before it is said that there is no such pod.
const CARRIERS: [Kind; 8] = [
    Kind::Pod,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::ReplicationController,
    Kind::Job,
    Kind::CronJob,
];

/// Labels that controllers add, and that no template shows.
const ADDED: [&str; 8] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "job-name",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Whether a selector certainly selects no pod: every kind that carries pods is known, or at least
/// the workload of the selecting resource's own name, whose labels were meant.
pub(crate) fn selects_nothing(resource: &Resource, selector: Selector<'_>, sink: &mut Sink<'_>) -> bool {
    let (inventory, namespace) = (sink.inventory(), resource.namespace());
    let labels = |workload: &Workload<'_>| workload.pod_labels().is_some_and(|all| all.entries().next().is_some());
    let is_meant = |it: Workload<'_>| it.resource.name() == resource.name() && labels(&it);
    matches_nothing(namespace, selector, sink)
        && (inventory.workloads_in(namespace).any(is_meant) || is_all_known(namespace, selector, sink))
}

/// Whether a selector certainly selects no pod of a namespace: every kind that carries pods is known.
pub(crate) fn is_nothing(namespace: Option<&str>, selector: Selector<'_>, sink: &mut Sink<'_>) -> bool {
    matches_nothing(namespace, selector, sink) && is_all_known(namespace, selector, sink)
}

fn matches_nothing(namespace: Option<&str>, selector: Selector<'_>, sink: &Sink<'_>) -> bool {
    let inventory = sink.inventory();
    if inventory.selected(namespace, selector).next().is_some()
        || selector.match_labels().any(|(key, _)| ADDED.contains(&key))
    {
        return false;
    }
    // The controller of a custom resource may make pods whose labels tell of it.
    let made =
        |namespace| selector.match_labels().any(|(_, wanted)| inventory.custom_resource_holds(namespace, wanted));
    !made(namespace) && !made(None)
}

fn is_all_known(namespace: Option<&str>, selector: Selector<'_>, sink: &mut Sink<'_>) -> bool {
    let inventory = sink.inventory();
    // A label that no template here has may be put on pods by the program in them.
    let has = |workload: Workload<'_>, key| workload.pod_labels().and_then(|labels| labels.get(key)).is_some();
    selector.match_labels().all(|(key, _)| inventory.workloads_in(namespace).any(|workload| has(workload, key)))
        && CARRIERS.into_iter().all(|kind| sink.covers(kind, namespace))
}
