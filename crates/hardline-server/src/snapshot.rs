//! One state of a cluster, judged: what the dashboard's pages are drawn from.
//!
//! Whoever judges publishes snapshots through a [`tokio::sync::watch`] channel; the dashboard draws
//! the last one. What every page needs is counted once, here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use hardline_cluster::observed::{Observed, Scope};
use hardline_core::checklist::{self, Line};
use hardline_core::report::{Counts, Report, Reported};
use hardline_core::resource::{Resource, ResourceId};
use hardline_core::rule::Severity;
use hardline_core::workload::Workload;
use jiff::Timestamp;

/// One state of a cluster, judged.
#[derive(Debug)]
pub struct Snapshot {
    /// Grows with each snapshot of a process.
    pub generation: u64,
    /// When it was judged.
    pub taken: Timestamp,
    /// What people call the cluster.
    pub cluster: String,
    /// Which part of it was judged.
    pub scope: Scope,
    /// What was judged.
    pub observed: Arc<Observed>,
    /// What came of it. Its texts hide what is secret.
    pub report: Report,
    /// What was before.
    pub history: History,
    areas: Vec<Area>,
}

/// What was before a snapshot, as far as it is recorded.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// How the cluster stood, the oldest first.
    pub scores: Vec<Score>,
    /// What has changed since some time ago, a day if so much is recorded.
    pub changes: Option<Changes>,
}

/// How a cluster stood at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// The time.
    pub at: Timestamp,
    /// The findings that stood.
    pub findings: Counts,
    /// The workloads.
    pub workloads: usize,
    /// Those without findings.
    pub clean: usize,
}

/// What has changed in what stands.
#[derive(Debug, Clone)]
pub struct Changes {
    /// Since when.
    pub since: Timestamp,
    /// What stands and did not, by [`Reported::fingerprint`].
    pub appeared: BTreeMap<String, Appeared>,
    /// What stood and does not any more, the last first.
    pub gone: Vec<Gone>,
}

/// How a finding came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeared {
    /// When it was first seen.
    pub at: Timestamp,
    /// The field manager that wrote the resource last before that, by its own account.
    pub by: Option<String>,
}

/// A finding that does not stand any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// When it was first missed.
    pub at: Timestamp,
    /// The rule's id.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// What was wrong.
    pub message: String,
    /// The resource, unless the finding was about text that is none.
    pub resource: Option<ResourceId>,
}

/// A namespace, or what is in none.
#[derive(Debug, Clone)]
pub struct Area {
    /// The namespace; none for cluster-wide resources and mere text.
    pub namespace: Option<String>,
    /// All findings in it, those on the namespace itself included.
    pub counts: Counts,
    /// How many workloads are in it.
    pub workloads: usize,
    /// How many of them have no finding.
    pub clean: usize,
    /// How many of them pass each line of the checklist, in the order of [`Line::ALL`].
    pub passes: [usize; Line::ALL.len()],
    /// All workloads, and whatever else has findings, the worst first.
    pub subjects: Vec<Subject>,
}

/// A resource as the dashboard lists it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is called. For text that is no resource, only the name is given: the file's.
    pub id: ResourceId,
    /// Whether it carries a pod template.
    pub is_workload: bool,
    /// Its findings.
    pub counts: Counts,
    /// Which lines of the checklist it fails, one bit each; see [`Subject::fails`].
    failed: u16,
    /// The places of its findings in [`Report::findings`].
    findings: Vec<u32>,
}

impl Snapshot {
    /// A snapshot of what was judged and what came of it.
    pub fn new(
        generation: u64,
        taken: Timestamp,
        cluster: String,
        scope: Scope,
        observed: Arc<Observed>,
        report: Report,
    ) -> Self {
        let areas = areas(&observed, &scope, &report);
        Self { generation, taken, cluster, scope, observed, report, history: History::default(), areas }
    }

    /// This snapshot, with what was before.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// The namespaces in order of their names, and first of all what is in none.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// The namespace of this name; none stands for what is in none.
    pub fn area(&self, namespace: Option<&str>) -> Option<&Area> {
        let found = self.areas.binary_search_by(|area| area.namespace.as_deref().cmp(&namespace));
        found.ok().map(|at| &self.areas[at])
    }

    /// The findings of a subject of this snapshot, in the order of the report.
    pub fn findings<'s>(&'s self, subject: &'s Subject) -> impl ExactSizeIterator<Item = &'s Reported> {
        subject.findings.iter().map(|&at| &self.report.findings[at as usize])
    }

    /// How the cluster stands.
    pub fn score(&self) -> Score {
        Score {
            at: self.taken,
            findings: self.report.summary.findings,
            workloads: self.areas.iter().map(|area| area.workloads).sum(),
            clean: self.areas.iter().map(|area| area.clean).sum(),
        }
    }
}

impl Area {
    /// The subject of a group, kind and name.
    pub fn subject(&self, group: &str, kind: &str, name: &str) -> Option<&Subject> {
        let is = |id: &ResourceId| id.kind == kind && id.name == name && group_of(id) == group;
        self.subjects.iter().find(|subject| is(&subject.id))
    }
}

impl Subject {
    /// Whether it fails a line of the checklist: by itself, or by living where it lives.
    pub fn fails(&self, line: Line) -> bool {
        self.failed & bit(line) != 0
    }
}

/// The API group in an `apiVersion`; empty for the core group.
pub fn group_of(id: &ResourceId) -> &str {
    id.api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The namespace that a resource is shown in: a namespace is shown in itself.
pub fn home(id: &ResourceId) -> Option<&str> {
    match id.kind.as_str() {
        "Namespace" if id.api_version == "v1" => Some(&id.name),
        _ => id.namespace.as_deref(),
    }
}

fn bit(line: Line) -> u16 {
    1 << line as u8
}

fn areas(observed: &Observed, scope: &Scope, report: &Report) -> Vec<Area> {
    let mut subjects: BTreeMap<Option<String>, BTreeMap<ResourceId, Subject>> = BTreeMap::new();
    let is_within = |resource: &Resource| match scope {
        Scope::Everything => true,
        Scope::Namespace(namespace) => resource.namespace() == Some(namespace),
    };
    let workloads = observed.inventory.workloads().map(|workload: Workload<'_>| workload.resource);
    for resource in workloads.filter(|resource| is_within(resource)) {
        let id = resource.id();
        let subject = Subject { is_workload: true, ..Subject::new(id.clone()) };
        subjects.entry(id.namespace.clone()).or_default().insert(id, subject);
    }
    let mut of_namespaces: BTreeMap<Option<String>, u16> = BTreeMap::new();
    for (at, finding) in (0..).zip(&report.findings) {
        let of_text = || ResourceId { name: finding.location.file().to_owned(), ..ResourceId::default() };
        let id = finding.resource.clone().unwrap_or_else(of_text);
        let namespace = home(&id).map(str::to_owned);
        let failed = Line::of(finding.rule).map_or(0, bit);
        if checklist::is_of_namespace(finding.rule) {
            *of_namespaces.entry(namespace.clone()).or_default() |= failed;
        }
        let subject =
            subjects.entry(namespace).or_default().entry(id).or_insert_with_key(|id| Subject::new(id.clone()));
        subject.failed |= failed;
        *subject.counts.of(finding.severity) += 1;
        subject.findings.push(at);
    }
    let area = |(namespace, subjects): (Option<String>, BTreeMap<ResourceId, Subject>)| {
        let failed = of_namespaces.get(&namespace).copied().unwrap_or_default();
        Area::new(namespace, subjects.into_values().collect(), failed)
    };
    subjects.into_iter().map(area).collect()
}

impl Area {
    fn new(namespace: Option<String>, mut subjects: Vec<Subject>, failed: u16) -> Self {
        let mut area = Self {
            namespace,
            counts: Counts::default(),
            workloads: 0,
            clean: 0,
            passes: [0; 10],
            subjects: Vec::new(),
        };
        for subject in &mut subjects {
            area.counts = [area.counts, subject.counts].into_iter().sum();
            if subject.is_workload {
                subject.failed |= failed;
                area.workloads += 1;
                area.clean += usize::from(subject.findings.is_empty());
                for (passes, line) in area.passes.iter_mut().zip(Line::ALL) {
                    *passes += usize::from(!subject.fails(line));
                }
            }
        }
        // The sort is stable: those that are alike stay in the order of their names.
        subjects.sort_by_key(|subject| Reverse(subject.counts));
        Self { subjects, ..area }
    }
}

impl Subject {
    fn new(id: ResourceId) -> Self {
        Self { id, is_workload: false, counts: Counts::default(), failed: 0, findings: Vec::new() }
    }
}
