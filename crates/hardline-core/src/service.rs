//! Services and the ports of the pods behind them.

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::tree::Value;
use crate::workload::{Container, Workload};

/// A port that a container declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerPort<'a> {
    /// Its name; empty when it has none.
    pub name: &'a str,
    /// `containerPort`.
    pub number: i64,
    /// `TCP` unless it says otherwise.
    pub protocol: &'a str,
}

/// The ports that a workload's running containers declare; init containers end before any traffic.
pub fn container_ports<'a>(workload: &Workload<'a>) -> impl Iterator<Item = ContainerPort<'a>> + use<'a> {
    let running = workload.containers().filter(Container::is_long_running);
    running.flat_map(|container| container.get("ports").into_iter().flat_map(Value::items)).filter_map(|port| {
        Some(ContainerPort {
            name: port.get("name").and_then(Value::str).unwrap_or_default(),
            number: port.get("containerPort")?.int()?,
            protocol: protocol(port),
        })
    })
}

/// The protocol of a port of a container or a Service: `TCP` unless it says otherwise.
pub fn protocol(port: Value<'_>) -> &str {
    port.get("protocol").and_then(Value::str).unwrap_or("TCP")
}

/// The workloads that a Service sends traffic to.
pub fn behind<'i>(inventory: &'i Inventory, service: &'i Resource) -> Vec<Workload<'i>> {
    let workloads = inventory.selected(service.namespace(), Selector::of_labels(service.spec("selector")));
    workloads.filter(|workload| workload.kind() != Kind::PodTemplate).collect()
}
