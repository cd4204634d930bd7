//! The pods behind Services, on the ports that policies see.

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::service;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

use super::{Endpoint, Network, Ports, Protocol};

/// How many names a chain of `ExternalName` Services may have: more are taken for a circle.
const LONGEST_CHAIN: usize = 8;

/// The endpoints behind a Service, with the ports of their pods that one of the Service's ports
/// leads to, or all of them. A port is given by number or name, as clients and Ingresses do.
pub(super) fn behind<'n>(
    inventory: &Inventory,
    network: &'n Network,
    service: &Resource,
    port: Option<&str>,
) -> Vec<(&'n Endpoint, Ports)> {
    let Some(service) = followed(inventory, service) else { return Vec::new() };
    let listed = service.spec("ports").into_iter().flat_map(Value::items);
    let wanted: Vec<Value<'_>> = listed
        .filter(|declared| {
            let field = |key| declared.get(key).map(Value::raw);
            port.is_none_or(|port| [field("port"), field("name")].contains(&Some(port)))
        })
        .collect();
    let mut found = Vec::new();
    for workload in selected(inventory, service) {
        let Some(endpoint) = network.endpoint_of(workload.resource) else { continue };
        let mut ports = Ports::none();
        for &port in &wanted {
            ports.unite(&target(port, &workload));
        }
        if !ports.is_empty() {
            found.push((endpoint, ports));
        }
    }
    found
}

/// The workloads behind a Service: those that it selects, or, of a Service without selector, the
/// pods that its `EndpointSlices` name.
fn selected<'i>(inventory: &'i Inventory, service: &'i Resource) -> Vec<Workload<'i>> {
    if service.spec("selector").is_some_and(|selector| selector.entries().next().is_some()) {
        return service::behind(inventory, service);
    }
    let namespace = service.namespace();
    let slices = inventory.of_kind(Kind::EndpointSlice, namespace);
    let own = slices.filter(|slice| slice.label("kubernetes.io/service-name") == Some(service.name()));
    let targets = own.filter_map(|slice| slice.value().get("endpoints")).flat_map(Value::items);
    let names = targets.filter_map(|endpoint| endpoint.at(&["targetRef", "name"])?.str());
    names.filter_map(|name| Workload::of(inventory.find(Kind::Pod, namespace, name)?)).collect()
}

/// The Service itself, or the one inside the cluster whose name its `externalName` is; `None`
/// if names lead outside or in a circle.
fn followed<'i>(inventory: &'i Inventory, service: &'i Resource) -> Option<&'i Resource> {
    let mut at = service;
    for _ in 0..LONGEST_CHAIN {
        if at.spec("type").and_then(Value::str) != Some("ExternalName") {
            return Some(at);
        }
        let mut parts = at.spec("externalName")?.str()?.trim_end_matches('.').split('.');
        let (name, namespace) = (parts.next()?, parts.next()?);
        if parts.next() != Some("svc") {
            return None;
        }
        at = inventory.find(Kind::Service, Some(namespace), name)?;
    }
    None
}

/// The port of a workload's pods that a Service's port leads to. Policies see that one, after the
/// Service's own address and port are gone.
fn target(port: Value<'_>, workload: &Workload<'_>) -> Ports {
    let Some(protocol) = Protocol::of(service::protocol(port)) else { return Ports::none() };
    let one = |number: Option<i64>| {
        let number = number.and_then(|number| u16::try_from(number).ok()).filter(|&number| number > 0);
        number.map_or_else(Ports::none, |number| Ports::one(protocol, number))
    };
    match port.get("targetPort").or_else(|| port.get("port")) {
        Some(name) if name.kind() == NodeKind::Str => {
            let mut declared = service::container_ports(workload);
            one(declared.find(|declared| declared.name == name.raw()).map(|declared| declared.number))
        }
        number => one(number.and_then(Value::int)),
    }
}
