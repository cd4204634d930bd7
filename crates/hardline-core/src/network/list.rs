//! Every allowed connection by name: workloads and ranges of addresses.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

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
        let mut found = Found::default();
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
                self.expand(sender, receiver, ports, &mut found);
            }
        }
        found.settle()
    }

    fn expand<'n>(&'n self, sender: Party, receiver: Party, ports: &Arc<Ports>, found: &mut Found<'n>) {
        let outside = |party: Party| self.externals.get((party.0 as usize).wrapping_sub(self.classes.len()));
        match (outside(sender), outside(receiver)) {
            (None, None) => {
                for sender in self.endpoints_of(sender) {
                    for receiver in self.endpoints_of(receiver).filter(|receiver| !sender.is_same_workload(receiver)) {
                        found.inside.push((sender, receiver, ports.clone()));
                    }
                }
            }
            (Some(range), None) => {
                for endpoint in self.endpoints_of(receiver) {
                    found
                        .from
                        .entry((endpoint.resource, ports.clone()))
                        .or_insert((endpoint, Addresses::default()))
                        .1
                        .unite(range);
                }
            }
            (None, Some(range)) => {
                for endpoint in self.endpoints_of(sender) {
                    found
                        .to
                        .entry((endpoint.resource, ports.clone()))
                        .or_insert((endpoint, Addresses::default()))
                        .1
                        .unite(range);
                }
            }
            (Some(_), Some(_)) => {}
        }
    }
}

type Outside<'n> = HashMap<(u32, Arc<Ports>), (&'n Endpoint, Addresses)>;

/// Connections that are not in order yet.
#[derive(Default)]
struct Found<'n> {
    inside: Vec<(&'n Endpoint, &'n Endpoint, Arc<Ports>)>,
    from: Outside<'n>,
    to: Outside<'n>,
}

impl<'n> Found<'n> {
    fn settle(self) -> Vec<Connection<'n>> {
        let inside = self.inside.into_iter().map(|(sender, receiver, ports)| Connection {
            sender: Peer::Endpoint(sender),
            receiver: Peer::Endpoint(receiver),
            ports,
        });
        let from = self.from.into_iter().map(|((_, ports), (endpoint, addresses))| Connection {
            sender: Peer::Outside(addresses),
            receiver: Peer::Endpoint(endpoint),
            ports,
        });
        let to = self.to.into_iter().map(|((_, ports), (endpoint, addresses))| Connection {
            sender: Peer::Endpoint(endpoint),
            receiver: Peer::Outside(addresses),
            ports,
        });
        let mut connections: Vec<Connection<'n>> = inside.chain(from).chain(to).collect();
        connections.sort_by(|a, b| {
            let ends = a.sender.order(&b.sender).then_with(|| a.receiver.order(&b.receiver));
            ends.then_with(|| a.ports.iter().cmp(b.ports.iter()))
        });
        connections.dedup_by(|next, kept| {
            let same = next.sender.order(&kept.sender).is_eq() && next.receiver.order(&kept.receiver).is_eq();
            if same {
                let mut ports = (*kept.ports).clone();
                ports.unite(&next.ports);
                kept.ports = Arc::new(ports);
            }
            same
        });
        connections
    }
}
