//! Judging one inventory after the other, and of each only what is not known from the one before.
//!
//! A rule that asks nothing of the inventory is run once on a resource, for as long as that stays
//! as it is. A rule that asks is run again when something of what it asked for comes, goes or
//! changes: [`asked`] has noted what that was. The judgement is the one that
//! [`judge`](super::judge) would give.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::{Engine, Judgement, Standings, Subject};
use crate::config::{Config, Date};
use crate::finding::{Finding, Outcome, Place, Unevaluated};
use crate::inventory::asked::{self, Places};
use crate::inventory::{Coverage, Inventory};
use crate::resource::{Kind, Resource};
use crate::tree::{NodeId, Tree};

/// Judges inventories that follow one another, such as the states of a cluster.
#[derive(Debug)]
pub struct Succession {
    config: Config,
    standings: Standings,
    coverage: Arc<Coverage>,
    /// What is known of each resource of the last inventory.
    known: HashMap<Identity, Known, RandomState>,
    /// What rules ask is mostly the same.
    asked: HashSet<Arc<Places>>,
}

/// A resource that has not been changed. Known resources are kept, so that no other takes the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity(usize, NodeId);

/// What the rules said of a resource.
#[derive(Debug)]
struct Known {
    resource: Resource,
    /// In the order of the rules that said so, by their numbers.
    findings: Vec<(u16, Finding)>,
    unevaluated: Vec<(u16, Unevaluated)>,
    /// What each rule asked of the inventory; nothing for those that did not ask.
    asked: Vec<(u16, Arc<Places>)>,
}

/// What differs between two inventories.
#[derive(Default)]
struct Changes {
    places: Places,
    /// The namespaces of which the object itself changed. Its labels choose the profile.
    namespaces: HashSet<Box<str>>,
    /// Where the resources of the old inventory are in the new one, by their indices.
    moved: Vec<Option<u32>>,
}

impl Succession {
    /// Judges by this configuration, for good but for the date.
    pub fn new(config: Config) -> Self {
        let nothing = Arc::new(Coverage::nothing());
        Self {
            config,
            standings: Standings::default(),
            coverage: nothing,
            known: HashMap::default(),
            asked: HashSet::new(),
        }
    }

    /// Moves on to a date: exemptions end by it.
    pub fn set_today(&mut self, today: Date) {
        self.config.today = today;
    }

    /// What it judges by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Judges the subjects of the inventory that follows.
    pub fn judge(&mut self, inventory: &Inventory) -> Judgement {
        if **inventory.coverage() != *self.coverage {
            // What may be claimed from absence is part of most answers.
            self.known.clear();
            self.coverage = inventory.coverage().clone();
        }
        let engine = Engine::new(inventory, &self.config, &self.standings);
        let mut known = std::mem::take(&mut self.known);
        let mut changes = Changes { moved: vec![None; known.len()], ..Changes::default() };
        let mut work = Vec::with_capacity(inventory.subjects().len());
        for resource in inventory.subjects() {
            let same =
                known.remove(&Identity::of(resource)).filter(|it| it.resource.namespace() == resource.namespace());
            match &same {
                Some(known) => changes.move_to(known.resource.index, resource.index),
                None => changes.add(resource),
            }
            work.push((resource, same));
        }
        for gone in known.values() {
            changes.add(&gone.resource);
        }
        drop(known);
        // Worked out by all threads: a rule that asks for it must find it made.
        inventory.network();
        let judged = work.into_par_iter().map(|(resource, known)| {
            let known = known.and_then(|mut known| known.follow(resource, &changes).then_some(known));
            match known {
                Some(mut known) => {
                    known.ask_again(&engine, &changes);
                    known
                }
                None => Known::new(&engine, resource),
            }
        });
        let mut judged: Vec<Known> = judged.collect();
        let mut outcome = Outcome::default();
        for known in &mut judged {
            outcome.findings.extend(known.findings.iter().map(|(_, finding)| finding.clone()));
            outcome.unevaluated.extend(known.unevaluated.iter().map(|(_, lack)| lack.clone()));
            known.share(&mut self.asked);
        }
        self.known = judged.into_iter().map(|known| (Identity::of(&known.resource), known)).collect();
        self.asked.retain(|places| Arc::strong_count(places) > 1);
        engine.settle(outcome)
    }
}

impl Identity {
    fn of(resource: &Resource) -> Self {
        let (tree, root): (*const Tree, NodeId) = resource.identity();
        Self(tree as usize, root)
    }
}

impl Changes {
    fn add(&mut self, resource: &Resource) {
        self.places.add_resource(resource);
        if resource.kind() == Kind::Namespace {
            self.namespaces.insert(resource.name().into());
        }
    }

    fn move_to(&mut self, from: u32, to: u32) {
        if let Some(moved) = self.moved.get_mut(from as usize) {
            *moved = Some(to);
        }
    }

    fn moved(&self, from: u32) -> Option<u32> {
        self.moved.get(from as usize).copied().flatten()
    }
}

impl Known {
    fn new(engine: &Engine<'_>, resource: &Resource) -> Self {
        let mut known =
            Self { resource: resource.clone(), findings: Vec::new(), unevaluated: Vec::new(), asked: Vec::new() };
        known.ask(engine, |_| true);
        known
    }

    /// Takes the places of the new inventory for those of the old one. Says whether what is known
    /// can be gone on from.
    fn follow(&mut self, resource: &Resource, changes: &Changes) -> bool {
        if self.resource.namespace().is_some_and(|namespace| changes.namespaces.contains(namespace)) {
            return false;
        }
        self.resource = resource.clone();
        let mut places = self.findings.iter_mut().flat_map(|(_, finding)| {
            let evidence = finding.evidence.iter_mut().map(|evidence| &mut evidence.place);
            evidence.chain([&mut finding.place])
        });
        places.all(|place| match place {
            Place::Field { resource, .. } => changes.moved(*resource).map(|moved| *resource = moved).is_some(),
            Place::Text { .. } => true,
        })
    }

    /// Runs those rules again that have asked for something that changed.
    fn ask_again(&mut self, engine: &Engine<'_>, changes: &Changes) {
        let touched = self.asked.iter().filter(|(_, asked)| asked.meets(&changes.places));
        let again: Vec<u16> = touched.map(|(by, _)| *by).collect();
        if again.is_empty() {
            return;
        }
        let stays = |by: u16| again.binary_search(&by).is_err();
        self.findings.retain(|(by, _)| stays(*by));
        self.unevaluated.retain(|(by, _)| stays(*by));
        self.asked.retain(|(by, _)| stays(*by));
        self.ask(engine, |by| !stays(by));
        // Sorts are stable: what a rule said stays in its order.
        self.findings.sort_by_key(|(by, _)| *by);
        self.asked.sort_by_key(|(by, _)| *by);
    }

    fn ask(&mut self, engine: &Engine<'_>, is_asked: impl Fn(u16) -> bool) {
        let resource = self.resource.clone();
        let subject = Subject::of(&resource);
        for (at, rule) in engine.rules_for(&subject) {
            let by = at as u16;
            if !is_asked(by) {
                continue;
            }
            let mut outcome = Outcome::default();
            let ((), asked) = asked::record(|| engine.run(rule, &subject, &mut outcome));
            outcome.findings.iter_mut().for_each(Finding::shrink);
            self.findings.extend(outcome.findings.into_iter().map(|finding| (by, finding)));
            self.unevaluated.extend(outcome.unevaluated.into_iter().map(|lack| (by, lack)));
            if !asked.is_empty() {
                self.asked.push((by, Arc::new(asked)));
            }
        }
        self.findings.shrink_to_fit();
        self.unevaluated.shrink_to_fit();
        self.asked.shrink_to_fit();
    }

    /// Lets what was asked be one with what others asked alike.
    fn share(&mut self, asked: &mut HashSet<Arc<Places>>) {
        for (_, places) in self.asked.iter_mut().filter(|(_, places)| Arc::strong_count(places) == 1) {
            match asked.get(places) {
                Some(same) => *places = same.clone(),
                None => _ = asked.insert(places.clone()),
            }
        }
    }
}
