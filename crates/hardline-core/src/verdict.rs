//! From an inventory to a judgement: runs the rules, applies exemptions and enforcement.

mod succession;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use crate::baseline;
use crate::config::Config;
use crate::exemption::{self, Exemption};
use crate::finding::{Finding, Outcome, Place, Sink, Unevaluated};
use crate::fingerprint::Fingerprint;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::profile::{Enforcement, Profile};
use crate::resource::{Kind, Resource};
use crate::rule::{Check, Rule, Severity};
use crate::rules::{self, RULES};
use crate::schema;
use crate::workload::{Container, Workload};

pub use succession::Succession;

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
    /// How much harm it does: its rule's severity, unless the configuration says otherwise.
    pub severity: Severity,
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
    /// How many findings the baseline forgives.
    pub baselined: usize,
    /// Entries of the baseline that forgive more findings than there are.
    pub stale_baseline: Vec<Fingerprint>,
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

/// How many resources a thread judges at a time.
const PART: usize = 256;

/// Judges the [subjects](Inventory::subjects) of an inventory, which are all of its resources but
/// where it is laid over another. `read` are the findings of whoever read it, such as malformed documents.
pub fn judge(inventory: &Inventory, read: Vec<Finding>, config: &Config) -> Judgement {
    run(&Engine::new(inventory, config, &Standings::default()), read)
}

/// Judges one inventory after the other by the same configuration. What follows from that alone is worked
/// out once.
#[derive(Debug)]
pub struct Judge {
    config: Config,
    standings: Standings,
}

impl Judge {
    /// Judges by this configuration.
    pub fn new(config: Config) -> Self {
        Self { config, standings: Standings::default() }
    }

    /// What it judges by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Judges the subjects of an inventory, as [`judge`] does.
    pub fn judge(&self, inventory: &Inventory) -> Judgement {
        run(&Engine::new(inventory, &self.config, &self.standings), Vec::new())
    }
}

fn run(engine: &Engine<'_>, read: Vec<Finding>) -> Judgement {
    let inventory = engine.inventory;
    let judge_all = |resources: &[Resource]| {
        let mut outcome = Outcome::default();
        for resource in resources {
            engine.judge_resource(resource, &mut outcome);
        }
        outcome
    };
    let subjects = inventory.subjects();
    let mut outcome = if subjects.len() <= PART {
        // One admission request is not worth a second thread.
        judge_all(subjects)
    } else {
        // The network is worked out in parallel, too. Were it worked out by the first rule that asks,
        // its thread could take up another part meanwhile, and ask again.
        inventory.network();
        subjects.par_chunks(PART).map(judge_all).reduce(Outcome::default, |mut left, right| {
            left.findings.extend(right.findings);
            left.unevaluated.extend(right.unevaluated);
            left
        })
    };
    outcome.findings.extend(read);
    engine.settle(outcome)
}

/// The profile that a resource is held to.
pub fn profile_of(resource: &Resource, inventory: &Inventory, config: &Config) -> Profile {
    profile_and_overrides(Some(resource), inventory, config).0
}

/// The profile is its own label's, else its namespace's, else the last override's, else the
/// configured one.
fn profile_and_overrides(resource: Option<&Resource>, inventory: &Inventory, config: &Config) -> Chosen {
    let Some(resource) = resource else { return (config.profile, Vec::new()) };
    let label = |resource: &Resource| resource.label(PROFILE_LABEL).and_then(|name| name.parse().ok());
    let namespace = || inventory.find(Kind::Namespace, None, resource.namespace()?);
    let all = config.overrides.iter().enumerate().rev();
    let (base, source) = (&config.base, &resource.source().name);
    let apply = all.filter(|(_, overrides)| overrides.apply_to(base, source, resource.namespace()));
    let overrides: Vec<usize> = apply.map(|(at, _)| at).collect();
    let overridden = || overrides.iter().find_map(|&at| config.overrides[at].profile);
    let profile = label(resource).or_else(|| namespace().and_then(label)).or_else(overridden);
    (profile.unwrap_or(config.profile), overrides)
}

struct Engine<'a> {
    inventory: &'a Inventory,
    config: &'a Config,
    /// The index of the first subject.
    first: u32,
    /// What becomes of each rule's findings, in as many combinations as there are.
    standings: Vec<Arc<Standing>>,
    /// The standing that holds for each subject, and last the one for text that is no resource.
    standing_of: Vec<usize>,
}

/// A resource as rules look at it.
struct Subject<'a> {
    resource: &'a Resource,
    workload: Option<Workload<'a>>,
    containers: Vec<Container<'a>>,
}

impl<'a> Subject<'a> {
    fn of(resource: &'a Resource) -> Self {
        let workload = Workload::of(resource);
        let containers = workload.iter().flat_map(Workload::containers).collect();
        Self { resource, workload, containers }
    }
}

/// The standings under one configuration, by profile and overrides, worked out as they are asked for.
#[derive(Debug, Default)]
struct Standings(Mutex<HashMap<Chosen, Arc<Standing>>>);

/// The profile of a resource and the overrides for it, the strongest first.
type Chosen = (Profile, Vec<usize>);

/// What becomes of each rule's findings, in the order of [`RULES`].
#[derive(Debug)]
struct Standing {
    each: Vec<(Enforcement, Severity)>,
    /// The rules that are not off and look at resources of a kind, workloads or not; worked out for the
    /// kinds that there are.
    by_kind: Vec<[OnceLock<Vec<&'static Rule>>; 2]>,
}

impl<'a> Engine<'a> {
    fn new(inventory: &'a Inventory, config: &'a Config, standings: &Standings) -> Self {
        let first = inventory.subjects().first().map_or(0, |subject| subject.index);
        let mut engine = Self { inventory, config, first, standings: Vec::new(), standing_of: Vec::new() };
        let mut known: HashMap<Chosen, usize> = HashMap::new();
        for resource in inventory.subjects().iter().map(Some).chain([None]) {
            let chosen = profile_and_overrides(resource, inventory, config);
            let at = *known.entry(chosen).or_insert_with_key(|chosen| {
                engine.standings.push(standings.get(chosen, config));
                engine.standings.len() - 1
            });
            engine.standing_of.push(at);
        }
        engine
    }

    fn standing(&self, place: &Place) -> &Standing {
        let at = match place {
            Place::Field { resource, .. } => (resource - self.first) as usize,
            Place::Text { .. } => self.standing_of.len() - 1,
        };
        &self.standings[self.standing_of[at]]
    }

    fn judge_resource(&self, resource: &Resource, outcome: &mut Outcome) {
        let subject = Subject::of(resource);
        for (_, rule) in self.rules_for(&subject) {
            self.run(rule, &subject, outcome);
        }
    }

    /// The rules that look at a subject, numbered. A resource that does not change has the same ones under
    /// the same numbers, as long as its profile is the same.
    fn rules_for(&self, subject: &Subject<'_>) -> impl Iterator<Item = (usize, &'static Rule)> {
        let (resource, is_workload) = (subject.resource, subject.workload.is_some());
        let standing = &self.standings[self.standing_of[(resource.index - self.first) as usize]];
        let mut walked = false;
        standing.rules(resource.kind(), is_workload).iter().copied().enumerate().filter(move |(_, rule)| {
            // The first schema rule reports for all; what it reports for others is dropped where they are off.
            !(matches!(rule.check, Check::Schema) && std::mem::replace(&mut walked, true))
        })
    }

    fn run(&self, rule: &'static Rule, subject: &Subject<'_>, outcome: &mut Outcome) {
        let Subject { resource, workload, containers } = subject;
        let findings = outcome.findings.len();
        let (inventory, settings) = (self.inventory, &self.config.settings);
        let mut sink = Sink { rule, subject: resource, inventory, settings, absence: false, outcome };
        let covered = rule.needs.iter().all(|&kind| sink.covers(kind, resource.namespace()));
        if !covered {
            return;
        }
        let run = catch_unwind(AssertUnwindSafe(|| match rule.check {
            Check::Container(check) => containers.iter().for_each(|container| check(container, &mut sink)),
            Check::Workload(check) => workload.iter().for_each(|workload| check(workload, &mut sink)),
            Check::Resource(_, check) | Check::AnyResource(check) => check(resource, &mut sink),
            Check::Schema => schema::check(resource, &mut sink),
            Check::Reader => {}
        }));
        if run.is_err() {
            outcome.findings.truncate(findings);
            let needs = format!("a mend: the rule failed on {}", resource.id());
            outcome.unevaluated.insert(Unevaluated { rule: rule.id, needs });
        }
    }

    /// Applies exemptions and enforcement, and reports exemptions that are no good.
    fn settle(&self, outcome: Outcome) -> Judgement {
        let mut judgement = Judgement::default();
        let (exemptions, invalid) = self.exemptions();
        let mut by_rule: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, exemption) in exemptions.iter().enumerate() {
            by_rule.entry(exemption.rule.id).or_default().push(at);
        }
        let mut used = vec![false; exemptions.len()];
        judgement.findings.reserve(outcome.findings.len());
        for judged in outcome.findings.into_iter().chain(invalid).filter_map(|finding| self.enforce(finding)) {
            let finding = &judged.finding;
            let of_rule = by_rule.get(finding.rule.id).into_iter().flatten();
            let covering: Vec<usize> = of_rule.copied().filter(|&at| self.covers(&exemptions[at], finding)).collect();
            for &at in &covering {
                used[at] = true;
            }
            match covering.iter().find(|&&at| !self.has_ended(&exemptions[at])) {
                Some(&at) => {
                    let exemption = exemptions[at].clone();
                    judgement.exempted.push(Exempted { finding: judged.finding, exemption });
                }
                None => judgement.findings.push(judged),
            }
        }
        for (exemption, used) in exemptions.iter().zip(used) {
            let stale = self.stale(exemption, used, &outcome.unevaluated);
            judgement.findings.extend(stale.and_then(|finding| self.enforce(finding)));
        }
        self.forgive(&mut judgement, &outcome.unevaluated);
        judgement.unevaluated = outcome.unevaluated.into_iter().collect();
        judgement
    }

    /// Takes out what is in the baseline, and lists the entries that have had their day: those about
    /// what was read, of rules that were evaluated.
    fn forgive(&self, judgement: &mut Judgement, unevaluated: &BTreeSet<Unevaluated>) {
        let (baselined, unmatched) = self.config.baseline.apply(&mut judgement.findings, self.inventory);
        judgement.baselined = baselined;
        if !unmatched.is_empty() {
            let subjects = baseline::subjects(self.inventory, &judgement.findings);
            let ran = |id: &str| Rule::find(id).is_some_and(|rule| self.was_evaluated(rule, unevaluated));
            let stale = unmatched.into_iter().filter(|entry| subjects.contains(&entry.subject) && ran(&entry.rule));
            judgement.stale_baseline = stale.cloned().collect();
        }
    }

    /// Whether a rule ran everywhere, so that what it did not find is not there.
    fn was_evaluated(&self, rule: &Rule, unevaluated: &BTreeSet<Unevaluated>) -> bool {
        self.standings.iter().any(|standing| standing.of(rule).0 > Enforcement::Off)
            && !unevaluated.iter().any(|lack| lack.rule == rule.id)
    }

    /// All exemptions, and a finding for each that is not valid.
    fn exemptions(&self) -> (Vec<Exemption>, Vec<Finding>) {
        let mut exemptions = self.config.exemptions.clone();
        let mut findings = Vec::new();
        for resource in self.inventory.subjects() {
            for exemption in exemption::of_resource(resource) {
                match exemption {
                    Ok(exemption) => exemptions.push(exemption),
                    Err((place, invalid)) => {
                        findings.push(Finding::at(&rules::EXEMPTION_INVALID, place, invalid.to_string()));
                    }
                }
            }
        }
        (exemptions, findings)
    }

    fn covers(&self, exemption: &Exemption, finding: &Finding) -> bool {
        match &finding.place {
            Place::Field { resource, .. } => exemption.scope.contains(&self.inventory[*resource]),
            Place::Text { .. } => false,
        }
    }

    fn has_ended(&self, exemption: &Exemption) -> bool {
        exemption.until.is_some_and(|until| until < self.config.today)
    }

    /// What is wrong with an exemption that has ended, or covers nothing.
    fn stale(&self, exemption: &Exemption, used: bool, unevaluated: &BTreeSet<Unevaluated>) -> Option<Finding> {
        let id = exemption.rule.id;
        let found = |rule, message| Finding::at(rule, exemption.place.clone(), message);
        if let Some(until) = exemption.until.filter(|_| self.has_ended(exemption)) {
            return Some(found(&rules::EXEMPTION_EXPIRED, format!("the exemption from {id} ended on {until}")));
        }
        // A rule that did not run says nothing about its exemptions.
        (!used && self.was_evaluated(exemption.rule, unevaluated))
            .then(|| found(&rules::EXEMPTION_UNUSED, format!("nothing here breaks {id}")))
    }

    fn enforce(&self, finding: Finding) -> Option<Judged> {
        let (enforcement, severity) = self.standing(&finding.place).of(finding.rule);
        (enforcement > Enforcement::Off).then_some(Judged { finding, enforcement, severity })
    }
}

impl Standings {
    fn get(&self, chosen: &Chosen, config: &Config) -> Arc<Standing> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = known.get(chosen) {
            return standing.clone();
        }
        let (profile, overrides) = chosen;
        let overrides = || overrides.iter().map(|&at| &config.overrides[at]);
        let standing = RULES.iter().map(|rule| config.standing(rule, *profile, overrides()));
        let standing = Arc::new(Standing::new(standing.collect()));
        known.insert(chosen.clone(), standing.clone());
        standing
    }
}

impl Standing {
    fn new(each: Vec<(Enforcement, Severity)>) -> Self {
        let kinds = Kind::ALL.len() + 1;
        Self { each, by_kind: std::iter::repeat_with(Default::default).take(kinds).collect() }
    }

    fn rules(&self, kind: Kind, is_workload: bool) -> &[&'static Rule] {
        self.by_kind[kind as usize][usize::from(is_workload)].get_or_init(|| {
            let on = RULES.iter().zip(&self.each).filter(|(_, standing)| standing.0 != Enforcement::Off);
            on.map(|(rule, _)| *rule).filter(|rule| applies(rule, kind, is_workload)).collect()
        })
    }

    fn of(&self, rule: &Rule) -> (Enforcement, Severity) {
        let at = RULES.binary_search_by(|listed| listed.id.cmp(rule.id));
        at.map_or((Enforcement::Off, rule.severity), |at| self.each[at])
    }
}

fn applies(rule: &Rule, kind: Kind, is_workload: bool) -> bool {
    match rule.check {
        Check::Container(_) | Check::Workload(_) => is_workload,
        Check::Resource(kinds, _) => kinds.contains(&kind),
        Check::AnyResource(_) | Check::Schema => true,
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
