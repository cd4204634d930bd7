//! What policies achieve: whom they select, and which of their permissions come to nothing.

use std::collections::HashMap;

use crate::inventory::Inventory;
use crate::resource::Resource;

use super::bits::Bits;
use super::policy::{Action, Direction, Tier};
use super::port::Ports;
use super::why::{Reason, Side};
use super::{Endpoint, Network, Party, Policy, Row, Rule, backend};

/// A permission of a `NetworkPolicy` that comes to nothing: the other side denies every
/// connection that it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneSided {
    /// The direction of the rule that allows.
    pub direction: Direction,
    /// The rule's index in its list.
    pub rule: u32,
    /// The index in the rule's list of peers.
    pub peer: u32,
    /// A party that would send.
    pub sender: Party,
    /// A party that would receive.
    pub receiver: Party,
    /// The ports that the rule allows between them.
    pub ports: Ports,
    /// What denies on the other side.
    pub denied: Reason,
}

impl Network {
    /// Whether pods of a namespace may do only what policies allow, also those that no policy
    /// names: by a `NetworkPolicy` that selects every pod, or a denial of the Baseline tier.
    pub fn denies_by_default(&self, namespace: &str, direction: Direction) -> bool {
        let denies = |rule: &Rule| {
            let baseline = rule.direction == direction && matches!(rule.tier, Tier::Baseline(_));
            let everything = rule.peers.contains(self.census.stranger.0 as usize) && rule.ports == Ports::all();
            let subject = &self.policies[rule.policy as usize].subject;
            let mut pods = self.endpoints_in(namespace);
            baseline
                && rule.action == Action::Deny
                && everything
                && pods.all(|endpoint| subject.contains(endpoint.class as usize))
        };
        self.isolated_namespaces[direction as usize].contains(namespace) || self.rules.iter().any(denies)
    }

    /// The endpoints of a namespace that policies hold: those on their node's network are left out.
    pub fn endpoints_in(&self, namespace: &str) -> impl Iterator<Item = &Endpoint> + use<'_> {
        let numbers = self.census.by_namespace.get(namespace).into_iter().flatten();
        numbers.map(|&at| &self.census.endpoints[at as usize]).filter(|endpoint| !endpoint.host_network)
    }

    /// The endpoints to which a `NetworkPolicy` allows some egress, but nobody allows the
    /// resolution of names. Each is told at one policy only.
    pub fn without_dns(&self, policy: u32) -> Vec<&Endpoint> {
        let allows = |number: u32| {
            let of_policy = |rule: &&Rule| rule.policy == number && rule.direction == Direction::Egress;
            self.rules.iter().filter(of_policy).any(|rule| rule.tier == Tier::Namespace)
        };
        let first_on = |class: usize| {
            let numbered = (0u32..).zip(&self.policies).filter(|(_, policy)| policy.subject.contains(class));
            numbered.filter(|&(number, _)| allows(number)).map(|(_, policy)| policy.resource).next()
        };
        let subjects = self.policies.iter().filter(|candidate| candidate.resource == policy);
        subjects
            .flat_map(|policy| policy.subject.iter())
            .filter(|&class| self.is_observed(class) && first_on(class) == Some(policy))
            .map(|class| Party(class as u32))
            .filter(|&party| self.is_isolated(party, Direction::Egress) && !self.can_resolve(party))
            .flat_map(|party| self.endpoints_of(party))
            .collect()
    }

    /// The policies that isolate a party in a direction, by index in the inventory.
    pub fn isolating(&self, party: Party, direction: Direction) -> impl Iterator<Item = u32> + use<'_> {
        let isolates =
            move |policy: &&Policy| policy.isolates.contains(&direction) && policy.subject.contains(party.0 as usize);
        self.policies.iter().filter(isolates).map(|policy| policy.resource)
    }

    /// The rules of a `NetworkPolicy` that open every port to every pod of the cluster: their
    /// direction and index.
    pub fn open_rules(&self, policy: u32) -> impl Iterator<Item = (Direction, u32)> + use<'_> {
        let open = move |rule: &&Rule| {
            self.policies[rule.policy as usize].resource == policy
                && rule.tier == Tier::Namespace
                && rule.peers.contains(self.census.stranger.0 as usize)
                && rule.ports == Ports::all()
        };
        self.rules.iter().filter(open).map(|rule| (rule.direction, rule.index))
    }

    /// The endpoints behind a Service, with the ports of their pods that it leads to.
    pub fn behind(&self, inventory: &Inventory, service: &Resource) -> Vec<(&Endpoint, Ports)> {
        backend::behind(inventory, self, service, None)
    }

    /// Whether a rule lets anyone reach one of these ports of a party, in the inventory or not, or the
    /// egress of somebody names it.
    pub fn may_allow(&self, receiver: Party, ports: &Ports) -> bool {
        let at = receiver.0 as usize;
        let allows = |rule: &Rule| {
            let subject = &self.policies[rule.policy as usize].subject;
            let concerns = match rule.direction {
                Direction::Ingress => subject.contains(at),
                Direction::Egress => rule.peers.contains(at) && !rule.peers.contains(self.census.stranger.0 as usize),
            };
            rule.action == Action::Accept && concerns && !self.ports_at(rule, at).intersect(ports).is_empty()
        };
        self.rules.iter().any(allows)
    }

    /// A policy that was read before this one, has its tier and priority, and decides otherwise about a
    /// connection that both speak of, with the direction and the index of the rule here. Which of them is
    /// asked first is not defined.
    pub fn contradicted(&self, policy: u32) -> Option<(u32, Direction, u32)> {
        let of = |rule: &Rule| &self.policies[rule.policy as usize];
        let own = self.rules.iter().filter(|rule| of(rule).resource == policy && rule.tier != Tier::Namespace);
        let contradicts = |own: &Rule, other: &Rule| {
            let meet = |a: &Bits, b: &Bits| a.iter().any(|party| b.contains(party));
            other.tier == own.tier
                && of(other).resource < policy
                && other.direction == own.direction
                && other.action != own.action
                && !other.ports.intersect(&own.ports).is_empty()
                && meet(&of(other).subject, &of(own).subject)
                && meet(&other.peers, &own.peers)
        };
        own.flat_map(|own| self.rules.iter().map(move |other| (own, other)))
            .find(|(own, other)| contradicts(own, other))
            .map(|(own, other)| (of(other).resource, own.direction, own.index))
    }

    /// Whether a policy's subject has pods of the inventory.
    pub fn selects_pods(&self, policy: u32) -> bool {
        let subjects = self.policies.iter().filter(|candidate| candidate.resource == policy);
        subjects.flat_map(|policy| policy.subject.iter()).any(|class| self.is_observed(class))
    }

    /// The permissions of a `NetworkPolicy` of which no connection comes about. `known` says
    /// whether all that holds a party is known; where it is not, nothing is claimed.
    pub fn one_sided(&self, policy: u32, known: impl Fn(&str) -> bool) -> Vec<OneSided> {
        let mut rows = HashMap::new();
        let own = |rule: &&Rule| {
            let resource = self.policies[rule.policy as usize].resource;
            resource == policy && rule.tier == Tier::Namespace && rule.action == Action::Accept
        };
        let rules = self.rules.iter().filter(own);
        rules
            .flat_map(|rule| (0..rule.items.len()).map(move |item| (rule, item)))
            .filter_map(|(rule, item)| self.without_effect(rule, item, &known, &mut rows))
            .collect()
    }

    fn without_effect(
        &self,
        rule: &Rule,
        item: usize,
        known: &impl Fn(&str) -> bool,
        rows: &mut HashMap<usize, Row>,
    ) -> Option<OneSided> {
        let peers = &rule.items[item];
        // Who is outside the cluster, or may be anywhere in it, is not known to be denied.
        let anyone = peers.contains(self.census.stranger.0 as usize);
        if anyone || peers.iter().any(|party| party >= self.census.classes.len()) {
            return None;
        }
        let subject = &self.policies[rule.policy as usize].subject;
        let mut denied = None;
        for subject in subject.iter().filter(|&class| self.is_observed(class)) {
            for peer in peers.iter().filter(|&class| self.is_observed(class)) {
                let (sender, receiver) = match rule.direction {
                    Direction::Ingress => (peer, subject),
                    Direction::Egress => (subject, peer),
                };
                let ports = self.ports_at(rule, receiver);
                let row = rows.entry(receiver).or_insert_with(|| self.row_at(receiver));
                let (sender, receiver) = (Party(sender as u32), Party(receiver as u32));
                let unknown = self.endpoints_of(Party(peer as u32)).any(|endpoint| !known(&endpoint.namespace));
                if unknown || !row.ports(sender).intersect(&ports).is_empty() {
                    return None;
                }
                let Some((protocol, port, _)) = ports.iter().next() else { continue };
                let decision = self.why(sender, receiver, protocol, port);
                let (own, other) = match rule.direction {
                    Direction::Ingress => (decision.ingress, decision.egress),
                    Direction::Egress => (decision.egress, decision.ingress),
                };
                if let (true, Side { allowed: false, reason }, None) = (own.allowed, other, &denied) {
                    let (direction, rule, peer) = (rule.direction, rule.index, item as u32);
                    denied = Some(OneSided { direction, rule, peer, sender, receiver, ports, denied: reason });
                }
            }
        }
        denied
    }

    /// Whether the class has pods of the inventory, rather than assumed ones only.
    fn is_observed(&self, class: usize) -> bool {
        self.census.classes.get(class).is_some_and(|class| !class.endpoints.is_empty())
    }
}
