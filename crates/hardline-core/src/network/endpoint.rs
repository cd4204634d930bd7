//! Who sends and receives: the pods of an inventory, by workload.

use std::collections::HashSet;
use std::fmt;

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::tree::{Entry, Value};
use crate::workload::{Role, Workload};

use super::address::Addresses;
use super::port::Protocol;

/// The pods of one workload that no policy can tell apart.
///
/// Displays as `shop/checkout[Deployment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The index in the inventory of the resource that carries the pods, or of the first pod.
    pub resource: u32,
    /// The namespace; empty where nothing says which.
    pub namespace: Box<str>,
    /// The name of the workload: that of the outermost owner where pods have one.
    pub name: Box<str>,
    /// The workload's kind.
    pub kind: Box<str>,
    /// Whether the pods use their node's network: policies then see the node, not the pod.
    pub host_network: bool,
    /// How many resources it stands for: 1, or the number of pods observed.
    pub pods: u32,
    pub(super) class: u32,
}

impl Endpoint {
    /// Whether both stand for pods of one workload.
    pub fn is_same_workload(&self, other: &Self) -> bool {
        (&self.namespace, &self.name, &self.kind) == (&other.namespace, &other.name, &other.kind)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{}[{}]", self.name, self.kind),
            namespace => write!(f, "{namespace}/{}[{}]", self.name, self.kind),
        }
    }
}

/// A pod or a pod template as policies see it.
pub(super) struct Seen<'a> {
    pub workload: Workload<'a>,
    pub kind: &'a str,
    pub name: &'a str,
    pub host_network: bool,
    /// The addresses of an observed pod; empty for a template.
    pub addresses: Addresses,
}

/// Every pod that can send or receive: observed pods that have not ended, under the name of
/// their outermost owner, and the templates of workloads of which no pod with the template's labels
/// is observed.
pub(super) fn collect<'a>(inventory: &'a Inventory, resources: &[&'a Resource]) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    let mut observed: HashSet<u32> = HashSet::new();
    let workloads = || resources.iter().copied().filter_map(Workload::of);
    for workload in workloads().filter(|workload| workload.kind() == Kind::Pod) {
        if matches!(
            workload.resource.value().at(&["status", "phase"]).and_then(Value::str),
            Some("Succeeded" | "Failed")
        ) {
            continue;
        }
        let (mut kind, mut name) = ("Pod", workload.resource.name());
        let mut at = Some(workload.resource);
        // Owners form a short chain (pod, replica set, deployment); hostile input could close it.
        for _ in 0..4 {
            let Some(owner) = at.and_then(owner) else { break };
            (kind, name) = (owner.1, owner.2);
            at = inventory.find(Kind::of(owner.0, kind), workload.resource.namespace(), name);
            observed.extend(at.filter(|owner| is_like(&workload, owner)).map(|owner| owner.index));
        }
        seen.push(Seen::of(workload, kind, name));
    }
    for workload in workloads().filter(|workload| !matches!(workload.kind(), Kind::Pod | Kind::PodTemplate)) {
        let resource = workload.resource;
        let owned = owner(resource).is_some_and(|(group, kind, name)| {
            inventory.find(Kind::of(group, kind), resource.namespace(), name).is_some()
        });
        if !owned && !observed.contains(&resource.index) && workload.template().is_some() {
            seen.push(Seen::of(workload, resource.kind_name(), resource.name()));
        }
    }
    seen
}

/// Whether a pod has the labels of its owner's template.
fn is_like(pod: &Workload<'_>, owner: &Resource) -> bool {
    let template = Workload::of(owner).and_then(|owner| owner.pod_labels());
    let labels = pod.pod_labels();
    let has = |label: Entry<'_>| {
        labels.and_then(|labels| labels.get(label.key.raw())).is_some_and(|value| value.raw() == label.value.raw())
    };
    template.into_iter().flat_map(Value::entries).all(has)
}

/// Group, kind and name of the owner that controls a resource.
fn owner(resource: &Resource) -> Option<(&str, &str, &str)> {
    let owners = resource.value().at(&["metadata", "ownerReferences"])?;
    let controls = |owner: &Value<'_>| owner.get("controller").and_then(Value::bool).unwrap_or(false);
    let owner = owners.items().find(controls).or_else(|| owners.items().next())?;
    let text = |key| owner.get(key).and_then(Value::str);
    let group = text("apiVersion").and_then(|version| version.rsplit_once('/')).map_or("", |(group, _)| group);
    // A static pod's owner is its node, which is no workload.
    Some((group, text("kind").filter(|&kind| kind != "Node")?, text("name")?))
}

impl<'a> Seen<'a> {
    fn of(workload: Workload<'a>, kind: &'a str, name: &'a str) -> Self {
        let mut addresses = Addresses::default();
        if workload.kind() == Kind::Pod {
            let status = workload.resource.value().get("status");
            let listed = status.and_then(|status| status.get("podIPs")).into_iter().flat_map(Value::items);
            let single = status.and_then(|status| status.get("podIP"));
            for ip in listed.filter_map(|item| item.get("ip")).chain(single) {
                if let Some(ip) = ip.str().and_then(|ip| ip.parse().ok()) {
                    addresses.unite(&Addresses::one(ip));
                }
            }
        }
        let host_network = workload.pod("hostNetwork").and_then(Value::bool) == Some(true);
        Self { workload, kind, name, host_network, addresses }
    }

    /// The ports that containers name, other than those of init containers, which end before
    /// traffic starts.
    pub(super) fn named_ports(&self) -> impl Iterator<Item = (&'a str, Protocol, u16)> + use<'a> {
        let containers = self.workload.containers();
        let running = containers.filter(|container| matches!(container.role, Role::Main | Role::Sidecar));
        running.flat_map(|container| container.get("ports").into_iter().flat_map(Value::items)).filter_map(|port| {
            let protocol = port.get("protocol").map_or(Some(Protocol::Tcp), |name| Protocol::of(name.raw()))?;
            let number = u16::try_from(port.get("containerPort")?.int()?).ok()?;
            Some((port.get("name")?.str()?, protocol, number))
        })
    }
}
