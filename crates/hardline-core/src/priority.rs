//! What to fix first: findings by namespace and resource, the worst first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::report::{Counts, Report, Reported};

/// The findings of a namespace.
#[derive(Debug)]
pub struct Area<'r> {
    /// The namespace; `None` for cluster-wide resources, manifests that name none, and mere text.
    pub namespace: Option<&'r str>,
    /// All findings in it.
    pub counts: Counts,
    /// What has them, the worst first.
    pub subjects: Vec<Subject<'r>>,
}

/// The findings of a resource, or of a file as far as it holds none.
#[derive(Debug)]
pub struct Subject<'r> {
    /// The kind; empty for a file.
    pub kind: &'r str,
    /// The resource's name, or the file's.
    pub name: &'r str,
    /// All its findings.
    pub counts: Counts,
    /// The findings, the worst first.
    pub findings: Vec<&'r Reported>,
}

/// Findings by kind and name of what has them.
type Subjects<'r> = BTreeMap<(&'r str, &'r str), Vec<&'r Reported>>;

/// The findings of a report in the order in which to mend them: those of the worst namespace first,
/// in it those of the worst resource. Worse is who has more findings of the highest severity, then
/// of the next, and so on.
pub fn priorities(report: &Report) -> Vec<Area<'_>> {
    let mut areas: BTreeMap<Option<&str>, Subjects<'_>> = BTreeMap::new();
    for finding in &report.findings {
        let (namespace, subject) = match &finding.resource {
            Some(id) => (id.namespace.as_deref(), (id.kind.as_str(), id.name.as_str())),
            None => (None, ("", finding.location.file())),
        };
        areas.entry(namespace).or_default().entry(subject).or_default().push(finding);
    }
    let mut areas: Vec<_> = areas.into_iter().map(|(namespace, subjects)| Area::new(namespace, subjects)).collect();
    areas.sort_by_key(|area| Reverse(area.counts));
    areas
}

/// The resources of all namespaces together, the worst first.
pub fn ranked<'a, 'r>(areas: &'a [Area<'r>]) -> Vec<(&'a Area<'r>, &'a Subject<'r>)> {
    let mut subjects: Vec<_> = areas.iter().flat_map(|area| area.subjects.iter().map(move |it| (area, it))).collect();
    subjects.sort_by_key(|(_, subject)| Reverse(subject.counts));
    subjects
}

impl<'r> Area<'r> {
    fn new(namespace: Option<&'r str>, subjects: Subjects<'r>) -> Self {
        let subjects = subjects.into_iter().map(|((kind, name), mut findings)| {
            findings.sort_by_key(|finding| Reverse(finding.severity));
            Subject { kind, name, counts: count(&findings), findings }
        });
        let mut subjects: Vec<_> = subjects.collect();
        subjects.sort_by_key(|subject| Reverse(subject.counts));
        let counts = subjects.iter().map(|subject| subject.counts).sum();
        Self { namespace, counts, subjects }
    }
}

impl Subject<'_> {
    /// The rules it breaks, the worst first, each once with the number of its findings.
    pub fn rules(&self) -> Vec<(&'static str, usize)> {
        let mut rules: Vec<(&'static str, usize)> = Vec::new();
        for finding in &self.findings {
            match rules.iter_mut().find(|(id, _)| *id == finding.rule.id) {
                Some((_, count)) => *count += 1,
                None => rules.push((finding.rule.id, 1)),
            }
        }
        rules
    }
}

fn count(findings: &[&Reported]) -> Counts {
    let mut counts = Counts::default();
    for finding in findings {
        *counts.of(finding.severity) += 1;
    }
    counts
}
