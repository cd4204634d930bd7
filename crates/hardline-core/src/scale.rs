//! How many pods a workload runs: its own count, or the least its autoscaler allows.

use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

/// Which way a percentage of pods is made a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// To more pods.
    Up,
    /// To fewer pods.
    Down,
}

/// An `IntOrString` as a number of pods: itself, or a percentage of `total`.
///
/// As `GetScaledValueFromIntOrPercent` does, in `k8s.io/apimachinery/pkg/util/intstr`.
pub fn scaled(value: Value<'_>, total: i64, round: Round) -> Option<i64> {
    if value.kind() == NodeKind::Int {
        return value.int();
    }
    let percent: i128 = value.str()?.strip_suffix('%')?.parse().ok()?;
    let product = percent.checked_mul(i128::from(total))?;
    let pods = match round {
        Round::Up => product.checked_add(99)?.div_euclid(100),
        Round::Down => product.div_euclid(100),
    };
    pods.try_into().ok()
}

/// Whether a workload keeps a number of like pods running, as a service has them: the number is
/// its own or an autoscaler's, and custom kinds are taken to be such.
pub fn is_replicated(workload: &Workload<'_>) -> bool {
    matches!(workload.kind(), Kind::Deployment | Kind::StatefulSet | Kind::Other)
}

/// The autoscaler that sets a workload's count: a `HorizontalPodAutoscaler`, or KEDA's
/// `ScaledObject`, which makes one.
pub fn autoscaler<'i>(inventory: &'i Inventory, workload: &Workload<'i>) -> Option<&'i Resource> {
    let resource = workload.resource;
    let scales = |acting: &&Resource| !matches!(acting.kind(), Kind::RoleBinding | Kind::ClusterRoleBinding);
    inventory.acting_on(resource.namespace(), resource.kind_name(), resource.name()).find(scales)
}

/// The fewest pods that an autoscaler keeps: 1 unless it says otherwise, 0 for KEDA.
pub fn least(autoscaler: &Resource) -> i64 {
    let (key, default) = match autoscaler.kind() {
        Kind::HorizontalPodAutoscaler => ("minReplicas", 1),
        _ => ("minReplicaCount", 0),
    };
    autoscaler.spec(key).and_then(Value::int).unwrap_or(default)
}

/// How many pods a workload is sure to have: the least its autoscaler allows, else `spec.replicas`.
///
/// `None` where the kind has no count.
pub fn replicas(inventory: &Inventory, workload: &Workload<'_>) -> Option<i64> {
    let own = workload.replicas()?;
    // An autoscaler leaves a workload alone that is scaled to zero.
    if own == 0 {
        return Some(0);
    }
    Some(autoscaler(inventory, workload).map_or(own, least))
}

/// The kinds of what [keeps](kept) a number of like pods.
pub const COUNTED: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::HorizontalPodAutoscaler, Kind::Other];

/// The fewest pods that a service keeps, and the field that is to be changed for more: of a replicated
/// workload, or of an autoscaler of a workload that is not known.
pub fn kept(inventory: &Inventory, resource: &Resource) -> Option<(i64, FieldPath)> {
    if resource.kind() == Kind::HorizontalPodAutoscaler {
        let target = resource.spec("scaleTargetRef")?;
        let field = |key| target.get(key).and_then(Value::str);
        let (kind, name) = (field("kind")?, field("name")?);
        let is_target = |it: &Resource| it.kind_name() == kind && it.name() == name;
        let known = inventory.workloads_in(resource.namespace()).any(|workload| is_target(workload.resource));
        return (!known).then(|| (least(resource), FieldPath::of(&["spec", "minReplicas"])));
    }
    let workload = Workload::of(resource).filter(is_replicated)?;
    Some((replicas(inventory, &workload)?, FieldPath::of(&["spec", "replicas"])))
}

/// The most pods that a workload runs outside a rollout: what its autoscaler allows, else
/// `spec.replicas`.
///
/// `None` where the kind has no count.
pub fn most(inventory: &Inventory, workload: &Workload<'_>) -> Option<i64> {
    let own = workload.replicas()?;
    let autoscaler = autoscaler(inventory, workload).filter(|_| own > 0);
    let limit = |autoscaler: &Resource| {
        ["maxReplicas", "maxReplicaCount"].into_iter().find_map(|key| autoscaler.spec(key)?.int())
    };
    Some(autoscaler.and_then(limit).unwrap_or(own))
}
