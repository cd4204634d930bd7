//! The blast radius of a workload: all that whoever is in it can reach, hop by hop.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::inventory::Inventory;
use crate::resource::Kind;
use crate::tree::Value;

use super::address::Addresses;
use super::bits::Bits;
use super::jewel::{Jewel, Jewels};
use super::{Endpoint, Matrix, Network, Party, Ports, Protocol};

/// All that can be reached from one workload.
#[derive(Debug, Clone)]
pub struct Blast<'n> {
    /// The workloads, by hop, then by name.
    pub reached: Vec<Reached<'n>>,
    /// What gives control over nodes and cluster, outside the pods.
    pub control: Vec<Control<'n>>,
    /// How many other workloads there are.
    pub workloads: usize,
}

/// A workload that can be reached.
#[derive(Debug, Clone)]
pub struct Reached<'n> {
    /// The workload.
    pub endpoint: &'n Endpoint,
    /// How many connections it takes, 1 for those that are reached at once.
    pub hop: u32,
    /// The workload that makes the last of them.
    pub via: &'n Endpoint,
    /// On which ports it does.
    pub ports: Ports,
    /// Why the workload is worth an attack.
    pub jewels: Vec<Jewel>,
}

/// A way to control nodes or the cluster that can be reached.
#[derive(Debug, Clone)]
pub struct Control<'n> {
    /// What is reached.
    pub what: Controller,
    /// How many connections it takes.
    pub hop: u32,
    /// The workload that makes the last of them.
    pub via: &'n Endpoint,
    /// On which ports it does.
    pub ports: Ports,
    /// Whether its address is known. Where it is not, an address is reached that may be its.
    pub known: bool,
}

/// What gives control over nodes or the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// The cloud's metadata service: 169.254.169.254 gives out the node's credentials.
    Metadata,
    /// The API server.
    ApiServer,
    /// A kubelet: it runs commands in every container of its node.
    Kubelet,
}

impl Controller {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "cloud metadata service",
            Self::ApiServer => "API server",
            Self::Kubelet => "kubelet",
        }
    }
}

/// Where the cloud's metadata service answers.
const METADATA: &str = "169.254.169.254/32";
/// Where nodes may be, if nothing says where they are.
const PRIVATE: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

impl Network {
    /// All that whoever is in a workload can reach, where every workload that is reached may be
    /// taken over in turn.
    pub fn blast<'n>(&'n self, inventory: &Inventory, matrix: &Matrix, from: &'n Endpoint) -> Blast<'n> {
        let own: Vec<Party> =
            self.census.endpoints.iter().filter(|own| own.is_same_workload(from)).map(|own| self.party(own)).collect();
        let controllers = controllers(inventory);
        let jewels = Jewels::of(inventory);
        let mut blast = Blast { reached: Vec::new(), control: Vec::new(), workloads: self.workloads_but(from) };
        let mut visited = Bits::new(self.parties());
        let mut front = Front::new(self.parties());
        for &party in &own {
            front.add(party, from);
        }
        for hop in 1.. {
            for controller in &controllers {
                blast.control.extend(self.control(controller, matrix, &front, hop));
            }
            let mut next = Front::new(self.parties());
            for receiver in
                (0..self.census.classes.len()).filter(|&class| !self.census.classes[class].endpoints.is_empty())
            {
                let receiving = Party(receiver as u32);
                if visited.contains(receiver) {
                    continue;
                }
                let Some((via, ports)) = front.reach(matrix, receiving) else { continue };
                visited.insert(receiver);
                for endpoint in self.endpoints_of(receiving).filter(|endpoint| !endpoint.is_same_workload(from)) {
                    let jewels = jewels.of_endpoint(endpoint);
                    blast.reached.push(Reached { endpoint, hop, via, ports: ports.clone(), jewels });
                    if !own.contains(&receiving) {
                        next.add(receiving, endpoint);
                    }
                }
            }
            if next.who.is_empty() {
                break;
            }
            front = next;
        }
        blast.settle();
        blast
    }

    fn workloads_but(&self, from: &Endpoint) -> usize {
        let others = self.census.endpoints.iter().filter(|other| !other.is_same_workload(from));
        others.map(|other| (&other.namespace, &other.name, &other.kind)).collect::<HashSet<_>>().len()
    }

    /// The first of the senders that reaches one of the addresses of a controller.
    fn control<'n>(&self, target: &Target, matrix: &Matrix, front: &Front<'n>, hop: u32) -> Option<Control<'n>> {
        let mut addresses = self.externals().filter(|(_, range)| range.meets(&target.addresses));
        addresses.find_map(|(party, _)| {
            let (via, ports) = front.reach(matrix, party)?;
            let ports = ports.intersect(&target.ports);
            (!ports.is_empty()).then_some(Control { what: target.what, hop, via, ports, known: target.known })
        })
    }
}

/// The parties that send in one round, each with the workload that is meant.
struct Front<'n> {
    parties: Bits,
    who: HashMap<Party, &'n Endpoint>,
}

impl<'n> Front<'n> {
    fn new(parties: usize) -> Self {
        Self { parties: Bits::new(parties), who: HashMap::new() }
    }

    fn add(&mut self, party: Party, endpoint: &'n Endpoint) {
        self.parties.insert(party.0 as usize);
        self.who.entry(party).or_insert(endpoint);
    }

    /// The first that reaches the receiver, and the ports on which its workload does.
    fn reach(&self, matrix: &Matrix, receiver: Party) -> Option<(&'n Endpoint, Ports)> {
        let row = matrix.row(receiver);
        let via = *self.who.get(&row.first_of(&self.parties)?)?;
        let mut ports = Ports::none();
        let parties = self.who.iter().filter(|(_, endpoint)| std::ptr::eq(**endpoint, via));
        parties.for_each(|(&party, _)| ports.unite(&row.ports(party)));
        Some((via, ports))
    }
}

impl Blast<'_> {
    /// By hop and name, each workload once; each controller where it is reached first.
    fn settle(&mut self) {
        let key = |reached: &Reached<'_>| (reached.hop, reached.endpoint.to_string());
        self.reached.sort_by_cached_key(key);
        let mut seen = HashSet::new();
        self.reached.retain(|reached| seen.insert(reached.endpoint.to_string()));
        let mut seen = HashSet::new();
        self.control.retain(|control| seen.insert(control.what));
    }
}

/// What gives control, and where it is.
struct Target {
    what: Controller,
    addresses: Addresses,
    ports: Ports,
    known: bool,
}

fn controllers(inventory: &Inventory) -> Vec<Target> {
    let tcp = |ports: &[u16]| {
        let mut all = Ports::none();
        for &port in ports {
            all.unite(&Ports::one(Protocol::Tcp, port));
        }
        all
    };
    let blocks = |texts: &[&str]| {
        let mut all = Addresses::default();
        texts.iter().filter_map(|text| Addresses::block(text).ok()).for_each(|block| all.unite(&block));
        all
    };
    // Where addresses are not known, they may be any of these.
    let or = |what, found: Addresses, ports: Ports, guess: Addresses| {
        let known = !found.is_empty();
        Target { what, addresses: if known { found } else { guess }, ports, known }
    };
    let mut everywhere = Addresses::v4();
    everywhere.unite(&Addresses::v6());
    vec![
        or(Controller::Metadata, blocks(&[METADATA]), tcp(&[80]), Addresses::default()),
        or(Controller::ApiServer, api_server(inventory), tcp(&[443, 6443]), everywhere),
        or(Controller::Kubelet, nodes(inventory), tcp(&[10250]), blocks(PRIVATE)),
    ]
}

/// The addresses behind the Service `kubernetes`.
fn api_server(inventory: &Inventory) -> Addresses {
    let slices = inventory.of_kind(Kind::EndpointSlice, Some("default"));
    let slices = slices.filter(|slice| slice.label("kubernetes.io/service-name") == Some("kubernetes"));
    let current = slices.filter_map(|slice| slice.value().get("endpoints")).flat_map(Value::items);
    let current = current.filter_map(|endpoint| endpoint.get("addresses")).flat_map(Value::items);
    let endpoints = inventory.find(Kind::Endpoints, Some("default"), "kubernetes");
    let subsets = endpoints.and_then(|found| found.value().get("subsets")).into_iter().flat_map(Value::items);
    let listed = subsets.filter_map(|subset| subset.get("addresses")).flat_map(Value::items);
    united(current.chain(listed.filter_map(|address| address.get("ip"))))
}

fn nodes(inventory: &Inventory) -> Addresses {
    let nodes = inventory.of_kind(Kind::Node, None);
    let listed = nodes.filter_map(|node| node.value().at(&["status", "addresses"])).flat_map(Value::items);
    united(listed.filter_map(|address| address.get("address")))
}

fn united<'v>(addresses: impl Iterator<Item = Value<'v>>) -> Addresses {
    let mut all = Addresses::default();
    let parsed = addresses.filter_map(|address| address.str()?.parse::<IpAddr>().ok());
    parsed.for_each(|address| all.unite(&Addresses::one(address)));
    all
}
