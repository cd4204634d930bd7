//! One state of a cluster, judged: what the dashboard's pages are drawn from.
//!
//! Whoever judges publishes snapshots through a [`tokio::sync::watch`] channel; the dashboard draws
//! the last one. What every page needs is counted once, here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hardline_cluster::observed::{Observed, Scope};
use hardline_core::checklist::{self, Line};
use hardline_core::inventory::Inventory;
use hardline_core::report::{Counts, Report, Reported};
use hardline_core::resource::{Kind, Resource, ResourceId};
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

/// How many scores one process remembers.
const SCORES: usize = 2000;
/// How many findings that are gone it remembers.
const GONE: usize = 1000;

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
    /// Its [`Reported::fingerprint`].
    pub fingerprint: String,
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
    /// Those of them that are not on what is [built in](Subject::is_built_in).
    pub own: Counts,
    /// How many workloads are in it.
    pub workloads: usize,
    /// How many of them have no finding.
    pub clean: usize,
    /// How many of them pass each line of the checklist, in the order of [`Line::ALL`].
    pub passes: [usize; Line::ALL.len()],
    /// All workloads, and whatever else has findings, the worst first, and last what is built in.
    pub subjects: Vec<Subject>,
}

/// A resource as the dashboard lists it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is called. For text that is no resource, only the name is given: the file's.
    pub id: ResourceId,
    /// Whether it carries a pod template.
    pub is_workload: bool,
    /// Whether the API server made it, and would make it again: it is nobody's to mend.
    ///
    /// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>
    pub is_built_in: bool,
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

    /// This snapshot, with what one process remembers of those before: what has changed since the
    /// first one.
    #[must_use]
    pub fn following(self, before: &Self) -> Self {
        let mut scores = before.history.scores.clone();
        if scores.is_empty() {
            scores.push(before.score());
        }
        scores.push(self.score());
        let surplus = scores.len().saturating_sub(SCORES);
        scores.drain(..surplus);
        let changes = Changes::between(before, &self.report, self.taken);
        self.with_history(History { scores, changes: Some(changes) })
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

impl Changes {
    /// What had changed before, and what changes by this report.
    fn between(before: &Snapshot, report: &Report, taken: Timestamp) -> Self {
        let (since, known, gone) = match &before.history.changes {
            Some(changes) => (changes.since, changes.appeared.clone(), changes.gone.as_slice()),
            None => (before.taken, BTreeMap::new(), &[][..]),
        };
        let stood: HashSet<_> = before.report.findings.iter().map(|finding| &finding.fingerprint).collect();
        let stands: HashSet<_> = report.findings.iter().map(|finding| &finding.fingerprint).collect();
        let mut appeared = BTreeMap::new();
        for finding in &report.findings {
            let fingerprint = &finding.fingerprint;
            if let Some(known) = known.get(fingerprint) {
                appeared.insert(fingerprint.clone(), known.clone());
            } else if !stood.contains(fingerprint) && !gone.iter().any(|gone| gone.fingerprint == *fingerprint) {
                let by = finding.origin.as_ref().and_then(|origin| origin.author.clone());
                appeared.insert(fingerprint.clone(), Appeared { at: taken, by });
            }
        }
        let lost = before
            .report
            .findings
            .iter()
            .filter(|finding| !stands.contains(&finding.fingerprint) && !known.contains_key(&finding.fingerprint));
        let lost = lost.map(|finding| Gone {
            at: taken,
            fingerprint: finding.fingerprint.clone(),
            rule: finding.rule.id.to_owned(),
            severity: finding.severity,
            message: finding.message.to_string(),
            resource: finding.resource.as_deref().cloned(),
        });
        let still = gone.iter().filter(|gone| !stands.contains(&gone.fingerprint)).cloned();
        Self { since, appeared, gone: lost.chain(still).take(GONE).collect() }
    }
}

impl Area {
    /// The subject of a group, kind and name.
    pub fn subject(&self, group: &str, kind: &str, name: &str) -> Option<&Subject> {
        let is = |id: &ResourceId| id.kind == kind && id.name == name && group_of(id) == group;
        self.subjects.iter().find(|subject| is(&subject.id))
    }

    /// What is left of it for somebody who may not see all resources; `None` where that is nothing.
    pub fn seen(&self, shows: impl Fn(&ResourceId) -> bool) -> Option<Self> {
        let subjects: Vec<_> = self.subjects.iter().filter(|subject| shows(&subject.id)).cloned().collect();
        (!subjects.is_empty()).then(|| Self::new(self.namespace.clone(), subjects))
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

fn is_built_in(inventory: &Inventory, id: &ResourceId) -> bool {
    let kind = Kind::of(group_of(id), &id.kind);
    let is_of_rbac = matches!(kind, Kind::ClusterRole | Kind::ClusterRoleBinding | Kind::Role | Kind::RoleBinding);
    let found = is_of_rbac.then(|| inventory.find(kind, id.namespace.as_deref(), &id.name)).flatten();
    found.is_some_and(|resource| resource.label("kubernetes.io/bootstrapping") == Some("rbac-defaults"))
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
        let id = finding.resource.as_deref().cloned().unwrap_or_else(of_text);
        let namespace = home(&id).map(str::to_owned);
        let failed = Line::of(finding.rule).map_or(0, bit);
        if checklist::is_of_namespace(finding.rule) {
            *of_namespaces.entry(namespace.clone()).or_default() |= failed;
        }
        let subject = subjects.entry(namespace).or_default().entry(id);
        let subject = subject.or_insert_with_key(|id| Subject {
            is_built_in: is_built_in(&observed.inventory, id),
            ..Subject::new(id.clone())
        });
        subject.failed |= failed;
        *subject.counts.of(finding.severity) += 1;
        subject.findings.push(at);
    }
    let area = |(namespace, mut subjects): (Option<String>, BTreeMap<ResourceId, Subject>)| {
        let failed = of_namespaces.get(&namespace).copied().unwrap_or_default();
        subjects.values_mut().filter(|subject| subject.is_workload).for_each(|subject| subject.failed |= failed);
        let mut subjects: Vec<_> = subjects.into_values().collect();
        // The sort is stable: those that are alike stay in the order of their names.
        subjects.sort_by_key(|subject| (subject.is_built_in, Reverse(subject.counts)));
        Area::new(namespace, subjects)
    };
    subjects.into_iter().map(area).collect()
}

impl Area {
    fn new(namespace: Option<String>, subjects: Vec<Subject>) -> Self {
        let workloads = || subjects.iter().filter(|subject| subject.is_workload);
        Self {
            counts: subjects.iter().map(|subject| subject.counts).sum(),
            own: subjects.iter().filter(|subject| !subject.is_built_in).map(|subject| subject.counts).sum(),
            workloads: workloads().count(),
            clean: workloads().filter(|subject| subject.findings.is_empty()).count(),
            passes: Line::ALL.map(|line| workloads().filter(|subject| !subject.fails(line)).count()),
            namespace,
            subjects,
        }
    }
}

impl Subject {
    fn new(id: ResourceId) -> Self {
        Self { id, is_workload: false, is_built_in: false, counts: Counts::default(), failed: 0, findings: Vec::new() }
    }
}
