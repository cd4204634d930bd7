//! What a change opens and closes: two networks compared, where they can differ only.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::hash::{HashMap, HashSet};
use super::list::Peer;
use super::policy::Direction;
use super::{Endpoint, Network, Party, Ports, Row};

/// Connections to one receiver that are not the same before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'n> {
    /// Who receives.
    pub receiver: Peer<'n>,
    /// Who sends: every one of them gains and loses these ports.
    pub senders: Vec<Peer<'n>>,
    /// The ports that are allowed after the change only.
    pub opened: Ports,
    /// The ports that were allowed before it only.
    pub closed: Ports,
}

/// A party before and after, of which the same pods or addresses are part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Both {
    before: Party,
    after: Party,
}

impl Network {
    /// What changed between this network and a later one of the same pods: which connections were
    /// opened and which closed, by receiver.
    ///
    /// The later inventory has to be laid over this one's ([`Inventory::with`]), so that both call
    /// their resources by the same indices. A workload that was replaced is found by its name. One
    /// that only one of them holds is left out: nothing is opened for a pod that was not there. If
    /// the inventories differ by policies alone, only the receivers that these can concern are looked
    /// at.
    ///
    /// [`Inventory::with`]: crate::inventory::Inventory::with
    pub fn changes<'n>(&self, after: &'n Network) -> Vec<Change<'n>> {
        let joint = Joint::of(self, after);
        let concerned: Vec<&(Both, Vec<Peer<'n>>)> =
            joint.parties.iter().filter(|(both, _)| joint.concerns(*both)).collect();
        let found = concerned.par_iter().flat_map_iter(|(both, receivers)| {
            let (old, new) = (self.row(both.before), after.row(both.after));
            let parts = if joint.same && old == new { Vec::new() } else { joint.differences(&old, &new) };
            let changes = receivers.iter().flat_map(move |receiver| {
                parts.clone().into_iter().filter_map(|(opened, closed, senders)| {
                    let senders: Vec<Peer<'n>> =
                        senders.into_iter().filter(|sender| may_differ(sender, receiver)).cloned().collect();
                    let receiver = receiver.clone();
                    (!senders.is_empty()).then_some(Change { receiver, senders, opened, closed })
                })
            });
            changes.collect::<Vec<_>>()
        });
        let mut found: Vec<Change<'n>> = found.collect();
        found.sort_by(|a, b| a.receiver.order(&b.receiver).then_with(|| a.opened.iter().cmp(b.opened.iter())));
        found
    }

    /// Which receivers a policy of these can concern, and whether its egress can concern all.
    fn concerned_by(&self, policies: &HashSet<u32>) -> HashSet<u32> {
        let mut parties = HashSet::default();
        let numbered = (0u32..).zip(&self.policies).filter(|(_, policy)| policies.contains(&policy.resource));
        for (number, policy) in numbered {
            parties.extend(policy.subject.iter().map(|party| party as u32));
            let egress = self.rules.iter().filter(|rule| rule.policy == number && rule.direction == Direction::Egress);
            parties.extend(egress.flat_map(|rule| rule.peers.iter()).map(|party| party as u32));
        }
        parties
    }
}

/// Traffic from outside to outside, and within one workload, is not shown.
fn may_differ(sender: &Peer<'_>, receiver: &Peer<'_>) -> bool {
    match (sender, receiver) {
        (Peer::Endpoint(sender), Peer::Endpoint(receiver)) => !sender.is_same_workload(receiver),
        (Peer::Outside(_), Peer::Outside(_)) => false,
        _ => true,
    }
}

/// The parties of two networks, cut so that each is part of one of both.
struct Joint<'n> {
    parties: Vec<(Both, Vec<Peer<'n>>)>,
    /// Whether both networks have the same parties, called the same.
    same: bool,
    /// The receivers that changed policies concern, before and after; `None` if all are.
    concerned: Option<[HashSet<u32>; 2]>,
}

impl<'n> Joint<'n> {
    fn of(before: &Network, after: &'n Network) -> Self {
        let name = |endpoint: &'_ Endpoint| endpoint.to_string();
        let mut names: Option<HashMap<String, &Endpoint>> = None;
        let mut inside: BTreeMap<Both, Vec<Peer<'n>>> = BTreeMap::new();
        let mut known: HashSet<(Both, u32)> = HashSet::default();
        let mut replaced = false;
        for &(resource, at) in &after.census.members {
            let endpoint = &after.census.endpoints[at as usize];
            let was = before.endpoint_at(resource).or_else(|| {
                replaced = true;
                let by_name = || before.census.endpoints.iter().map(|endpoint| (name(endpoint), endpoint)).collect();
                names.get_or_insert_with(by_name).get(&name(endpoint)).copied()
            });
            let Some(was) = was else { continue };
            let both = Both { before: Party(was.class), after: Party(endpoint.class) };
            if known.insert((both, at)) {
                inside.entry(both).or_default().push(Peer::Endpoint(endpoint));
            }
        }
        let mut parties: Vec<(Both, Vec<Peer<'n>>)> = inside.into_iter().collect();
        for (was, range) in before.externals() {
            for (is, other) in after.externals() {
                let shared = range.intersect(other);
                if !shared.is_empty() {
                    parties.push((Both { before: was, after: is }, vec![Peer::Outside(shared)]));
                }
            }
        }
        let same = before.parties() == after.parties() && parties.iter().all(|(both, _)| both.before == both.after);
        let mut joint = Self { parties, same, concerned: None };
        if !replaced {
            joint.concerned = joint.concerned_of(before, after);
        }
        joint
    }

    fn concerned_of(&self, before: &Network, after: &Network) -> Option<[HashSet<u32>; 2]> {
        if before.census.surroundings != after.census.surroundings {
            return None;
        }
        // Who becomes isolated, or no longer is, loses or gains connections to everyone.
        let isolated = |network: &Network, party| network.is_isolated(party, Direction::Egress);
        if self.parties.iter().any(|(both, _)| isolated(before, both.before) != isolated(after, both.after)) {
            return None;
        }
        let of = |network: &Network| network.policies.iter().map(|policy| policy.resource).collect::<HashSet<u32>>();
        let (old, new) = (of(before), of(after));
        let changed: HashSet<u32> = old.symmetric_difference(&new).copied().collect();
        Some([before.concerned_by(&changed), after.concerned_by(&changed)])
    }

    fn concerns(&self, both: Both) -> bool {
        let holds =
            |[before, after]: &[HashSet<u32>; 2]| before.contains(&both.before.0) || after.contains(&both.after.0);
        self.concerned.as_ref().is_none_or(holds)
    }

    /// The differences of two rows: what is opened, what is closed, and for whom.
    fn differences(&self, old: &Row, new: &Row) -> Vec<(Ports, Ports, Vec<&Peer<'n>>)> {
        let mut groups: HashMap<(Vec<u32>, Vec<u32>), Vec<&Peer<'n>>> = HashMap::default();
        for (both, peers) in &self.parties {
            groups.entry((old.parts_of(both.before), new.parts_of(both.after))).or_default().extend(peers);
        }
        let mut found: HashMap<(Ports, Ports), Vec<&Peer<'n>>> = HashMap::default();
        for ((before, after), senders) in groups {
            let (before, after) = (old.ports_in(&before), new.ports_in(&after));
            if before != after {
                found.entry((after.subtract(&before), before.subtract(&after))).or_default().extend(senders);
            }
        }
        found.into_iter().map(|((opened, closed), senders)| (opened, closed, senders)).collect()
    }
}
