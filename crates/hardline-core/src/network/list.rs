//! Every allowed connection by name: workloads and ranges of addresses.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::hash::HashMap;
use super::{Addresses, Endpoint, Matrix, Network, Party, Ports};

/// An allowed connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<'n> {
    /// Who sends.
    pub sender: Peer<'n>,
    /// Who receives.
    pub receiver: Peer<'n>,
    /// On which ports of the receiver.
    pub ports: Arc<Ports>,
}

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer<'n> {
    /// A workload of the inventory.
    Endpoint(&'n Endpoint),
    /// Addresses outside the cluster.
    Outside(Addresses),
}

impl fmt::Display for Peer<'_> {
    /// `shop/checkout[Deployment]` or `10.0.0.0-10.0.0.255[External]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Outside(addresses) => write!(f, "{addresses}[External]"),
        }
    }
}

impl Peer<'_> {
    /// Workloads by namespace, name and kind, then addresses.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Endpoint(a), Self::Endpoint(b)) => {
                (&a.namespace, &a.name, &a.kind).cmp(&(&b.namespace, &b.name, &b.kind))
            }
            (Self::Endpoint(_), Self::Outside(_)) => Ordering::Less,
            (Self::Outside(_), Self::Endpoint(_)) => Ordering::Greater,
            (Self::Outside(a), Self::Outside(b)) => a.iter().cmp(b.iter()),
        }
    }
}

impl Network {
    /// Every allowed connection between different workloads, and between workloads and addresses
    /// outside, ordered by name. Pods of one workload that policies tell apart are joined: what
    /// one of them may do, the workload may do.
    pub fn connections(&self, matrix: &Matrix) -> Vec<Connection<'_>> {
        let mut found = Found::of(self);
        let receivers = (0..self.parties()).map(|party| Party(party as u32));
        for receiver in receivers {
            let row = matrix.row(receiver);
            let mut by_sender: HashMap<Party, Vec<usize>> = HashMap::default();
            for (number, (_, senders)) in row.parts().enumerate() {
                for sender in senders {
                    by_sender.entry(sender).or_default().push(number);
                }
            }
            let disjoint: Vec<&Ports> = row.parts().map(|(ports, _)| ports).collect();
            let mut joined: HashMap<Vec<usize>, Arc<Ports>> = HashMap::default();
            for (sender, numbers) in by_sender {
                let ports = joined.entry(numbers).or_insert_with_key(|numbers| {
                    let mut all = Ports::none();
                    for &number in numbers {
                        all.unite(disjoint[number]);
                    }
                    Arc::new(all)
                });
                found.add(sender, receiver, ports);
            }
        }
        found.settle()
    }
}

/// Addresses outside by the number of the endpoint that they connect with, and by ports.
type Outside = HashMap<(u32, Arc<Ports>), Addresses>;

/// The place of whoever is outside: behind all workloads.
const LAST: u32 = u32::MAX;

/// Connections that are not in order yet. There may be millions: they are sorted by numbers and not by
/// names.
struct Found<'n> {
    network: &'n Network,
    /// By endpoint, the place of its workload among all by name.
    places: Vec<u32>,
    /// Connections between workloads: the sender's place, as the upper half, and the receiver's.
    inside: Vec<(u64, Connection<'n>)>,
    from: Outside,
    to: Outside,
}

impl<'n> Found<'n> {
    fn of(network: &'n Network) -> Self {
        let mut order: Vec<(u32, &Endpoint)> = (0..).zip(&network.census.endpoints).collect();
        order.sort_by_key(|(_, endpoint)| (&endpoint.namespace, &endpoint.name, &endpoint.kind));
        let mut places = vec![0; order.len()];
        for (place, workload) in (0..).zip(order.chunk_by(|(_, a), (_, b)| a.is_same_workload(b))) {
            for &(number, _) in workload {
                places[number as usize] = place;
            }
        }
        Self { network, places, inside: Vec::new(), from: HashMap::default(), to: HashMap::default() }
    }

    fn add(&mut self, sender: Party, receiver: Party, ports: &Arc<Ports>) {
        let network = self.network;
        let outside =
            |party: Party| network.census.externals.get((party.0 as usize).wrapping_sub(network.census.classes.len()));
        let numbers =
            |party: Party| network.census.classes.get(party.0 as usize).map_or(&[][..], |class| &class.endpoints);
        match (outside(sender), outside(receiver)) {
            (None, None) => {
                for &sender in numbers(sender) {
                    for &receiver in numbers(receiver) {
                        self.connect(sender, receiver, ports);
                    }
                }
            }
            (Some(range), None) => {
                for &endpoint in numbers(receiver) {
                    self.from.entry((endpoint, ports.clone())).or_default().unite(range);
                }
            }
            (None, Some(range)) => {
                for &endpoint in numbers(sender) {
                    self.to.entry((endpoint, ports.clone())).or_default().unite(range);
                }
            }
            (Some(_), Some(_)) => {}
        }
    }

    fn connect(&mut self, sender: u32, receiver: u32, ports: &Arc<Ports>) {
        let [from, to] = [sender, receiver].map(|number| self.places[number as usize]);
        if from != to {
            let [sender, receiver] = [sender, receiver].map(|number| endpoint(self.network, number));
            self.inside.push((key(from, to), Connection { sender, receiver, ports: ports.clone() }));
        }
    }

    fn settle(self) -> Vec<Connection<'n>> {
        let Self { network, places, mut inside, from, to } = self;
        inside.extend(from.into_iter().map(|((number, ports), addresses)| {
            let (sender, receiver) = (Peer::Outside(addresses), endpoint(network, number));
            (key(LAST, places[number as usize]), Connection { sender, receiver, ports })
        }));
        inside.extend(to.into_iter().map(|((number, ports), addresses)| {
            let (sender, receiver) = (endpoint(network, number), Peer::Outside(addresses));
            (key(places[number as usize], LAST), Connection { sender, receiver, ports })
        }));
        inside.par_sort_unstable_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.order(other)));
        inside.dedup_by(|(a, next), (b, kept)| {
            let same = a == b && next.order(kept).is_eq();
            if same {
                let mut ports = (*kept.ports).clone();
                ports.unite(&next.ports);
                kept.ports = Arc::new(ports);
            }
            same
        });
        inside.into_iter().map(|(_, connection)| connection).collect()
    }
}

impl Connection<'_> {
    /// The order of connections with the same workloads: by the addresses outside.
    fn order(&self, other: &Self) -> Ordering {
        let outside = [self, other].map(|it| match (&it.sender, &it.receiver) {
            (Peer::Outside(addresses), _) | (_, Peer::Outside(addresses)) => Some(addresses),
            _ => None,
        });
        match outside {
            [Some(own), Some(other)] => own.iter().cmp(other.iter()),
            _ => Ordering::Equal,
        }
    }
}

fn endpoint(network: &Network, number: u32) -> Peer<'_> {
    Peer::Endpoint(&network.census.endpoints[number as usize])
}

fn key(from: u32, to: u32) -> u64 {
    u64::from(from) << 32 | u64::from(to)
}
