//! The findings that were there when a team began: counted, and not held against anybody.
//!
//! A baseline is a file of [fingerprints](Fingerprint) with their counts. It forgives so many
//! findings of each and no more: one that is new fails, also beside old ones of its kind.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::config::file::Problem;
use crate::finding::Place;
use crate::fingerprint::{self, Fingerprint};
use crate::inventory::Inventory;
use crate::tree::{NodeKind, Value};
use crate::verdict::{Judged, Judgement};

/// The name and version of the file's form.
pub const SCHEMA: &str = "hardline.baseline/v1";

/// How many findings of each fingerprint are forgiven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    counts: BTreeMap<Fingerprint, usize>,
}

impl Baseline {
    /// The findings that stand in a judgement.
    pub fn of(judgement: &Judgement, inventory: &Inventory) -> Self {
        let mut counts = BTreeMap::new();
        for judged in &judgement.findings {
            *counts.entry(Fingerprint::of(&judged.finding, inventory)).or_insert(0) += 1;
        }
        Self { counts }
    }

    /// Reads a baseline file. Everything that is wrong with it is told at once.
    pub fn read(root: Value<'_>) -> Result<Self, Vec<Problem>> {
        let problem = |value: Value<'_>, message: &str| Problem { message: message.to_owned(), span: value.span() };
        match root.get("schema").map(|schema| (schema, schema.str())) {
            Some((_, Some(SCHEMA))) => {}
            Some((schema, Some(other))) if other.starts_with("hardline.baseline/") => {
                let message = format!("`{other}` is of another version of hardline, which reads {SCHEMA}");
                return Err(vec![problem(schema, &message)]);
            }
            _ => return Err(vec![problem(root, &format!("no baseline: `schema` is not {SCHEMA}"))]),
        }
        let Some(findings) = root.get("findings").filter(|findings| findings.kind() == NodeKind::Seq) else {
            return Err(vec![problem(root, "`findings` is not a list")]);
        };
        let mut baseline = Self::default();
        let mut problems = Vec::new();
        for entry in findings.items() {
            let text = |key| entry.get(key).and_then(Value::str).map(str::to_owned);
            let count = entry.get("count").and_then(|count| count.raw().parse::<usize>().ok());
            match (text("subject"), text("rule"), count) {
                (Some(subject), Some(rule), Some(count)) => {
                    let fingerprint = Fingerprint { subject, rule, path: text("path").unwrap_or_default() };
                    // Two branches that were merged may have brought the same line twice.
                    let known = baseline.counts.entry(fingerprint).or_insert(0);
                    *known = count.max(*known);
                }
                (None, ..) => problems.push(problem(entry, "an entry needs a `subject`")),
                (_, None, _) => problems.push(problem(entry, "an entry needs a `rule`")),
                (.., None) => problems.push(problem(entry, "an entry needs a `count`")),
            }
        }
        if problems.is_empty() { Ok(baseline) } else { Err(problems) }
    }

    /// The text of the file: sorted, an entry a line, so that a change of one is a change of one line.
    pub fn to_text(&self) -> String {
        let line = |(fingerprint, count): (&Fingerprint, &usize)| {
            let Fingerprint { subject, rule, path } = fingerprint;
            let [subject, rule, path] = [subject, rule, path].map(|text| Json::from(text.as_str()));
            format!("\n    {{\"subject\": {subject}, \"rule\": {rule}, \"path\": {path}, \"count\": {count}}}")
        };
        let lines: Vec<_> = self.counts.iter().map(line).collect();
        format!("{{\n  \"schema\": \"{SCHEMA}\",\n  \"findings\": [{}\n  ]\n}}\n", lines.join(","))
    }

    /// How many findings are forgiven.
    pub fn total(&self) -> usize {
        self.counts.values().fold(0, |total, &count| total.saturating_add(count))
    }

    /// Takes the findings that are forgiven out of a judgement that was made without a baseline, and
    /// maybe narrowed since. Of the entries that have had their day nothing is said.
    pub fn forgive(&self, judgement: &mut Judgement, inventory: &Inventory) {
        (judgement.baselined, _) = self.apply(&mut judgement.findings, inventory);
    }

    /// Takes the findings that are forgiven out of a list; gives their number, and the entries of
    /// which fewer were there.
    pub(crate) fn apply(&self, findings: &mut Vec<Judged>, inventory: &Inventory) -> (usize, Vec<&Fingerprint>) {
        if self.counts.is_empty() {
            return (0, Vec::new());
        }
        let before = findings.len();
        let mut left = self.counts.clone();
        findings.retain(|judged| match left.get_mut(&Fingerprint::of(&judged.finding, inventory)) {
            Some(count @ 1..) => {
                *count -= 1;
                false
            }
            _ => true,
        });
        let unmatched = self.counts.keys().filter(|&fingerprint| left[fingerprint] > 0).collect();
        (before - findings.len(), unmatched)
    }
}

/// What an inventory and the findings about it can be about, in the words of fingerprints.
pub(crate) fn subjects(inventory: &Inventory, findings: &[Judged]) -> HashSet<String> {
    let resources = inventory.subjects().iter();
    let names = resources.clone().map(|resource| resource.source().name.clone());
    let texts = findings.iter().filter_map(|judged| match &judged.finding.place {
        Place::Text { source, .. } => Some(source.name.clone()),
        Place::Field { .. } => None,
    });
    resources.map(fingerprint::subject).chain(names).chain(texts).collect()
}
