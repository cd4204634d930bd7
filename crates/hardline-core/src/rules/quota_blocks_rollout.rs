use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::quantity::Quantity;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale::{self, Round};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags a `ResourceQuota` that the workloads of its namespace do not fit: their pods together, one
    /// of them in its rollout, or one of them at the most that its autoscaler allows.
    ///
    /// A rollout needs one pod more than before where `maxUnavailable` comes to 0, as its default does
    /// for up to three pods; else it replaces pods in place. Deployments, StatefulSets and bare
    /// ReplicaSets count. Quotas with scopes are left out.
    ///
    /// ## Why
    /// The new pods are never created. No pod is pending and no event is on the Deployment: the
    /// refusal stands in the events of a ReplicaSet, and the rollout hangs until its deadline while
    /// the fix for the incident waits in it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ResourceQuota
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   hard:
    ///     requests.memory: 2Gi # finding
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 2
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           resources:
    ///             requests: {memory: 1Gi}
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ResourceQuota
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   hard:
    ///     requests.memory: 3Gi
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   replicas: 2
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           resources:
    ///             requests: {memory: 1Gi}
    /// ```
    "quota-blocks-rollout" {
        summary: "quota is too small for the workloads of its namespace",
        help: "raise the quota by the pods of one rollout, or lower requests or the autoscaler's maximum",
        category: Category::Capacity,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ResourceQuota], check),
    }
}

/// A workload in a namespace, in numbers of pods.
struct Load<'a> {
    workload: Workload<'a>,
    least: i64,
    most: i64,
    /// What a rollout needs beside them.
    surge: i64,
}

fn check(quota: &Resource, sink: &mut Sink<'_>) {
    let is_filled = |value: Value<'_>| value.items().next().is_some() || value.entries().next().is_some();
    if ["scopes", "scopeSelector"].into_iter().any(|key| quota.spec(key).is_some_and(is_filled)) {
        return;
    }
    let Some(hard) = quota.spec("hard") else { return };
    let inventory = sink.inventory();
    let loads: Vec<Load<'_>> =
        inventory.workloads_in(quota.namespace()).filter_map(|workload| load(workload, inventory)).collect();
    for entry in hard.entries() {
        let key = entry.key.raw();
        let (Some(measure), Ok(allowed)) = (measure(key), Quantity::of(entry.value)) else { continue };
        let demand = |load: &Load<'_>| match measure {
            Some((bound, dimension)) => demand::of_pod(&load.workload, bound, dimension, inventory),
            None => Some(Quantity::of_count(1)),
        };
        let demands: Vec<(&Load<'_>, Quantity)> = loads.iter().filter_map(|load| Some((load, demand(load)?))).collect();
        let at_least = demands.iter().map(|(load, demand)| demand.times(load.least)).reduce(Quantity::plus);
        let Some(at_least) = at_least else { continue };
        let more = |(load, demand): &(&Load<'_>, Quantity)| {
            demand.times((load.most - load.least).max(0).saturating_add(load.surge))
        };
        let Some(worst) = demands.iter().max_by_key(|at| more(at)) else { continue };
        let needed = at_least.plus(more(worst));
        let path = FieldPath::of(&["spec", "hard"]).key(key.to_owned());
        let resource = worst.0.workload.resource;
        if at_least > allowed {
            sink.report(path, format!("the workloads here need `{key}: {at_least}` and may have {allowed}"));
        } else if needed > allowed {
            let name = format!("{} {}", resource.kind_name(), resource.name());
            let when = match (worst.0.most > worst.0.least, worst.0.surge > 0) {
                (true, true) => "a rollout at the most pods that its autoscaler allows",
                (true, false) => "the most pods that its autoscaler allows",
                _ => "one more pod during a rollout",
            };
            let message = format!("{name} needs {when}: `{key}` is then {needed} where {allowed} is allowed");
            let finding = sink.report(path, message);
            finding.evidence(resource, FieldPath::of(&["spec", "replicas"]), "the pods that need it");
        }
    }
}

/// What a key of `hard` limits: pods by number as `Some(None)`.
#[allow(clippy::option_option, reason = "a number of pods is a measure without bound and dimension")]
fn measure(key: &str) -> Option<Option<(Bound, Dimension)>> {
    match key {
        "cpu" | "requests.cpu" => Some(Some((Bound::Request, Dimension::Cpu))),
        "memory" | "requests.memory" => Some(Some((Bound::Request, Dimension::Memory))),
        "limits.cpu" => Some(Some((Bound::Limit, Dimension::Cpu))),
        "limits.memory" => Some(Some((Bound::Limit, Dimension::Memory))),
        "pods" | "count/pods" => Some(None),
        _ => None,
    }
}

fn load<'a>(workload: Workload<'a>, inventory: &Inventory) -> Option<Load<'a>> {
    let counts = matches!(
        workload.kind(),
        Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::ReplicationController
    );
    // What a controller made is its controller's count.
    let is_owned = workload.resource.value().at(&["metadata", "ownerReferences"]).is_some();
    if !counts || is_owned {
        return None;
    }
    let least = scale::replicas(inventory, &workload)?.max(0);
    let most = scale::most(inventory, &workload)?.max(least);
    Some(Load { workload, least, most, surge: surge(&workload, most) })
}

/// How many pods more a rollout cannot do without, as `ResolveFenceposts` in
/// `pkg/controller/deployment/util` resolves its bounds: where pods may be missing, old ones go
/// first and make room.
fn surge(workload: &Workload<'_>, replicas: i64) -> i64 {
    let strategy = workload.resource.spec("strategy");
    let recreates = strategy.and_then(|strategy| strategy.get("type")).and_then(Value::str) == Some("Recreate");
    if workload.kind() != Kind::Deployment || recreates || replicas == 0 {
        return 0;
    }
    let field = |key| strategy.and_then(|strategy| strategy.at(&["rollingUpdate", key]));
    let missing = field("maxUnavailable").map_or(Some(replicas / 4), |it| scale::scaled(it, replicas, Round::Down));
    let extra = field("maxSurge").map_or(Some(1), |it| scale::scaled(it, replicas, Round::Up));
    // Neither is taken as `maxUnavailable: 1`.
    i64::from(missing == Some(0) && extra.is_some_and(|extra| extra > 0))
}
