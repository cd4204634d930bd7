//! What is reachable now, as needs: the policies made of them freeze the present reach.

use std::collections::{BTreeSet, HashMap};

use crate::inventory::Inventory;

use super::need::{End, Need};
use super::why::{Reason, Side};
use super::{Addresses, Direction, Endpoint, Matrix, Network, Party, Ports};

/// With whom a party may connect as far as its own side is concerned.
struct Open {
    /// With everybody.
    anybody: Ports,
    /// With every pod; those of `anybody` are left out.
    pods: Ports,
    /// With addresses outside; those of `anybody` are left out.
    outside: Vec<(Ports, Addresses)>,
}

/// The connections that are possible now. Workloads that accept or reach everybody need that, rather
/// than each other; policies of the Admin tier are taken to stay.
pub fn reachable<'n>(inventory: &Inventory, network: &'n Network) -> Vec<Need<'n>> {
    let matrix = network.matrix();
    let sides = Direction::BOTH.map(|direction| (direction, network.side_matrix(direction)));
    let mut known: HashMap<(Party, Direction), Open> = HashMap::new();
    let mut needs = Vec::new();
    let mut done = BTreeSet::new();
    let held: Vec<&Endpoint> = network.endpoints().iter().filter(|endpoint| !endpoint.host_network).collect();
    for &endpoint in &held {
        let party = network.party(endpoint);
        if !done.insert((endpoint.to_string(), party)) {
            continue;
        }
        for (direction, side) in &sides {
            let open =
                known.entry((party, *direction)).or_insert_with(|| network.open(side, &matrix, party, *direction));
            let mut need = |other: End<'n>, example: Party, ports: &Ports| {
                let because = network.because(inventory, party, example, *direction, ports);
                let (sender, receiver) = match direction {
                    Direction::Ingress => (other, End::Endpoint(endpoint)),
                    Direction::Egress => (End::Endpoint(endpoint), other),
                };
                needs.push(Need { sender, receiver, ports: ports.clone(), because });
            };
            if !open.anybody.is_empty() {
                need(End::Anybody, network.stranger(), &open.anybody);
            }
            if !open.pods.is_empty() {
                need(End::Pods, network.stranger(), &open.pods);
            }
            for (ports, addresses) in &open.outside {
                let example = network.externals().find(|(_, range)| range.meets(addresses));
                need(End::Outside(addresses.clone()), example.map_or(network.stranger(), |(party, _)| party), ports);
            }
            let dns = network.dns().first().filter(|&&dns| network.endpoints_of(dns).next().is_none());
            if let (Direction::Egress, Some(&dns)) = (direction, dns) {
                let ports = matrix.ports(party, dns).subtract(&open.anybody).subtract(&open.pods);
                if !ports.is_empty() {
                    need(End::Dns, dns, &ports);
                }
            }
        }
    }
    let of = |endpoint: &Endpoint, direction: Direction| {
        let open = &known[&(network.party(endpoint), direction)];
        let mut ports = open.anybody.clone();
        ports.unite(&open.pods);
        ports
    };
    let mut pairs = BTreeSet::new();
    for &sender in &held {
        let reached = of(sender, Direction::Egress);
        for &receiver in held.iter().filter(|receiver| !receiver.is_same_workload(sender)) {
            let (from, to) = (network.party(sender), network.party(receiver));
            let ports = matrix.ports(from, to);
            let open = reached.intersect(&of(receiver, Direction::Ingress));
            if open.covers(&ports) || !pairs.insert((sender.to_string(), receiver.to_string(), from, to)) {
                continue;
            }
            let [ingress, egress] = [(to, from, Direction::Ingress), (from, to, Direction::Egress)]
                .map(|(own, other, direction)| network.because(inventory, own, other, direction, &ports));
            let because = match (&*egress, &*ingress) {
                (one, "default") => one.to_owned(),
                ("default", other) => other.to_owned(),
                (one, other) if one == other => one.to_owned(),
                (one, other) => format!("{one}, {other}"),
            };
            needs.push(Need { sender: End::Endpoint(sender), receiver: End::Endpoint(receiver), ports, because });
        }
    }
    needs
}

impl Network {
    fn open(&self, side: &Matrix, matrix: &Matrix, own: Party, direction: Direction) -> Open {
        let with = |matrix: &Matrix, other: Party| match direction {
            Direction::Ingress => matrix.ports(other, own),
            Direction::Egress => matrix.ports(own, other),
        };
        let mut pods = Ports::all();
        let mut anybody = Ports::all();
        for (number, class) in (0u32..).zip(&self.census.classes) {
            let ports = with(side, Party(number));
            anybody = anybody.intersect(&ports);
            if !class.host_network {
                pods = pods.intersect(&ports);
            }
        }
        for (party, _) in self.externals() {
            anybody = anybody.intersect(&with(side, party));
        }
        let mut outside: Vec<(Ports, Addresses)> = Vec::new();
        for (party, addresses) in self.externals() {
            let ports = with(matrix, party).subtract(&anybody);
            match outside.iter_mut().find(|(known, _)| *known == ports) {
                _ if ports.is_empty() => {}
                Some((_, known)) => known.unite(addresses),
                None => outside.push((ports, addresses.clone())),
            }
        }
        Open { pods: pods.subtract(&anybody), anybody, outside }
    }

    /// The policy that allows a connection on one side, or `default`.
    fn because(&self, inventory: &Inventory, own: Party, other: Party, direction: Direction, ports: &Ports) -> String {
        let Some((protocol, port, _)) = ports.iter().next() else { return "default".to_owned() };
        let side = match direction {
            Direction::Ingress => self.why(other, own, protocol, port).ingress,
            Direction::Egress => self.why(own, other, protocol, port).egress,
        };
        match side {
            Side { reason: Reason::Rule { policy, .. }, .. } => inventory[policy].id().to_string(),
            _ => "default".to_owned(),
        }
    }
}
