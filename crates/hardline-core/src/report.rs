//! The report: a judgement joined with positions in text. Its JSON is `hardline.report/v1`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Serialize;
use serde_json::Value as Json;

use crate::edit::{Change, Fix, Misfit, PatchOperation, Safety, json_patch};
use crate::finding::Place;
use crate::fingerprint::{self, Fingerprint};
use crate::inventory::Inventory;
use crate::path::push_number;
use crate::profile::Enforcement;
use crate::resource::{Resource, ResourceId};
use crate::rule::{Category, Rule, Severity};
use crate::sensitive;
use crate::source::{Source, Span};
use crate::verdict::{Judged, Judgement};

type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "hardline.report/v1";

/// A judgement, with everything a reader or a machine needs to act on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The version of hardline.
    pub version: &'static str,
    /// Counts.
    pub summary: Summary,
    /// What stands, by source and position.
    pub findings: Vec<Reported>,
    /// What would stand but for an exemption.
    pub exempted: Vec<ReportedExemption>,
    /// Entries of the baseline that forgive more findings than there are, as fingerprints.
    pub stale_baseline: Vec<String>,
    /// The rules that could not be evaluated everywhere.
    pub not_evaluated: Vec<NotEvaluated>,
}

/// The counts of a [`Report`].
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Sources that were read.
    pub files: usize,
    /// Documents in them, empty ones excluded.
    pub documents: usize,
    /// Kubernetes objects among those.
    pub resources: usize,
    /// Those that carry a pod template.
    pub workloads: usize,
    /// Documents and files that are no Kubernetes objects.
    #[serde(skip)]
    pub skipped: usize,
    /// Findings by severity.
    pub findings: Counts,
    /// Findings under an exemption.
    pub exempted: usize,
    /// Findings in the baseline.
    pub baselined: usize,
    /// Rules that could not be evaluated everywhere.
    pub not_evaluated: usize,
}

/// Findings by severity.
///
/// The greater ones are worse: one finding more of a severity outweighs all milder ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Counts {
    /// Of severity critical.
    pub critical: usize,
    /// Of severity high.
    pub high: usize,
    /// Of severity medium.
    pub medium: usize,
    /// Of severity low.
    pub low: usize,
}

/// A finding with its position.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The rule's id.
    #[serde(serialize_with = "rule_id")]
    pub rule: &'static Rule,
    /// What stays the same while lines and files move; no other finding of the report has it.
    pub fingerprint: String,
    /// The rule's category.
    pub category: Category,
    /// The rule's severity.
    pub severity: Severity,
    /// What the finding does.
    pub enforcement: Enforcement,
    /// What is wrong.
    pub message: Arc<str>,
    /// What to do.
    pub help: Cow<'static, str>,
    /// The resource, unless the finding is about text that is none.
    pub resource: Option<Arc<ResourceId>>,
    /// The field, as a JSON pointer.
    pub path: String,
    /// Where that is written.
    pub location: Location,
    /// Where the resource comes from, if it was observed in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<Origin>>,
    /// Other places that the finding rests on.
    pub evidence: Vec<ReportedEvidence>,
    /// A change that mends it. Null in JSON where it does not fit the resource as it is.
    pub fix: Option<ReportedFix>,
}

/// When and by whom an observed resource came to be as it is, as far as the cluster says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// When it was created, in the form of RFC 3339.
    pub created: Option<String>,
    /// The tool that wrote it last, by its own account: a field manager.
    pub author: Option<String>,
    /// When that tool last wrote it, in the form of RFC 3339.
    pub changed: Option<String>,
    /// How many pods are like it, and not told of by themselves.
    pub pods: u32,
    /// The owner whose template it should have, and has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs_from: Option<ResourceId>,
}

/// A [`Fix`] and the resource that it changes, from which its JSON Patch is made when asked for.
#[derive(Debug, Clone)]
pub struct ReportedFix {
    /// The fix.
    pub fix: Arc<Fix>,
    resource: Resource,
}

/// A [`ReportedFix`] in JSON.
#[derive(Serialize)]
struct FixForm<'a> {
    title: &'a str,
    safety: Safety,
    #[serde(flatten)]
    change: ChangeForm,
}

/// A [`Change`] in JSON.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ChangeForm {
    Edits(Vec<PatchOperation>),
    Resource(Json),
}

/// A place in a text.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The text. Its name stands for it in JSON.
    #[serde(rename = "file", serialize_with = "source_name")]
    pub source: Arc<Source>,
    /// Line of the first character, from 1.
    pub line: u32,
    /// Column of the first character, from 1.
    pub column: u32,
    /// Line of the last character.
    pub end_line: u32,
    /// Column just past the last character.
    pub end_column: u32,
    /// Whether lines count in rendered text.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rendered: bool,
    /// The bytes in it.
    #[serde(skip)]
    pub span: Span,
}

/// Another place that a finding rests on.
#[derive(Debug, Clone, Serialize)]
pub struct ReportedEvidence {
    /// What is to be seen there.
    pub message: Arc<str>,
    /// The resource there.
    pub resource: Option<Arc<ResourceId>>,
    /// The field, as a JSON pointer.
    pub path: String,
    /// Where that is written.
    pub location: Location,
}

/// A finding under an exemption.
#[derive(Debug, Clone, Serialize)]
pub struct ReportedExemption {
    /// The rule's id.
    pub rule: &'static str,
    /// What would be wrong.
    pub message: Arc<str>,
    /// The resource.
    pub resource: Option<Arc<ResourceId>>,
    /// Why it is exempt.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day of the exemption.
    pub until: Option<String>,
    /// Where the finding is.
    pub location: Location,
}

/// A rule that could not be evaluated everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotEvaluated {
    /// The rule's id.
    pub rule: &'static str,
    /// What it lacked.
    pub needs: String,
}

/// What the reader of the manifests counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    /// Sources that were read.
    pub files: usize,
    /// Documents in them, empty ones excluded.
    pub documents: usize,
    /// Documents and files that are no Kubernetes objects.
    pub skipped: usize,
}

impl Report {
    /// Joins a judgement with the texts that its inventory was read from.
    pub fn new(judgement: Judgement, inventory: &Inventory, read: Read) -> Self {
        let mut findings = ordered(judgement.findings, inventory);
        hide_secrets(&findings, inventory);
        tell_apart(&mut findings);
        let mut counts = Counts::default();
        for finding in &findings {
            *counts.of(finding.severity) += 1;
        }
        let mut ids = Ids::new(inventory);
        let exempted = judgement.exempted.into_iter().map(|exempted| ReportedExemption {
            rule: exempted.finding.rule.id,
            message: exempted.finding.message,
            resource: ids.of(&exempted.finding.place),
            reason: exempted.exemption.reason,
            owner: exempted.exemption.owner,
            until: exempted.exemption.until.map(|until| until.to_string()),
            location: Location::of(&exempted.finding.place, inventory),
        });
        let exempted: Vec<_> = exempted.collect();
        let unevaluated = judgement.unevaluated.into_iter();
        let not_evaluated: Vec<_> =
            unevaluated.map(|lack| NotEvaluated { rule: lack.rule, needs: lack.needs }).collect();
        let stale_baseline = judgement.stale_baseline.iter().map(Fingerprint::to_string).collect();
        let summary = Summary {
            files: read.files,
            documents: read.documents,
            resources: inventory.resources().count(),
            workloads: inventory.workloads().count(),
            skipped: read.skipped,
            findings: counts,
            exempted: exempted.len(),
            baselined: judgement.baselined,
            not_evaluated: not_evaluated.len(),
        };
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            summary,
            findings,
            exempted,
            stale_baseline,
            not_evaluated,
        }
    }

    /// Adds findings of somebody else about the same cluster, behind its own.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Reported>) {
        for finding in findings {
            *self.summary.findings.of(finding.severity) += 1;
            self.findings.push(finding);
        }
    }
}

impl Counts {
    /// The count of a severity.
    pub fn of(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
        }
    }

    /// All of them.
    pub fn total(self) -> usize {
        self.critical + self.high + self.medium + self.low
    }

    /// The counts with their severities, the worst first.
    pub fn by_severity(self) -> [(Severity, usize); 4] {
        [
            (Severity::Critical, self.critical),
            (Severity::High, self.high),
            (Severity::Medium, self.medium),
            (Severity::Low, self.low),
        ]
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |all, more| Self {
            critical: all.critical + more.critical,
            high: all.high + more.high,
            medium: all.medium + more.medium,
            low: all.low + more.low,
        })
    }
}

/// The findings by source and position, then by rule.
fn ordered(findings: Vec<Judged>, inventory: &Inventory) -> Vec<Reported> {
    let located = findings.into_iter().map(|judged| (Location::of(&judged.finding.place, inventory), judged));
    // Sorted by handles, for findings are large and there are many.
    let mut located: Vec<_> = located.map(Some).collect();
    let mut order: Vec<_> = (0..located.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| located[at].as_ref().map(|(location, judged)| (location, &judged.finding));
        let (Some((a, first)), Some((b, second))) = (key(a), key(b)) else { return Ordering::Equal };
        let by_file = if Arc::ptr_eq(&a.source, &b.source) { Ordering::Equal } else { a.file().cmp(b.file()) };
        by_file
            .then_with(|| (a.line, a.column).cmp(&(b.line, b.column)))
            .then_with(|| (first.rule.id, &first.message).cmp(&(second.rule.id, &second.message)))
    });
    let mut findings = Vec::with_capacity(order.len());
    let taken = order.into_iter().filter_map(|at| located[at].take());
    let mut ids = Ids::new(inventory);
    findings.extend(taken.map(|(location, judged)| Reported::new(judged, location, &mut ids)));
    findings
}

impl Reported {
    fn new(judged: Judged, location: Location, ids: &mut Ids<'_>) -> Self {
        let Judged { finding, enforcement, severity } = judged;
        let (inventory, resource) = (ids.inventory, ids.of(&finding.place));
        let fingerprint = fingerprint::text(&finding, inventory);
        let evidence = finding.evidence.into_iter().map(|evidence| ReportedEvidence {
            message: evidence.message,
            resource: ids.of(&evidence.place),
            path: path(&evidence.place),
            location: Location::of(&evidence.place, inventory),
        });
        let evidence: Vec<_> = evidence.collect();
        Self {
            rule: finding.rule,
            fingerprint,
            category: finding.rule.category,
            severity,
            enforcement,
            message: finding.message,
            help: finding.help.map_or(Cow::Borrowed(finding.rule.help), |help| Cow::Owned(help.to_string())),
            resource,
            path: path(&finding.place),
            location,
            origin: None,
            evidence,
            fix: ReportedFix::new(finding.fix, &finding.place, inventory),
        }
    }
}

impl ReportedFix {
    fn new(fix: Option<Arc<Fix>>, place: &Place, inventory: &Inventory) -> Option<Self> {
        match place {
            Place::Field { resource, .. } => Some(Self { fix: fix?, resource: inventory[*resource].clone() }),
            Place::Text { .. } => None,
        }
    }

    /// The resource that it changes, or that a new one is missing beside.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    fn form(&self) -> Result<FixForm<'_>, Misfit> {
        let change = match &self.fix.change {
            Change::Edits(edits) => ChangeForm::Edits(json_patch(self.resource.value(), edits)?),
            Change::NewResource(companion) => ChangeForm::Resource(companion.resource()),
        };
        Ok(FixForm { title: &self.fix.title, safety: self.fix.safety, change })
    }
}

impl Serialize for ReportedFix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form().ok().serialize(serializer)
    }
}

impl Location {
    /// The name of the source.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Where a place is written: an absent field is at its nearest ancestor.
    fn of(place: &Place, inventory: &Inventory) -> Self {
        let (source, span) = match place {
            Place::Text { source, span } => (source.clone(), *span),
            Place::Field { resource, path } => {
                let resource = &inventory[*resource];
                (resource.source().clone(), resource.value().follow(path).span())
            }
        };
        let (from, to) = (source.position(span.start), source.position(span.end));
        Self {
            line: from.line,
            column: from.column,
            end_line: to.line,
            end_column: to.column,
            rendered: source.rendered,
            source,
            span,
        }
    }
}

/// Hides what is secret in the texts that a reporter may show.
fn hide_secrets(findings: &[Reported], inventory: &Inventory) {
    let evidence = findings.iter().flat_map(|finding| &finding.evidence).map(|evidence| &evidence.location);
    let places = findings.iter().map(|finding| &finding.location).chain(evidence);
    let mut secrets: HashMap<*const Source, Vec<Span>> =
        places.map(|location| (Arc::as_ptr(&location.source), Vec::new())).collect();
    let mut sources: Vec<&Arc<Source>> = Vec::new();
    for resource in inventory.resources() {
        let Some(spans) = secrets.get_mut(&Arc::as_ptr(resource.source())) else { continue };
        spans.extend(sensitive::spans(resource));
        if sources.last().is_none_or(|last| !Arc::ptr_eq(last, resource.source())) {
            sources.push(resource.source());
        }
    }
    for finding in findings.iter().filter(|finding| finding.resource.is_none()) {
        let Location { source, span, .. } = &finding.location;
        if let Some(spans) = secrets.get_mut(&Arc::as_ptr(source)) {
            spans.extend(sensitive::spans_unread(&source.text, span.start));
            sources.push(source);
        }
    }
    for source in sources {
        // Resources of one text need not lie side by side: the first time hides all.
        source.hide(secrets.remove(&Arc::as_ptr(source)).unwrap_or_default());
    }
}

/// Numbers the findings that share a fingerprint, from the second on.
fn tell_apart(findings: &mut [Reported]) {
    let mut seen: HashMap<&str, u32> = HashMap::with_capacity_and_hasher(findings.len(), RandomState::default());
    let mut again = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        let count = seen.entry(&finding.fingerprint).and_modify(|count| *count += 1).or_insert(1);
        if *count > 1 {
            again.push((at, *count));
        }
    }
    for (at, count) in again {
        let fingerprint = &mut findings[at].fingerprint;
        fingerprint.push('#');
        push_number(fingerprint, count);
    }
}

/// The names of resources, of which those of one are shared by the findings about it, which lie side
/// by side.
struct Ids<'a> {
    inventory: &'a Inventory,
    last: Option<(u32, Arc<ResourceId>)>,
}

impl<'a> Ids<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        Self { inventory, last: None }
    }

    fn of(&mut self, place: &Place) -> Option<Arc<ResourceId>> {
        let Place::Field { resource, .. } = place else { return None };
        match &self.last {
            Some((last, id)) if last == resource => Some(id.clone()),
            _ => {
                let id = Arc::new(self.inventory[*resource].id());
                self.last = Some((*resource, id.clone()));
                Some(id)
            }
        }
    }
}

fn path(place: &Place) -> String {
    match place {
        Place::Field { path, .. } => path.pointer(),
        Place::Text { .. } => String::new(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn rule_id<S: serde::Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

fn source_name<S: serde::Serializer>(source: &Arc<Source>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&source.name)
}
