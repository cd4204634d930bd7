//! The pods behind Services, on the ports that policies see.

use std::net::IpAddr;

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
    if has_selector(service) {
        return service::behind(inventory, service);
    }
    let named = targets(inventory, service).filter_map(|(_, endpoint)| endpoint.at(&["targetRef", "name"])?.str());
    named.filter_map(|name| Workload::of(inventory.find(Kind::Pod, service.namespace(), name)?)).collect()
}

/// The addresses outside the cluster that a Service without selector leads to, as those of the API server are,
/// with the ports there. They are in its `EndpointSlices`, beside the names of their ports.
pub(super) fn outside(inventory: &Inventory, service: &Resource, port: &str) -> Vec<(IpAddr, Ports)> {
    if has_selector(service) {
        return Vec::new();
    }
    let name = |port: Value<'_>| port.get("name").map(Value::raw).unwrap_or_default().to_owned();
    let declared = service.spec("ports").into_iter().flat_map(Value::items);
    let wanted: Vec<String> =
        declared.filter(|declared| declared.get("port").map(Value::raw) == Some(port)).map(name).collect();
    let mut found = Vec::new();
    for (slice, endpoint) in targets(inventory, service).filter(|(_, endpoint)| endpoint.get("targetRef").is_none()) {
        let mut ports = Ports::none();
        let listed = slice.value().get("ports").into_iter().flat_map(Value::items);
        for port in listed.filter(|port| wanted.contains(&name(*port))) {
            if let (Some(protocol), Some(number)) = (Protocol::of(service::protocol(port)), number(port.get("port"))) {
                ports.unite(&Ports::one(protocol, number));
            }
        }
        let addresses = endpoint.get("addresses").into_iter().flat_map(Value::items);
        found.extend(addresses.filter_map(|address| Some((address.str()?.parse().ok()?, ports.clone()))));
    }
    found
}

/// The endpoints of a Service's `EndpointSlices`, each with its slice.
fn targets<'i>(inventory: &'i Inventory, service: &'i Resource) -> impl Iterator<Item = (&'i Resource, Value<'i>)> {
    let slices = inventory.of_kind(Kind::EndpointSlice, service.namespace());
    let own = slices.filter(|slice| slice.label("kubernetes.io/service-name") == Some(service.name()));
    own.flat_map(|slice| {
        let endpoints = slice.value().get("endpoints").into_iter().flat_map(Value::items);
        endpoints.map(move |endpoint| (slice, endpoint))
    })
}

fn has_selector(service: &Resource) -> bool {
    service.spec("selector").is_some_and(|selector| selector.entries().next().is_some())
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
    let found = match port.get("targetPort").or_else(|| port.get("port")) {
        Some(name) if name.kind() == NodeKind::Str => {
            let mut declared = service::container_ports(workload);
            declared.find(|declared| declared.name == name.raw()).and_then(|declared| valid(declared.number))
        }
        at => number(at),
    };
    found.map_or_else(Ports::none, |number| Ports::one(protocol, number))
}

fn number(value: Option<Value<'_>>) -> Option<u16> {
    valid(value?.int()?)
}

fn valid(port: i64) -> Option<u16> {
    u16::try_from(port).ok().filter(|&port| port > 0)
}
