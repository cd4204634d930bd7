//! What network policies are made of, whatever their kind.

use std::fmt;

use crate::path::FieldPath;

/// Which way a rule looks at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the subject.
    Ingress,
    /// Out of the subject.
    Egress,
}

/// What a rule does with a connection that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Lets it through; nothing below is asked.
    Accept,
    /// Drops it; nothing below is asked.
    Deny,
    /// Leaves it to the tiers below.
    Pass,
}

/// When a policy is asked. Tiers are asked in this order, the lower priority first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// `AdminNetworkPolicy`, and `ClusterNetworkPolicy` of the Admin tier.
    Admin(i64),
    /// `NetworkPolicy`: whoever it isolates may do only what some policy allows.
    Namespace,
    /// `BaselineAdminNetworkPolicy`, and `ClusterNetworkPolicy` of the Baseline tier.
    Baseline(i64),
}

/// Something in a policy that cannot be meant; it is taken to match nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The policy's index in the inventory.
    pub resource: u32,
    /// The field.
    pub path: FieldPath,
    /// What is wrong, with the value.
    pub message: String,
}

impl Direction {
    /// Both directions.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The name of the list of rules in a policy's spec.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// The name of the list of peers in a rule.
    pub fn peers_key(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }

    /// The name in `policyTypes`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}
