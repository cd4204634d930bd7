//! What is reachable from outside the cluster, and from other namespaces.

use std::collections::{BTreeMap, HashMap};

use crate::admin_port;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::workload::{Container, Workload};

use super::way::{Way, ways};
use super::{Endpoint, Network, Ports, Protocol, Row};

/// Who reaches a workload from where it does not belong.
#[derive(Debug, Clone)]
pub struct Exposure<'n> {
    /// The workload.
    pub endpoint: &'n Endpoint,
    /// The ways from outside to its pods.
    pub ways: Vec<Way<'n>>,
    /// The ports that every pod of the cluster reaches, also one that policies do not know.
    pub anybody: Ports,
    /// The ports beyond those that workloads of other namespaces reach.
    pub namespaces: BTreeMap<&'n str, Ports>,
    /// Its ports for metrics, administration and debugging.
    pub admin: Vec<AdminExposure>,
}

/// A port for metrics, administration or debugging, and who reaches it from afar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminExposure {
    /// The port's number.
    pub port: u16,
    /// The flag or the port's name that tells its purpose.
    pub name: String,
    /// The field that does.
    pub path: FieldPath,
    /// Whether it is for metrics only.
    pub metrics: bool,
    /// Whether a way from outside leads to it and policies let it through.
    pub outside: bool,
    /// Whether every pod of the cluster reaches it.
    pub anybody: bool,
}

/// What is reachable from outside and from other namespaces: every workload of the inventory, in the
/// order of [`Network::endpoints`], those on their node's network included.
pub fn exposure<'n>(inventory: &Inventory, network: &'n Network) -> Vec<Exposure<'n>> {
    let mut found: Vec<Exposure<'n>> = Vec::new();
    let mut places: HashMap<(&str, &str, &str), usize> = HashMap::new();
    let mut rows: HashMap<u32, Row> = HashMap::new();
    let key = |endpoint: &'n Endpoint| (&*endpoint.namespace, &*endpoint.name, &*endpoint.kind);
    for endpoint in network.endpoints() {
        let at = *places.entry(key(endpoint)).or_insert(found.len());
        if at == found.len() {
            found.push(Exposure {
                endpoint,
                ways: Vec::new(),
                anybody: Ports::none(),
                namespaces: BTreeMap::new(),
                admin: Vec::new(),
            });
        }
        let exposure = &mut found[at];
        let row = rows.entry(endpoint.class).or_insert_with(|| network.row(network.party(endpoint)));
        exposure.anybody.unite(&row.ports(network.census.stranger));
        for (namespace, ports) in from_namespaces(network, row, endpoint) {
            exposure.namespaces.entry(namespace).or_default().unite(&ports);
        }
    }
    for way in ways(inventory, network) {
        if let Some(&at) = places.get(&key(way.receiver)) {
            found[at].ways.push(way);
        }
    }
    for exposure in &mut found {
        exposure.settle(inventory);
    }
    found
}

/// The ports that other namespaces' workloads reach.
fn from_namespaces<'n>(network: &'n Network, row: &Row, receiver: &Endpoint) -> BTreeMap<&'n str, Ports> {
    let mut namespaces: BTreeMap<&str, Ports> = BTreeMap::new();
    for (ports, senders) in row.parts() {
        for sender in senders.flat_map(|sender| network.endpoints_of(sender)) {
            if sender.namespace != receiver.namespace && !sender.host_network {
                namespaces.entry(&sender.namespace).or_default().unite(ports);
            }
        }
    }
    namespaces
}

impl Exposure<'_> {
    fn settle(&mut self, inventory: &Inventory) {
        let anybody = &self.anybody;
        self.namespaces.retain(|_, ports| {
            *ports = ports.subtract(anybody);
            !ports.is_empty()
        });
        let Some(workload) = inventory.get(self.endpoint.resource).and_then(Workload::of) else { return };
        for container in workload.containers().filter(Container::is_long_running) {
            for (port, admin) in admin_port::of(&container).into_iter().filter(|(_, admin)| !admin.loopback) {
                self.admin.push(AdminExposure {
                    port,
                    name: admin.name.to_owned(),
                    path: admin.path,
                    metrics: admin.metrics,
                    outside: self.ways.iter().any(|way| way.open.contains(Protocol::Tcp, port)),
                    anybody: self.anybody.contains(Protocol::Tcp, port),
                });
            }
        }
    }

    /// Whether anything outside reaches the workload.
    pub fn is_public(&self) -> bool {
        self.ways.iter().any(|way| !way.open.is_empty())
    }
}
