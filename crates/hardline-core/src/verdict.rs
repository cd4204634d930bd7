//! From an inventory to a judgement: runs the rules, applies exemptions and enforcement.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use crate::config::Config;
use crate::exemption::{self, Exemption};
use crate::finding::{Finding, Outcome, Place, Sink, Unevaluated};
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::profile::{Enforcement, Profile};
use crate::resource::{Kind, Resource};
use crate::rule::{Check, Rule};
use crate::rules::{self, RULES};
use crate::workload::{Container, Workload};

/// The label on a namespace or a workload that chooses its profile.
pub const PROFILE_LABEL: &str = "hardline.dev/profile";

/// What becomes of a resource, or of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing stands against it.
    Allow,
    /// It may pass, and the user is told why it should not.
    Warn,
    /// It is refused.
    Deny,
}

/// A finding and what it does.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// What it does.
    pub enforcement: Enforcement,
}

/// A finding that somebody has answered for.
#[derive(Debug, Clone)]
pub struct Exempted {
    /// The finding.
    pub finding: Finding,
    /// The exemption that covers it.
    pub exemption: Exemption,
}

/// All that hardline has to say about an inventory.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// What stands, in the order of the resources.
    pub findings: Vec<Judged>,
    /// What would stand but for an exemption.
    pub exempted: Vec<Exempted>,
    /// What could not be evaluated, sorted, each once.
    pub unevaluated: Vec<Unevaluated>,
}

impl Judgement {
    /// The verdict on all of the inventory.
    pub fn verdict(&self) -> Verdict {
        match self.findings.iter().map(|judged| judged.enforcement).max() {
            Some(Enforcement::Deny) => Verdict::Deny,
            Some(Enforcement::Warn) => Verdict::Warn,
            _ => Verdict::Allow,
        }
    }
}

/// Judges an inventory. `read` are the findings of whoever read it, such as malformed documents.
pub fn judge(inventory: &Inventory, read: Vec<Finding>, config: &Config) -> Judgement {
    let engine = Engine::new(inventory, config);
    // Small inventories, such as one admission request, are not worth a second thread.
    let mut outcome = inventory
        .resources()
        .par_iter()
        .with_min_len(256)
        .fold(Outcome::default, |mut outcome, resource| {
            engine.judge_resource(resource, &mut outcome);
            outcome
        })
        .reduce(Outcome::default, |mut left, right| {
            left.findings.extend(right.findings);
            left.unevaluated.extend(right.unevaluated);
            left
        });
    outcome.findings.extend(read);
    engine.settle(outcome)
}

struct Engine<'a> {
    inventory: &'a Inventory,
    config: &'a Config,
    rules: Vec<&'static Rule>,
}

impl<'a> Engine<'a> {
    fn new(inventory: &'a Inventory, config: &'a Config) -> Self {
        let mut profiles = BTreeSet::from([config.profile]);
        profiles.extend(
            inventory.resources().iter().filter_map(|resource| resource.label(PROFILE_LABEL)?.parse::<Profile>().ok()),
        );
        let runs = |rule: &&Rule| profiles.iter().any(|&profile| config.enforcement(rule, profile) > Enforcement::Off);
        Self { inventory, config, rules: RULES.iter().copied().filter(runs).collect() }
    }

    fn judge_resource(&self, resource: &Resource, outcome: &mut Outcome) {
        let profile = self.profile(resource);
        let workload = Workload::of(resource);
        let containers: Vec<Container<'_>> = workload.iter().flat_map(Workload::containers).collect();
        for &rule in &self.rules {
            if self.config.enforcement(rule, profile) == Enforcement::Off
                || !applies(rule, resource, workload.is_some())
            {
                continue;
            }
            let findings = outcome.findings.len();
            let mut sink =
                Sink { rule, subject: resource, inventory: self.inventory, settings: &self.config.settings, outcome };
            let covered = rule.needs.iter().all(|&kind| sink.covers(kind, resource.namespace()));
            if !covered {
                continue;
            }
            let run = catch_unwind(AssertUnwindSafe(|| match rule.check {
                Check::Container(check) => containers.iter().for_each(|container| check(container, &mut sink)),
                Check::Workload(check) => workload.iter().for_each(|workload| check(workload, &mut sink)),
                Check::Resource(_, check) | Check::AnyResource(check) => check(resource, &mut sink),
                Check::Reader => {}
            }));
            if run.is_err() {
                outcome.findings.truncate(findings);
                let needs = format!("a mend: the rule failed on {}", resource.id());
                outcome.unevaluated.push(Unevaluated { rule: rule.id, needs });
            }
        }
    }

    /// The profile of a resource: its own label's, else its namespace's, else the configured one.
    fn profile(&self, resource: &Resource) -> Profile {
        let label = |resource: &Resource| resource.label(PROFILE_LABEL).and_then(|name| name.parse().ok());
        let namespace = || self.inventory.find(Kind::Namespace, None, resource.namespace()?);
        label(resource).or_else(|| namespace().and_then(label)).unwrap_or(self.config.profile)
    }

    /// Applies exemptions and enforcement, and reports exemptions that are no good.
    fn settle(&self, outcome: Outcome) -> Judgement {
        let mut judgement = Judgement::default();
        let mut exemptions = self.config.exemptions.clone();
        let mut findings = outcome.findings;
        for resource in self.inventory.resources() {
            for exemption in exemption::of_resource(resource) {
                match exemption {
                    Ok(exemption) => exemptions.push(exemption),
                    Err((span, invalid)) => findings.push(Finding::in_text(
                        &rules::EXEMPTION_INVALID,
                        resource.source().clone(),
                        span,
                        invalid.to_string(),
                    )),
                }
            }
        }
        let mut used = vec![false; exemptions.len()];
        for finding in findings {
            let covering = exemptions.iter().position(|exemption| self.covers(exemption, &finding));
            match covering {
                Some(at) if exemptions[at].until.is_none_or(|until| until >= self.config.today) => {
                    used[at] = true;
                    judgement.exempted.push(Exempted { finding, exemption: exemptions[at].clone() });
                }
                other => {
                    if let Some(at) = other {
                        used[at] = true;
                    }
                    judgement.findings.extend(self.enforce(finding));
                }
            }
        }
        for (exemption, used) in exemptions.iter().zip(used) {
            judgement.findings.extend(self.stale(exemption, used).and_then(|finding| self.enforce(finding)));
        }
        judgement.unevaluated = outcome.unevaluated;
        judgement.unevaluated.sort();
        judgement.unevaluated.dedup();
        judgement
    }

    fn covers(&self, exemption: &Exemption, finding: &Finding) -> bool {
        let resource = match &finding.place {
            Place::Field { resource, .. } => &self.inventory.resources()[*resource as usize],
            Place::Text { .. } => return false,
        };
        exemption.rule.id == finding.rule.id && exemption.scope.contains(resource)
    }

    fn stale(&self, exemption: &Exemption, used: bool) -> Option<Finding> {
        let id = exemption.rule.id;
        let found = |rule, message| Finding::in_text(rule, exemption.source.clone(), exemption.span, message);
        match exemption.until.filter(|&until| until < self.config.today) {
            Some(until) => Some(found(&rules::EXEMPTION_EXPIRED, format!("the exemption from {id} ended on {until}"))),
            // A rule that did not run says nothing about its exemptions.
            None if used || !self.rules.iter().any(|rule| rule.id == id) => None,
            None => Some(found(&rules::EXEMPTION_UNUSED, format!("nothing here breaks {id}"))),
        }
    }

    fn enforce(&self, finding: Finding) -> Option<Judged> {
        let profile = match &finding.place {
            Place::Field { resource, .. } => self.profile(&self.inventory.resources()[*resource as usize]),
            Place::Text { .. } => self.config.profile,
        };
        let enforcement = self.config.enforcement(finding.rule, profile);
        (enforcement > Enforcement::Off).then_some(Judged { finding, enforcement })
    }
}

fn applies(rule: &Rule, resource: &Resource, is_workload: bool) -> bool {
    match rule.check {
        Check::Container(_) | Check::Workload(_) => is_workload,
        Check::Resource(kinds, _) => kinds.contains(&resource.kind()),
        Check::AnyResource(_) => true,
        Check::Reader => false,
    }
}

impl Finding {
    /// The path in the resource; the root for text that is no resource.
    pub fn path(&self) -> &FieldPath {
        const ROOT: &FieldPath = &FieldPath::ROOT;
        match &self.place {
            Place::Field { path, .. } => path,
            Place::Text { .. } => ROOT,
        }
    }
}
