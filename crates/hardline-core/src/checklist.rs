//! The ten lines of the production checklist, and which rules each of them is made of.
//!
//! Rules are many and small; whoever asks "how do we stand?" wants an answer in ten lines.

use crate::rule::{Category, Rule};

/// A line of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Line {
    /// Requests and limits hold what runs.
    Demand,
    /// Namespaces are bounded.
    Quota,
    /// Probes tell the truth.
    Probes,
    /// Images are what was built.
    Images,
    /// Nobody is root.
    Privilege,
    /// Root filesystems are read-only.
    Filesystem,
    /// Only who must may connect.
    Network,
    /// Drains and rollouts leave enough running.
    Disruption,
    /// Pods stop, and start on time, as they should.
    Shutdown,
    /// Volumes survive.
    Storage,
}

/// Rules that belong to another line than the rest of their category.
const APART: &[(&str, Line)] = &[
    ("container-root-filesystem-writable", Line::Filesystem),
    ("container-writable-volume-missing", Line::Filesystem),
    ("cronjob-deadline-missing", Line::Shutdown),
    ("cronjob-failures-forgotten", Line::Shutdown),
    ("cronjob-hang-stops-schedule", Line::Shutdown),
    ("cronjob-never-runs", Line::Shutdown),
    ("cronjob-overlaps", Line::Shutdown),
    ("grace-period-too-short", Line::Shutdown),
    ("image-pull-secret-missing", Line::Images),
    ("job-never-removed", Line::Shutdown),
    ("limit-range-missing", Line::Quota),
    ("pvc-missing", Line::Storage),
    ("quota-blocks-rollout", Line::Quota),
    ("quota-missing", Line::Quota),
    ("shutdown-drops-requests", Line::Shutdown),
];

/// Rules whose finding is about all that runs in the namespace, wherever it is reported.
const OF_NAMESPACE: &[&str] =
    &["limit-range-missing", "network-default-deny-missing", "quota-blocks-rollout", "quota-missing"];

impl Line {
    /// All lines, in the order of the checklist.
    pub const ALL: [Self; 10] = [
        Self::Demand,
        Self::Quota,
        Self::Probes,
        Self::Images,
        Self::Privilege,
        Self::Filesystem,
        Self::Network,
        Self::Disruption,
        Self::Shutdown,
        Self::Storage,
    ];

    /// The line that a rule is part of. None for rules about the text of manifests and about names
    /// that lead nowhere, which no checklist lists.
    pub fn of(rule: &Rule) -> Option<Self> {
        if let Some((_, line)) = APART.iter().find(|(id, _)| *id == rule.id) {
            return Some(*line);
        }
        match rule.category {
            Category::Availability => Some(Self::Disruption),
            Category::Capacity => Some(Self::Demand),
            Category::Image => Some(Self::Images),
            Category::Network => Some(Self::Network),
            Category::Probe => Some(Self::Probes),
            Category::Rbac | Category::Security => Some(Self::Privilege),
            Category::Storage => Some(Self::Storage),
            Category::Manifest | Category::Reference => None,
        }
    }

    /// The word for the line in addresses and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Quota => "quota",
            Self::Probes => "probes",
            Self::Images => "images",
            Self::Privilege => "privilege",
            Self::Filesystem => "filesystem",
            Self::Network => "network",
            Self::Disruption => "disruption",
            Self::Shutdown => "shutdown",
            Self::Storage => "storage",
        }
    }

    /// What holds for a workload that passes the line.
    pub fn title(self) -> &'static str {
        match self {
            Self::Demand => "Requests and limits hold what runs",
            Self::Quota => "Its namespace is bounded",
            Self::Probes => "Probes tell the truth",
            Self::Images => "Images are what was built",
            Self::Privilege => "Least privilege",
            Self::Filesystem => "Root filesystem is read-only",
            Self::Network => "Only who must may connect",
            Self::Disruption => "Drains and rollouts leave enough running",
            Self::Shutdown => "Stops and starts on time",
            Self::Storage => "Volumes survive",
        }
    }

    /// The line of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.name() == name)
    }
}

/// Whether what a rule finds is about all that runs in the namespace, and not about the resource that
/// it is reported on.
pub fn is_of_namespace(rule: &Rule) -> bool {
    OF_NAMESPACE.contains(&rule.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RULES;

    #[test]
    fn rules_that_are_named_here_exist() {
        for id in APART.iter().map(|(id, _)| id).chain(OF_NAMESPACE) {
            assert!(Rule::find(id).is_some(), "{id}");
        }
    }

    #[test]
    fn every_line_has_rules_and_a_name_of_its_own() {
        for line in Line::ALL {
            assert!(RULES.iter().any(|rule| Line::of(rule) == Some(line)), "{line:?}");
            assert_eq!(Line::find(line.name()), Some(line));
        }
    }
}
