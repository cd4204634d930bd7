//! What a container asks for and may use: CPU and memory as they count in the cluster.
//!
//! A manifest says less than what holds. A limit alone is a request as well, the pod may set both
//! for all of its containers, and a `LimitRange` fills in what is left out.
//! <https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>

use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::quantity::Quantity;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::{Container, Role, Workload};

/// What is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// CPU, in cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

/// The side on which a [`Dimension`] is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// What the scheduler sets aside.
    Request,
    /// What the kernel allows.
    Limit,
}

/// An amount that holds for a container, and what makes it hold.
#[derive(Debug, Clone, Copy)]
pub struct Amount<'a> {
    /// How much.
    pub quantity: Quantity,
    /// What says so.
    pub origin: Origin<'a>,
}

/// What makes an [`Amount`] hold.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// The container's own field.
    Container,
    /// The container's limit, which is its request where it has none.
    ImpliedByLimit,
    /// The pod's `spec.resources` (KEP-2837), which all its containers share.
    Pod,
    /// A default of this `LimitRange`.
    LimitRange(&'a Resource),
}

impl Dimension {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// The name in manifests.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

impl Bound {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Limit];

    /// The name in manifests.
    pub fn key(self) -> &'static str {
        match self {
            Self::Request => "requests",
            Self::Limit => "limits",
        }
    }
}

/// Where a container says it.
pub fn path(container: &Container<'_>, bound: Bound, dimension: Dimension) -> FieldPath {
    container.path().keys(&["resources", bound.key(), dimension.key()])
}

/// Where a pod says it for all of its containers.
pub fn pod_path(workload: &Workload<'_>, bound: Bound, dimension: Dimension) -> FieldPath {
    workload.pod_path().keys(&["resources", bound.key(), dimension.key()])
}

/// What a container says itself, valid or not.
pub fn written<'a>(container: &Container<'a>, bound: Bound, dimension: Dimension) -> Option<Value<'a>> {
    container.at(&["resources", bound.key(), dimension.key()])
}

/// What a pod says for all of its containers, valid or not.
pub fn pod_written<'a>(workload: &Workload<'a>, bound: Bound, dimension: Dimension) -> Option<Value<'a>> {
    workload.pod("resources")?.at(&[bound.key(), dimension.key()])
}

/// What holds for a container in the end; `None` where nothing does, or where it is not valid.
pub fn effective<'a>(
    container: &Container<'a>,
    bound: Bound,
    dimension: Dimension,
    inventory: &'a Inventory,
) -> Option<Amount<'a>> {
    let amount = |value, origin| Some(Amount { quantity: Quantity::of(value).ok()?, origin });
    let workload = &container.workload;
    if let Some(value) = written(container, bound, dimension) {
        return amount(value, Origin::Container);
    }
    if bound == Bound::Request
        && let Some(value) = written(container, Bound::Limit, dimension)
    {
        return amount(value, Origin::ImpliedByLimit);
    }
    let pod = pod_written(workload, bound, dimension);
    let pod = pod.or_else(|| pod_written(workload, Bound::Limit, dimension));
    if let Some(value) = pod {
        return amount(value, Origin::Pod);
    }
    let ranges = inventory.of_kind(Kind::LimitRange, workload.resource.namespace());
    ranges.into_iter().find_map(|range| {
        let value = range_default(range, bound, dimension)?;
        amount(value, Origin::LimitRange(range))
    })
}

/// The default for containers in a `LimitRange`, itself defaulted as the API server does:
/// a limit by `max`, a request by the default limit or else by `min`.
fn range_default(range: &Resource, bound: Bound, dimension: Dimension) -> Option<Value<'_>> {
    let items = range.spec("limits").into_iter().flat_map(Value::items);
    let mut items = items.filter(|item| item.get("type").and_then(Value::str) == Some("Container"));
    let keys: &[&str] = match bound {
        Bound::Limit => &["default", "max"],
        Bound::Request => &["defaultRequest", "default", "max", "min"],
    };
    items.find_map(|item| keys.iter().find_map(|key| item.at(&[key, dimension.key()])))
}

/// Whether nothing bounds a container on this side, not even in a way that is not valid.
pub(crate) fn is_absent(container: &Container<'_>, bound: Bound, dimension: Dimension, sink: &Sink<'_>) -> bool {
    let written = |bound| {
        written(container, bound, dimension).or_else(|| pod_written(&container.workload, bound, dimension)).is_some()
    };
    let written = written(bound) || written(Bound::Limit);
    !written && effective(container, bound, dimension, sink.inventory()).is_none()
}

/// What a whole pod demands, as the scheduler and quotas count it (`PodRequests` and `PodLimits` in
/// `k8s.io/component-helpers/resource`): what runs side by side, or an init container with the
/// sidecars before it where that is more; `None` where nothing says.
pub fn of_pod<'a>(
    workload: &Workload<'a>,
    bound: Bound,
    dimension: Dimension,
    inventory: &'a Inventory,
) -> Option<Quantity> {
    let pod = pod_written(workload, bound, dimension).or_else(|| pod_written(workload, Bound::Limit, dimension));
    let own = match pod {
        Some(value) => Quantity::of(value).ok(),
        None => of_containers(workload, bound, dimension, inventory),
    };
    let overhead = workload.pod("overhead").and_then(|overhead| overhead.get(dimension.key()));
    sum(own, overhead.and_then(|value| Quantity::of(value).ok()))
}

fn of_containers<'a>(
    workload: &Workload<'a>,
    bound: Bound,
    dimension: Dimension,
    inventory: &'a Inventory,
) -> Option<Quantity> {
    let (mut main, mut sidecars, mut peak) = (None, None, None);
    for container in workload.containers() {
        let amount = effective(&container, bound, dimension, inventory).map(|amount| amount.quantity);
        match container.role {
            Role::Main => main = sum(main, amount),
            Role::Sidecar => sidecars = sum(sidecars, amount),
            Role::Init => peak = peak.max(sum(sidecars, amount)),
            Role::Ephemeral => {}
        }
    }
    peak.max(sum(main, sidecars))
}

fn sum(one: Option<Quantity>, other: Option<Quantity>) -> Option<Quantity> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.plus(other)),
        _ => one.or(other),
    }
}
