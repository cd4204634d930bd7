//! Every allowed connection, receiver by receiver.

use rayon::prelude::*;

use super::bits::Bits;
use super::hash::HashMap;
use super::intervals::{Intervals, Point};
use super::policy::{Action, Direction, Tier};
use super::port::Ports;
use super::{Network, Party, Rule};

/// Who can reach whom, on which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    rows: Vec<Row>,
}

/// Who can reach one receiver. The ports of the parts are disjoint, their senders differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    parts: Vec<(Ports, Bits)>,
}

impl Network {
    /// Every allowed connection.
    pub fn matrix(&self) -> Matrix {
        let rows = (0..self.parties()).into_par_iter().map(|receiver| self.row_at(receiver)).collect();
        Matrix { rows }
    }

    /// Who can reach a party.
    pub fn row(&self, receiver: Party) -> Row {
        self.row_at(receiver.0 as usize)
    }

    pub(super) fn row_at(&self, receiver: usize) -> Row {
        self.row_by(receiver, &Direction::BOTH)
    }

    /// Who could reach each party if policies held in one direction only.
    pub(super) fn side_matrix(&self, direction: Direction) -> Matrix {
        let rows = (0..self.parties()).into_par_iter().map(|receiver| self.row_by(receiver, &[direction]));
        Matrix { rows: rows.collect() }
    }

    fn row_by(&self, receiver: usize, directions: &[Direction]) -> Row {
        let relevant: Vec<Relevant<'_>> = self.rules.iter().filter_map(|rule| self.relevant(rule, receiver)).collect();
        let mut parts: HashMap<Bits, Ports> = HashMap::default();
        for (ports, rules) in cut(&relevant) {
            let mut senders = Bits::full(self.parties());
            for &direction in directions {
                senders.intersect(&self.allowed(direction, receiver, &relevant, &rules));
            }
            if receiver >= self.census.classes.len() {
                // Traffic from outside to outside is none of the cluster's.
                for external in self.census.classes.len()..self.parties() {
                    senders.remove(external);
                }
            }
            if !senders.is_empty() {
                parts.entry(senders).or_default().unite(&ports);
            }
        }
        let mut parts: Vec<(Ports, Bits)> = parts.into_iter().map(|(senders, ports)| (ports, senders)).collect();
        parts.sort_unstable_by_key(|(ports, _)| ports.0.first());
        Row { parts }
    }

    /// A rule, if it says something about connections to this receiver.
    fn relevant<'n>(&'n self, rule: &'n Rule, receiver: usize) -> Option<Relevant<'n>> {
        let subject = &self.policies[rule.policy as usize].subject;
        let (holds, senders) = match rule.direction {
            Direction::Ingress => (subject, &rule.peers),
            Direction::Egress => (&rule.peers, subject),
        };
        holds.contains(receiver).then(|| Relevant { rule, senders, ports: self.ports_at(rule, receiver) })
    }

    /// The senders that one direction lets through to a receiver, by the rules with these numbers.
    fn allowed(&self, direction: Direction, receiver: usize, relevant: &[Relevant<'_>], rules: &Bits) -> Bits {
        let len = self.parties();
        let rules = || rules.iter().map(|at| &relevant[at]).filter(|relevant| relevant.rule.direction == direction);
        let mut allowed = Bits::new(len);
        let mut open = Bits::full(len);
        let ordered = |tier: fn(Tier) -> bool, allowed: &mut Bits, open: &mut Bits| {
            let mut passed = Bits::new(len);
            for relevant in rules().filter(|relevant| tier(relevant.rule.tier)) {
                let mut hit = relevant.senders.clone();
                hit.intersect(open);
                hit.subtract(&passed);
                match relevant.rule.action {
                    Action::Pass => passed.unite(&hit),
                    Action::Deny => open.subtract(&hit),
                    Action::Accept => {
                        allowed.unite(&hit);
                        open.subtract(&hit);
                    }
                }
            }
        };
        ordered(|tier| matches!(tier, Tier::Admin(_)), &mut allowed, &mut open);
        let isolated = match direction {
            Direction::Egress => Some(self.isolated[1].clone()),
            Direction::Ingress => self.isolated[0].contains(receiver).then(|| Bits::full(len)),
        };
        if let Some(isolated) = isolated {
            let mut named = Bits::new(len);
            for relevant in rules().filter(|relevant| relevant.rule.tier == Tier::Namespace) {
                named.unite(relevant.senders);
            }
            named.intersect(&open);
            named.intersect(&isolated);
            allowed.unite(&named);
            open.subtract(&isolated);
        }
        ordered(|tier| matches!(tier, Tier::Baseline(_)), &mut allowed, &mut open);
        allowed.unite(&open);
        allowed
    }
}

/// A rule that says something about connections to one receiver.
struct Relevant<'n> {
    rule: &'n Rule,
    /// The senders it speaks of.
    senders: &'n Bits,
    ports: Ports,
}

/// Cuts all ports into sets that the rules do not tell apart, with the rules that hold each.
fn cut(relevant: &[Relevant<'_>]) -> Vec<(Ports, Bits)> {
    let all = Ports::all();
    let mut starts: Vec<u32> = all.0.iter().map(|(first, _)| first).collect();
    for (first, last) in relevant.iter().flat_map(|relevant| relevant.ports.0.iter()) {
        starts.push(first);
        starts.extend(last.after());
    }
    starts.retain(|&start| all.0.contains(start));
    starts.sort_unstable();
    starts.dedup();
    let mut holders = vec![Bits::new(relevant.len()); starts.len()];
    for (number, relevant) in relevant.iter().enumerate() {
        for (first, last) in relevant.ports.0.iter() {
            let from = starts.partition_point(|&start| start < first);
            let to = starts.partition_point(|&start| start <= last);
            holders[from..to].iter_mut().for_each(|holder| holder.insert(number));
        }
    }
    let mut parts: HashMap<Bits, Vec<(u32, u32)>> = HashMap::default();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([u32::MAX]);
    for ((&first, last), holder) in starts.iter().zip(ends).zip(holders) {
        parts.entry(holder).or_default().push((first, last));
    }
    parts
        .into_iter()
        .map(|(holder, parts)| (Ports(parts.into_iter().collect::<Intervals<_>>()).intersect(&all), holder))
        .collect()
}

impl Matrix {
    /// Who can reach a party.
    pub fn row(&self, receiver: Party) -> &Row {
        &self.rows[receiver.0 as usize]
    }

    /// On which ports the sender can reach the receiver.
    pub fn ports(&self, sender: Party, receiver: Party) -> Ports {
        self.row(receiver).ports(sender)
    }
}

impl Row {
    /// On which ports the sender can reach the row's receiver.
    pub fn ports(&self, sender: Party) -> Ports {
        let mut ports = Ports::none();
        for (part, _) in self.parts.iter().filter(|(_, senders)| senders.contains(sender.0 as usize)) {
            ports.unite(part);
        }
        ports
    }

    /// The first of these senders that reaches the receiver.
    pub(super) fn first_of(&self, senders: &Bits) -> Option<Party> {
        let first = |(_, reaching): &(Ports, Bits)| {
            let mut both = reaching.clone();
            both.intersect(senders);
            both.iter().next()
        };
        self.parts.iter().filter_map(first).min().map(|sender| Party(sender as u32))
    }

    /// The numbers of the parts that a sender is in.
    pub(super) fn parts_of(&self, sender: Party) -> Vec<u32> {
        let numbered = (0u32..).zip(&self.parts);
        numbered.filter(|(_, (_, senders))| senders.contains(sender.0 as usize)).map(|(number, _)| number).collect()
    }

    /// The ports of the parts with these numbers.
    pub(super) fn ports_in(&self, numbers: &[u32]) -> Ports {
        let mut ports = Ports::none();
        for &number in numbers {
            ports.unite(&self.parts[number as usize].0);
        }
        ports
    }

    /// Sets of ports with the parties that can reach the row's receiver on them.
    pub fn parts(&self) -> impl Iterator<Item = (&Ports, impl Iterator<Item = Party> + use<'_>)> {
        self.parts.iter().map(|(ports, senders)| (ports, senders.iter().map(|sender| Party(sender as u32))))
    }
}
