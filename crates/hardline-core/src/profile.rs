//! Which rules count, and how much: the profile turns a finding's severity into enforcement.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::rule::{Rule, Severity, Standard};

/// A named choice of rules and of what happens on a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What no cluster should run, production or not.
    Baseline,
    /// The production checklist.
    #[default]
    Production,
    /// For services whose outage is an incident: `Guaranteed` quality of service, replicas, spread, digests;
    /// medium findings deny as well.
    Critical,
    /// The Pod Security Standards' baseline level and nothing else.
    PodSecurityBaseline,
    /// The Pod Security Standards' restricted level and nothing else.
    PodSecurityRestricted,
}

/// What a finding does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// The rule is not run.
    Off,
    /// It is written down.
    Audit,
    /// The user is told.
    Warn,
    /// The resource is refused; `hardline check` fails.
    Deny,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] =
        [Self::Baseline, Self::Production, Self::Critical, Self::PodSecurityBaseline, Self::PodSecurityRestricted];

    /// What a finding of this rule and severity does under this profile.
    pub fn enforcement(self, rule: &Rule, severity: Severity) -> Enforcement {
        let level = match self {
            Self::PodSecurityBaseline => Some(Standard::Baseline),
            Self::PodSecurityRestricted => Some(Standard::Restricted),
            Self::Baseline | Self::Production | Self::Critical => None,
        };
        if let Some(level) = level {
            let part = rule.standard.is_some_and(|standard| standard <= level);
            return if part { Enforcement::Deny } else { Enforcement::Off };
        }
        if rule.profile > self {
            return Enforcement::Off;
        }
        match (severity, self) {
            (Severity::Critical | Severity::High, _) | (Severity::Medium, Self::Critical) => Enforcement::Deny,
            (Severity::Medium, _) | (Severity::Low, Self::Critical) => Enforcement::Warn,
            (Severity::Low, _) => Enforcement::Audit,
        }
    }

    /// The name used on the command line, in configuration and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Production => "production",
            Self::Critical => "critical",
            Self::PodSecurityBaseline => "pod-security-baseline",
            Self::PodSecurityRestricted => "pod-security-restricted",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name of no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no profile is called `{0}`; there are baseline, production, critical, pod-security-baseline and pod-security-restricted"
)]
pub struct UnknownProfile(pub String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let named = Self::ALL.into_iter().find(|profile| profile.name() == name);
        named.ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

impl Enforcement {
    /// All of them, mildest first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Audit, Self::Warn, Self::Deny];

    /// The word used in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}
