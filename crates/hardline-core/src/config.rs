//! What a judgement is to be made by: the profile, the choice of rules, their settings.

pub mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::baseline::Baseline;
use crate::drift::Expectation;
use crate::exemption::Exemption;
use crate::guard::Guard;
use crate::pattern;
use crate::profile::{Enforcement, Profile};
use crate::rule::{Rule, Severity};

/// What a judgement is to be made by.
#[derive(Debug, Clone)]
pub struct Config {
    /// The profile, where no label chooses another.
    pub profile: Profile,
    /// Run these rules only, whatever the profile leaves out. Empty for all of the profile.
    pub select: Vec<&'static Rule>,
    /// Do not run these rules.
    pub ignore: Vec<&'static Rule>,
    /// By a rule's id, what becomes of its findings instead of what the profile says.
    pub rules: BTreeMap<&'static str, Override>,
    /// Other profiles and rules for some paths or namespaces; the last match counts.
    pub overrides: Vec<Overrides>,
    /// The folder that sources' names are relative to. Patterns of paths are matched with both
    /// joined, `..` resolved; where it is empty, with the names alone.
    pub base: PathBuf,
    /// Exemptions from outside the manifests.
    pub exemptions: Vec<Exemption>,
    /// Differences that are no drift.
    pub expected_drift: Vec<Expectation>,
    /// The findings that are not held against anybody.
    pub baseline: Baseline,
    /// The date that ends of exemptions are compared with.
    pub today: Date,
    /// What rules may be tuned by.
    pub settings: Settings,
    /// Who may change guarded namespaces.
    pub guard: Guard,
}

/// What becomes of a rule's findings, instead of what rule and profile say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Override {
    /// What they do.
    pub enforcement: Option<Enforcement>,
    /// The severity that they are reported with.
    pub severity: Option<Severity>,
}

/// A profile and rules for a part of the resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The sources that they are for, where `*` stands for any characters; empty for all.
    pub paths: Vec<String>,
    /// The namespaces that they are for, where `*` stands for any characters; empty for all.
    pub namespaces: Vec<String>,
    /// The profile there.
    pub profile: Option<Profile>,
    /// By a rule's id, what becomes of its findings there.
    pub rules: BTreeMap<&'static str, Override>,
}

/// What rules may be tuned by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The version of Kubernetes that the manifests are for.
    pub kubernetes_version: Version,
    /// Image tags that must not reach a cluster: words between separators, where `*` stands for
    /// any characters. Letter case does not matter.
    pub forbidden_tags: Vec<String>,
    /// Registries that images may come from, with a path where only a part is allowed; `*` stands
    /// for any characters. Empty for all.
    pub allowed_registries: Vec<String>,
    /// The fewest pods that a service keeps; none where nothing is asked for.
    pub minimum_replicas: Option<i64>,
    /// How many volumes can be attached to a node; what is known of its provisioner where nothing is said.
    pub volumes_per_node: Option<i64>,
}

/// A minor version of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 1 so far.
    pub major: u16,
    /// As in 1.*37*.
    pub minor: u16,
}

/// A calendar date, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day, from 1.
    pub day: u8,
}

impl Config {
    /// The default configuration on a date.
    pub fn new(today: Date) -> Self {
        Self {
            profile: Profile::default(),
            select: Vec::new(),
            ignore: Vec::new(),
            rules: BTreeMap::new(),
            overrides: Vec::new(),
            base: PathBuf::new(),
            exemptions: Vec::new(),
            expected_drift: Vec::new(),
            baseline: Baseline::default(),
            today,
            settings: Settings::default(),
            guard: Guard::default(),
        }
    }

    /// Takes over what a configuration file says.
    pub fn apply(&mut self, file: file::File) {
        self.profile = file.profile.unwrap_or(self.profile);
        self.rules = file.rules;
        self.overrides = file.overrides;
        self.exemptions = file.exemptions;
        self.expected_drift = file.expected_drift;
        self.settings.kubernetes_version = file.kubernetes_version.unwrap_or(self.settings.kubernetes_version);
        if let Some(tags) = file.forbidden_tags {
            self.settings.forbidden_tags = tags;
        }
        self.settings.allowed_registries = file.allowed_registries;
        self.settings.minimum_replicas = file.minimum_replicas;
        self.settings.volumes_per_node = file.volumes_per_node;
        self.guard = file.guard;
    }

    /// What becomes of a rule's findings under a profile: what they do, and how severe they are.
    ///
    /// `overrides` are those that apply, the strongest first.
    pub fn standing<'o>(
        &'o self,
        rule: &Rule,
        profile: Profile,
        overrides: impl IntoIterator<Item = &'o Overrides>,
    ) -> (Enforcement, Severity) {
        let listed = |rules: &[&Rule]| rules.iter().any(|listed| listed.id == rule.id);
        let maps = overrides.into_iter().map(|overrides| &overrides.rules).chain([&self.rules]);
        let found: Vec<Override> = maps.filter_map(|rules| rules.get(rule.id).copied()).collect();
        let severity = found.iter().find_map(|found| found.severity).unwrap_or(rule.severity);
        if listed(&self.ignore) || !(self.select.is_empty() || listed(&self.select)) {
            return (Enforcement::Off, severity);
        }
        let chosen = found.iter().find_map(|found| found.enforcement);
        let enforcement = chosen.unwrap_or_else(|| match profile.enforcement(rule, severity) {
            // Selected by name: run it as the profile that has it would.
            Enforcement::Off if !self.select.is_empty() => rule.profile.enforcement(rule, severity),
            enforcement => enforcement,
        });
        (enforcement, severity)
    }
}

impl Overrides {
    /// Whether they are for what is in the source of this name below `base`, and this namespace.
    pub fn apply_to(&self, base: &Path, source: &str, namespace: Option<&str>) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| pattern::matches(pattern, text));
        (self.paths.is_empty() || any(&self.paths, &resolve(&base.join(source))))
            && (self.namespaces.is_empty() || any(&self.namespaces, namespace.unwrap_or_default()))
    }
}

/// The path without `.`, and without `..` where something precedes it.
fn resolve(path: &Path) -> String {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if resolved.file_name().is_some() => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved.display().to_string()
}

impl Default for Settings {
    fn default() -> Self {
        let words = ["debug", "dont-push", "do-not-push", "snapshot", "dirty", "wip", "tmp", "temp", "dev", "local"];
        Self {
            kubernetes_version: Version::NEWEST,
            forbidden_tags: words.map(str::to_owned).to_vec(),
            allowed_registries: Vec::new(),
            minimum_replicas: None,
            volumes_per_node: None,
        }
    }
}

impl Version {
    /// The newest version whose behaviour hardline knows.
    pub const NEWEST: Self = Self::minor(37);

    /// Kubernetes 1.*minor*.
    pub const fn minor(minor: u16) -> Self {
        Self { major: 1, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.major, self.minor)
    }
}

/// No version of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version of Kubernetes such as v1.37")]
pub struct InvalidVersion(String);

impl FromStr for Version {
    type Err = InvalidVersion;

    /// Reads `v1.37`, `1.37` and `v1.37.2`.
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = || InvalidVersion(text.to_owned());
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(1)), Some(Ok(minor)), None | Some(Ok(_)), None) => Ok(Self::minor(minor)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// No date of the form `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date of the form YYYY-MM-DD")]
pub struct InvalidDate(String);

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let invalid = || InvalidDate(text.to_owned());
        let digits =
            |from: usize, to: usize| text.get(from..to).filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        let number = |from, to| digits(from, to).and_then(|part| part.parse::<u16>().ok()).ok_or_else(invalid);
        let shape = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        let date = Self { year: number(0, 4)?, month: number(5, 7)? as u8, day: number(8, 10)? as u8 };
        let leap = date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
        let days = match date.month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let valid = shape && (1..=12).contains(&date.month) && (1..=days).contains(&date.day);
        valid.then_some(date).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_dates_are_read_strictly() {
        assert_eq!("v1.29".parse(), Ok(Version::minor(29)));
        assert_eq!("1.37.2".parse(), Ok(Version::minor(37)));
        for bad in ["", "v1", "2.0", "1.x", "1.2.3.4"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
        assert!("2028-02-29".parse::<Date>().is_ok());
        for bad in ["2027-02-29", "2027-13-01", "2027-1-1", "20270101", "2027-01-é", "+027-01-01"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_of_overrides_are_matched_below_the_base() {
        let overrides = |path: &str| Overrides { paths: vec![path.to_owned()], ..Overrides::default() };
        let applies = |pattern, base: &str, name| overrides(pattern).apply_to(Path::new(base), name, None);
        assert!(applies("/repo/prod/*", "/repo/prod", "web.yaml"));
        assert!(applies("/repo/prod/*", "/repo/docs", "../prod/web.yaml"));
        assert!(applies("/repo/prod/*", "/elsewhere", "/repo/prod/web.yaml"));
        assert!(!applies("/repo/prod/*", "/repo/prod", "../dev.yaml"));
        assert!(applies("prod/*", "", "./prod/web.yaml"));
        assert!(applies("../*", "", "../dev.yaml"));
    }
}
