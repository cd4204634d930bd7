//! Observed traffic held against what policies allow: what is used, what never is, what was
//! attempted, and where the cluster does not do what its policies say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::flow::{Flow, Flows, Outcome, Spot};
use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::Workload;

use super::{Connection, Endpoint, Need, Network, Party, Peer, Ports, backend};

/// Observed traffic by what policies say about it.
#[derive(Debug, Clone, Default)]
pub struct Observed<'n> {
    /// Passed, as policies allow.
    pub used: BTreeMap<Ends, Seen<'n>>,
    /// Passed, though policies deny it: they are not enforced, are not what is in the cluster, or
    /// are not all that there is.
    pub unenforced: BTreeMap<Ends, Seen<'n>>,
    /// Dropped, as policies say.
    pub attempted: BTreeMap<Ends, Seen<'n>>,
    /// Dropped, though policies allow it: something else denies.
    pub dropped: BTreeMap<Ends, Seen<'n>>,
    /// Flows with an end that is neither a workload of the inventory nor an address outside: how
    /// often each end was seen.
    pub unknown: BTreeMap<Spot, u64>,
}

/// The names of two ends.
pub type Ends = (String, String);

/// Traffic between two ends.
#[derive(Debug, Clone)]
pub struct Seen<'n> {
    /// Who sent.
    pub sender: Peer<'n>,
    /// Who received.
    pub receiver: Peer<'n>,
    /// On which ports.
    pub ports: Ports,
    /// How often.
    pub count: u64,
}

/// Holds flows against what policies allow. `names` says who is behind addresses that the inventory
/// does not know.
pub fn observed<'n>(
    inventory: &Inventory,
    network: &'n Network,
    flows: &Flows,
    names: &BTreeMap<IpAddr, Spot>,
) -> Observed<'n> {
    let book = Book::of(inventory, network, names);
    let mut observed = Observed::default();
    for (flow, &count) in &flows.flows {
        let mut unknown = |spot: &Spot| {
            let seen = observed.unknown.entry(spot.clone()).or_default();
            *seen = seen.saturating_add(count);
        };
        let Some(sender) = book.find(&flow.sender) else {
            unknown(&flow.sender);
            continue;
        };
        let receivers = book.receivers(flow);
        if receivers.is_empty() {
            unknown(&flow.receiver);
        }
        for (receiver, ports) in receivers {
            let outside = matches!((&sender.0, &receiver.0), (Peer::Outside(_), Peer::Outside(_)));
            if sender.0 != receiver.0 && !outside {
                observed.add(network, flow.verdict, (&sender, &receiver), &ports, count);
            }
        }
    }
    observed
}

impl<'n> Observed<'n> {
    fn add(
        &mut self,
        network: &Network,
        verdict: Outcome,
        (sender, receiver): (&Spotted<'n>, &Spotted<'n>),
        ports: &Ports,
        count: u64,
    ) {
        let allowed =
            ports.iter().all(|(protocol, first, _)| network.why(sender.1, receiver.1, protocol, first).allowed());
        let list = match (verdict, allowed) {
            (Outcome::Passed, true) => &mut self.used,
            (Outcome::Passed, false) => &mut self.unenforced,
            (Outcome::Dropped, false) => &mut self.attempted,
            (Outcome::Dropped, true) => &mut self.dropped,
        };
        let (sender, receiver) = (sender.0.clone(), receiver.0.clone());
        let ends = (sender.to_string(), receiver.to_string());
        let seen = list.entry(ends).or_insert(Seen { sender, receiver, ports: Ports::none(), count: 0 });
        seen.ports.unite(ports);
        seen.count = seen.count.saturating_add(count);
    }

    /// What has to be allowed so that all traffic that passed still does.
    pub fn needs(&self) -> Vec<Need<'n>> {
        let need = |seen: &Seen<'n>| {
            let flows = if seen.count == 1 { "flow" } else { "flows" };
            Need {
                sender: (&seen.sender).into(),
                receiver: (&seen.receiver).into(),
                ports: seen.ports.clone(),
                because: format!("{} {flows}", seen.count),
            }
        };
        self.used.values().chain(self.unenforced.values()).map(need).collect()
    }

    /// The allowed connections of which no traffic was seen. One with addresses is used if there was
    /// traffic with any of them.
    pub fn never_used<'c>(&self, connections: &'c [Connection<'n>]) -> Vec<&'c Connection<'n>> {
        let key = |peer: &Peer<'_>| match peer {
            Peer::Endpoint(endpoint) => endpoint.to_string(),
            Peer::Outside(_) => String::new(),
        };
        let ends = |sender: &Peer<'_>, receiver: &Peer<'_>| (key(sender), key(receiver));
        let used: BTreeSet<Ends> = self.used.values().map(|seen| ends(&seen.sender, &seen.receiver)).collect();
        connections
            .iter()
            .filter(|connection| !used.contains(&ends(&connection.sender, &connection.receiver)))
            .collect()
    }
}

/// Who is called what, and who has which address.
struct Book<'n, 'a> {
    network: &'n Network,
    by_name: HashMap<(&'n str, &'n str), &'n Endpoint>,
    by_pod: HashMap<(String, String), &'n Endpoint>,
    by_address: HashMap<IpAddr, &'n Endpoint>,
    /// Services by the addresses that they have inside the cluster.
    services: HashMap<IpAddr, &'a Resource>,
    names: &'a BTreeMap<IpAddr, Spot>,
    inventory: &'a Inventory,
}

/// Someone who was seen, and the party that it is part of.
type Spotted<'n> = (Peer<'n>, Party);

impl<'n, 'a> Book<'n, 'a> {
    fn of(inventory: &'a Inventory, network: &'n Network, names: &'a BTreeMap<IpAddr, Spot>) -> Self {
        let mut book = Self {
            network,
            by_name: HashMap::new(),
            by_pod: HashMap::new(),
            by_address: HashMap::new(),
            services: HashMap::new(),
            names,
            inventory,
        };
        for service in inventory.resources().filter(|resource| resource.kind() == Kind::Service) {
            let listed = service.spec("clusterIPs").into_iter().flat_map(Value::items);
            let addresses = listed.chain(service.spec("clusterIP")).filter_map(|address| address.str()?.parse().ok());
            book.services.extend(addresses.map(|address| (address, service)));
        }
        for endpoint in network.endpoints() {
            book.by_name.entry((&endpoint.namespace, &endpoint.name)).or_insert(endpoint);
        }
        for pod in inventory.workloads().filter(|workload| workload.kind() == Kind::Pod) {
            book.add_pod(&pod);
        }
        book
    }

    fn add_pod(&mut self, pod: &Workload<'_>) {
        let Some(endpoint) = self.network.endpoint_at(pod.resource.index) else { return };
        let namespace = pod.resource.namespace().unwrap_or_default().to_owned();
        self.by_pod.insert((namespace, pod.resource.name().to_owned()), endpoint);
        let status = pod.resource.value().get("status");
        let listed = status.and_then(|status| status.get("podIPs")).into_iter().flat_map(Value::items);
        let single = status.and_then(|status| status.get("podIP"));
        for address in listed.filter_map(|item| item.get("ip")).chain(single).filter_map(Value::str) {
            // Pods on their node's network share its address.
            if let (Ok(address), false) = (address.parse(), endpoint.host_network) {
                self.by_address.insert(address, endpoint);
            }
        }
    }

    /// Who received a flow, on which ports. Policies see the pod behind a Service and not the Service; which of
    /// several it was is not known, so it is each of them.
    fn receivers(&self, flow: &Flow) -> Vec<(Spotted<'n>, Ports)> {
        let Spot::Address(address) = &flow.receiver else { return self.at_itself(flow) };
        let Some(service) = self.services.get(address) else { return self.at_itself(flow) };
        let (inventory, port) = (self.inventory, flow.port.to_string());
        let of_protocol = Ports::all_of(flow.protocol);
        let inside = backend::behind(inventory, self.network, service, Some(&port));
        let inside = inside.into_iter().map(|(endpoint, ports)| (self.inside(endpoint), ports));
        let outside = backend::outside(inventory, service, &port).into_iter().filter_map(|(address, ports)| {
            let party = self.network.party_of(address)?;
            Some(((Peer::Outside(super::Addresses::one(address)), party), ports))
        });
        let all = inside.chain(outside).map(|(spotted, ports)| (spotted, ports.intersect(&of_protocol)));
        all.filter(|(_, ports)| !ports.is_empty()).collect()
    }

    /// The receiver that a flow names, on the port that it names.
    fn at_itself(&self, flow: &Flow) -> Vec<(Spotted<'n>, Ports)> {
        let found = self.find(&flow.receiver).into_iter();
        found.map(|spotted| (spotted, Ports::one(flow.protocol, flow.port))).collect()
    }

    fn inside(&self, endpoint: &'n Endpoint) -> Spotted<'n> {
        (Peer::Endpoint(endpoint), self.network.party(endpoint))
    }

    fn find(&self, spot: &Spot) -> Option<Spotted<'n>> {
        let inside = |endpoint: &'n Endpoint| self.inside(endpoint);
        match spot {
            Spot::Named { namespace, name } => self.named(namespace, name).map(inside),
            Spot::Address(address) => match (self.by_address.get(address), self.names.get(address)) {
                (Some(endpoint), _) => Some(inside(endpoint)),
                (None, Some(Spot::Named { namespace, name })) => self.named(namespace, name).map(inside),
                (None, _) => {
                    let party = self.network.party_of(*address)?;
                    Some((Peer::Outside(super::Addresses::one(*address)), party))
                }
            },
        }
    }

    /// A pod, a workload, or the workload of a pod: its name, less one or two parts that controllers
    /// put behind it.
    fn named(&self, namespace: &str, name: &str) -> Option<&'n Endpoint> {
        if let Some(pod) = self.by_pod.get(&(namespace.to_owned(), name.to_owned())) {
            return Some(pod);
        }
        let shorter = |name: &'_ str| name.rsplit_once('-').map(|(name, _)| name.to_owned());
        let mut candidates = vec![name.to_owned()];
        candidates.extend(shorter(name));
        candidates.extend(candidates.last().and_then(|name| shorter(name)));
        candidates.iter().find_map(|name| self.by_name.get(&(namespace, &**name)).copied())
    }
}
