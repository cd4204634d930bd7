//! Who can reach whom: network policies evaluated over the pods of an inventory.
//!
//! A connection passes if the sender's egress and the receiver's ingress both let it. Each
//! direction asks the Admin tier, then `NetworkPolicy`, then the Baseline tier; what no tier
//! decides is allowed. Pods that no policy can tell apart are one *class*; addresses outside the
//! cluster that no policy can tell apart are one *range*. Classes and ranges together are the
//! *parties*: sets of them are bit sets, sets of ports are intervals, so cost grows with classes
//! and policies and never with pairs of pods.
//!
//! Where network plugins differ, this is assumed: pods on their node's network are not held by
//! policies and are reached as addresses; `ipBlock` matches pods' own addresses as
//! [`Assumptions`] says; traffic between a node and its own pods, such as probes, always passes
//! and is not shown.

mod address;
mod assumed;
mod backend;
mod bits;
mod blast;
mod change;
mod compile;
mod effect;
mod endpoint;
mod exposure;
mod generate;
mod hash;
mod intervals;
mod jewel;
mod list;
mod matrix;
mod migrate;
mod need;
mod observed;
mod policy;
mod port;
mod query;
mod reachable;
mod read;
mod way;
mod why;

pub use address::{Addresses, Block, NotABlock};
pub use blast::{Blast, Control, Controller, Reached};
pub use change::Change;
pub use effect::OneSided;
pub use endpoint::Endpoint;
pub use exposure::{AdminExposure, Exposure, exposure};
pub use generate::{Deviation, Generated, deviations, generate};
pub use jewel::{Jewel, store};
pub use list::{Connection, Peer};
pub use matrix::{Matrix, Row};
pub use migrate::{Successor, made_up, successors};
pub use need::{End, Need, needs, resolution};
pub use observed::{Ends, Observed, Seen, observed};
pub use policy::{Action, Direction, Problem, Tier};
pub use port::{Ports, Protocol};
pub use reachable::reachable;
pub use read::isolates;
pub use way::{Opening, Way, ways};
pub use why::{Decision, Reason, Side};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use bits::Bits;
use hash::{HashMap, HashSet};

/// Choices where network plugins differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumptions {
    /// Whether an `ipBlock` of a `NetworkPolicy` matches pods by their own addresses. Most
    /// plugins do so; Cilium by default does not. `ClusterNetworkPolicy` defines that they do.
    pub blocks_match_pods: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { blocks_match_pods: true }
    }
}

/// The pods and policies of an inventory, ready to be asked.
#[derive(Debug)]
pub struct Network {
    census: Arc<Census>,
    policies: Vec<Policy>,
    /// In the order in which they are asked.
    rules: Vec<Rule>,
    /// By direction: the parties that may do only what some `NetworkPolicy` allows.
    isolated: [Bits; 2],
    /// By direction: the namespaces of which a `NetworkPolicy` isolates every pod.
    isolated_namespaces: [HashSet<Box<str>>; 2],
    problems: Vec<Problem>,
    unmodelled: Vec<u32>,
}

/// Everybody who sends and receives, by what policies look at. It outlasts changes of policies that look
/// at nothing else.
#[derive(Debug)]
struct Census {
    endpoints: Vec<Endpoint>,
    /// Endpoints by the index of their resource.
    by_resource: HashMap<u32, u32>,
    /// Every pod and template, by the index of its resource, with its endpoint; ascending.
    members: Vec<(u32, u32)>,
    /// All workloads, by index in the inventory.
    workloads: Vec<u32>,
    /// The Namespaces and Nodes, by index in the inventory.
    surroundings: Vec<u32>,
    /// Endpoints by their namespace.
    by_namespace: HashMap<Box<str>, Vec<u32>>,
    classes: Vec<Class>,
    externals: Vec<Addresses>,
    /// What policies look at.
    looks: Looks,
    /// By block, the external ranges that it holds.
    held: Vec<Vec<usize>>,
    dns: Vec<Party>,
    /// Proxies of Ingress and Gateway controllers, as assumed.
    controllers: Vec<Party>,
    stranger: Party,
}

/// What policies look at.
#[derive(Debug, Default)]
struct Looks {
    /// The keys of labels.
    keys: BTreeSet<Box<str>>,
    /// The names of ports, which are called by their number among these.
    port_names: BTreeMap<Box<str>, u32>,
    /// Sets of addresses, which are called by their number.
    blocks: HashMap<Addresses, usize>,
}

/// Pods that no policy can tell apart.
#[derive(Debug)]
struct Class {
    namespace: Box<str>,
    /// Those that policies look at.
    labels: Vec<(Box<str>, Box<str>)>,
    host_network: bool,
    /// The endpoints of such pods; none if they are assumed only.
    endpoints: Vec<u32>,
    /// The ports that policies name, by the name's number.
    ports: Vec<(u32, Protocol, u16)>,
    /// The blocks that the pods' addresses are in, by number.
    blocks: Vec<usize>,
}

/// A policy of any kind.
#[derive(Debug)]
struct Policy {
    resource: u32,
    subject: Bits,
    isolates: Vec<Direction>,
}

#[derive(Debug)]
struct Rule {
    policy: u32,
    direction: Direction,
    /// The rule's index in its list.
    index: u32,
    tier: Tier,
    action: Action,
    /// By item of the rule's list of peers; one item where there is no list.
    items: Vec<Bits>,
    /// All items.
    peers: Bits,
    ports: Ports,
    /// Ports by the number of their name, resolved by the receiver.
    named: Vec<(u32, Option<Protocol>)>,
}

/// Someone who sends or receives: pods alike, or addresses alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(u32);

impl Network {
    /// The network of an inventory.
    pub fn of(inventory: &Inventory, assumptions: Assumptions) -> Self {
        let resources: Vec<&Resource> = inventory.resources().collect();
        compile::compile(inventory, &resources, assumptions)
    }

    /// The network of an inventory that is laid over the one of this network. Where only policies differ, and
    /// look at no other labels, ports and addresses than before, it takes over what is known of the pods.
    #[must_use]
    pub fn later(&self, inventory: &Inventory, assumptions: Assumptions) -> Self {
        compile::later(self, inventory, assumptions).unwrap_or_else(|| Self::of(inventory, assumptions))
    }

    /// The network as the pods of one namespace have it: with no pods elsewhere, and with the policies
    /// of the namespace and of the cluster. Whom policies isolate, and who of those whom no policy
    /// knows is let in, is here as it is in the whole network, at a fraction of the cost.
    pub fn of_namespace(inventory: &Inventory, namespace: Option<&str>, assumptions: Assumptions) -> Self {
        let workloads = inventory.workloads_in(namespace).map(|workload| workload.resource);
        Self::of_few(inventory, namespace, workloads, assumptions)
    }

    /// The same, with the pods of one workload and no others.
    pub fn of_workload(inventory: &Inventory, workload: &Resource, assumptions: Assumptions) -> Self {
        Self::of_few(inventory, workload.namespace(), [workload], assumptions)
    }

    fn of_few<'r>(
        inventory: &'r Inventory,
        namespace: Option<&str>,
        workloads: impl IntoIterator<Item = &'r Resource>,
        assumptions: Assumptions,
    ) -> Self {
        let cluster_wide =
            [Kind::AdminNetworkPolicy, Kind::BaselineAdminNetworkPolicy, Kind::ClusterNetworkPolicy, Kind::Other];
        let own = [Kind::NetworkPolicy, Kind::Other];
        let cluster_wide = cluster_wide.into_iter().flat_map(|kind| inventory.of_kind(kind, None));
        let own = own.into_iter().flat_map(|kind| inventory.of_kind(kind, namespace));
        let mut resources: Vec<&Resource> = cluster_wide.chain(own).chain(workloads).collect();
        resources.sort_unstable_by_key(|resource| resource.index);
        resources.dedup_by_key(|resource| resource.index);
        compile::compile(inventory, &resources, assumptions)
    }

    /// Everyone in the cluster, in the order of the inventory: observed pods first.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.census.endpoints
    }

    /// The party that an endpoint is part of.
    pub fn party(&self, endpoint: &Endpoint) -> Party {
        Party(endpoint.class)
    }

    /// The endpoints that are part of a party.
    pub fn endpoints_of(&self, party: Party) -> impl Iterator<Item = &Endpoint> {
        let class = self.census.classes.get(party.0 as usize);
        class.into_iter().flat_map(|class| &class.endpoints).map(|&at| &self.census.endpoints[at as usize])
    }

    /// The endpoint of a workload, or of the pods of which this one was observed first.
    pub fn endpoint_of(&self, workload: &Resource) -> Option<&Endpoint> {
        self.census.by_resource.get(&workload.index).map(|&at| &self.census.endpoints[at as usize])
    }

    /// The endpoint that a pod or a template is part of.
    pub fn endpoint_at(&self, resource: u32) -> Option<&Endpoint> {
        let at = self.census.members.binary_search_by_key(&resource, |&(resource, _)| resource).ok()?;
        self.census.endpoints.get(self.census.members[at].1 as usize)
    }

    /// The cluster's name servers, as the usual installations label them. They are parties even
    /// where the inventory does not hold them.
    pub fn dns(&self) -> &[Party] {
        &self.census.dns
    }

    /// Whether a party can ask one of the name servers over UDP.
    pub fn can_resolve(&self, party: Party) -> bool {
        let asks = |&server: &Party| {
            assumed::DNS_PORTS.iter().any(|&port| self.why(party, server, Protocol::Udp, port).allowed())
        };
        self.census.dns.iter().any(asks)
    }

    /// A pod without labels in a namespace of which policies know nothing: what it reaches,
    /// every pod of the cluster reaches.
    pub fn stranger(&self) -> Party {
        self.census.stranger
    }

    /// The party of an address outside the cluster; `None` for a family that nobody speaks.
    pub fn party_of(&self, address: IpAddr) -> Option<Party> {
        let at = self.census.externals.iter().position(|range| range.contains(address))?;
        Some(Party((self.census.classes.len() + at) as u32))
    }

    /// The addresses outside the cluster, by party.
    pub fn externals(&self) -> impl ExactSizeIterator<Item = (Party, &Addresses)> {
        let first = self.census.classes.len();
        self.census.externals.iter().enumerate().map(move |(at, range)| (Party((first + at) as u32), range))
    }

    /// How many kinds of pods policies tell apart.
    pub fn classes(&self) -> usize {
        self.census.classes.len()
    }

    /// Whether a `NetworkPolicy` isolates the party in a direction.
    pub fn is_isolated(&self, party: Party, direction: Direction) -> bool {
        self.isolated[direction as usize].contains(party.0 as usize)
    }

    /// The policies whose subject the party is part of, by index in the inventory.
    pub fn policies_on(&self, party: Party) -> impl Iterator<Item = u32> + use<'_> {
        self.policies
            .iter()
            .filter(move |policy| policy.subject.contains(party.0 as usize))
            .map(|policy| policy.resource)
    }

    /// What cannot be meant in the policies.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The policies of other APIs, whose effect is not modelled, by index in the inventory.
    pub fn unmodelled(&self) -> &[u32] {
        &self.unmodelled
    }

    fn parties(&self) -> usize {
        self.census.classes.len() + self.census.externals.len()
    }

    fn sort_rules(&mut self) {
        // Stable: policies of one priority and rules of one policy keep their order.
        self.rules.sort_by_key(|rule| rule.tier);
    }

    /// The ports that a rule speaks of when this party receives.
    fn ports_at(&self, rule: &Rule, receiver: usize) -> Ports {
        let mut ports = rule.ports.clone();
        let class = self.census.classes.get(receiver).filter(|class| !class.host_network);
        for &(name, protocol) in &rule.named {
            for &(_, found, port) in class.iter().flat_map(|class| &class.ports).filter(|port| port.0 == name) {
                if protocol.is_none_or(|wanted| wanted == found) {
                    ports.unite(&Ports::one(found, port));
                }
            }
        }
        ports
    }
}
