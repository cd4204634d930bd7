//! Why one connection passes or not: the same rules asked one by one, with the one that decides.

use super::policy::{Action, Direction, Tier};
use super::port::Protocol;
use super::{Network, Party};

/// What becomes of one connection, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The sender's side.
    pub egress: Side,
    /// The receiver's side.
    pub ingress: Side,
}

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Whether the side lets the connection through.
    pub allowed: bool,
    /// Because of what.
    pub reason: Reason,
}

/// What decides on one side of a connection. Policies are named by index in the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No policy speaks of it: allowed.
    NoPolicy,
    /// The side is outside the cluster or on its node's network, where policies do not apply:
    /// allowed.
    Unheld,
    /// A rule of a policy.
    Rule {
        /// The policy.
        policy: u32,
        /// The rule's index in the policy's list for the direction.
        index: u32,
        /// What the rule does.
        action: Action,
    },
    /// These policies isolate the side, and no rule of theirs allows the connection: denied.
    Isolated {
        /// The policies.
        policies: Vec<u32>,
    },
}

impl Decision {
    /// Whether the connection passes.
    pub fn allowed(&self) -> bool {
        self.egress.allowed && self.ingress.allowed
    }
}

impl Network {
    /// What becomes of a connection from one party to another, and why.
    pub fn why(&self, sender: Party, receiver: Party, protocol: Protocol, port: u16) -> Decision {
        Decision {
            egress: self.side(Direction::Egress, sender, receiver, protocol, port),
            ingress: self.side(Direction::Ingress, sender, receiver, protocol, port),
        }
    }

    fn side(&self, direction: Direction, sender: Party, receiver: Party, protocol: Protocol, port: u16) -> Side {
        let (subject, peer) = match direction {
            Direction::Ingress => (receiver, sender),
            Direction::Egress => (sender, receiver),
        };
        if self.census.classes.get(subject.0 as usize).is_none_or(|class| class.host_network) {
            return Side { allowed: true, reason: Reason::Unheld };
        }
        let rules = || {
            self.rules.iter().filter(|rule| {
                rule.direction == direction
                    && self.policies[rule.policy as usize].subject.contains(subject.0 as usize)
                    && rule.peers.contains(peer.0 as usize)
                    && self.ports_at(rule, receiver.0 as usize).contains(protocol, port)
            })
        };
        let decided = |allowed, rule: &super::Rule| Side {
            allowed,
            reason: Reason::Rule {
                policy: self.policies[rule.policy as usize].resource,
                index: rule.index,
                action: rule.action,
            },
        };
        let first = |tier: fn(Tier) -> bool| rules().find(|rule| tier(rule.tier));
        match first(|tier| matches!(tier, Tier::Admin(_))) {
            Some(rule) if rule.action != Action::Pass => return decided(rule.action == Action::Accept, rule),
            _ => {}
        }
        if self.is_isolated(subject, direction) {
            if let Some(rule) = first(|tier| tier == Tier::Namespace) {
                return decided(true, rule);
            }
            let policies = self.isolating(subject, direction).collect();
            return Side { allowed: false, reason: Reason::Isolated { policies } };
        }
        match first(|tier| matches!(tier, Tier::Baseline(_))) {
            Some(rule) => decided(rule.action != Action::Deny, rule),
            None => Side { allowed: true, reason: Reason::NoPolicy },
        }
    }
}
