//! What drift breaks: the rules over both sides, and findings for what only the observed one breaks.

use std::collections::{HashMap, HashSet};

use super::{Class, Confidence, Difference, Drift, Object, Standing};
use crate::config::Config;
use crate::finding::{Finding, Place};
use crate::fingerprint::Fingerprint;
use crate::inventory::{Coverage, Inventory};
use crate::path::FieldPath;
use crate::profile::Enforcement;
use crate::resource::Resource;
use crate::rule::{Rule, Severity};
use crate::rules;
use crate::sensitive;
use crate::tree::Value;
use crate::verdict;

/// Drift, judged.
#[derive(Debug)]
pub struct Judgement {
    /// The desired objects, and behind them the orphans: what the findings are about.
    pub inventory: Inventory,
    /// A finding for each drift, under the exemptions and the enforcement of the configuration.
    pub judgement: verdict::Judgement,
    /// What each difference breaks, by the position of the object and of the difference.
    pub broken: HashMap<(usize, usize), Vec<Broken>>,
    /// The severity of each difference, by the same positions.
    pub severities: HashMap<(usize, usize), Severity>,
}

/// A rule that the desired object keeps and the observed one breaks.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The rule.
    pub rule: &'static Rule,
    /// What is wrong now.
    pub message: String,
    /// What the finding would do in a check of manifests.
    pub enforcement: Enforcement,
    /// How severe it is.
    pub severity: Severity,
}

/// Judges drift by the rules.
pub fn judge(drift: &Drift, desired: &[Resource], observed: &[Resource], config: &Config) -> Judgement {
    let broken = broken(drift, desired, observed, config);
    let mut severities = HashMap::new();
    let mut findings = Vec::new();
    let mut resources = desired.to_vec();
    for (at, object) in drift.objects.iter().enumerate() {
        let subject = match (object.desired, object.observed) {
            (Some(index), _) => index,
            (None, Some(index)) => {
                resources.push(observed[index as usize].clone());
                resources.len() as u32 - 1
            }
            (None, None) => continue,
        };
        match object.standing {
            Standing::Present => {}
            Standing::New | Standing::Expected => continue,
            Standing::Missing => {
                findings.push((whole(&rules::DRIFT_OBJECT_MISSING, subject, missing(object)), Severity::High));
            }
            Standing::Orphan => {
                findings.push((whole(&rules::DRIFT_OBJECT_ORPHANED, subject, orphan(object)), Severity::Low));
            }
        }
        for (of, difference) in object.differences.iter().enumerate() {
            let breaks = broken.get(&(at, of)).map_or(&[][..], Vec::as_slice);
            let severity = severity(difference, breaks);
            severities.insert((at, of), severity);
            let seen = object.observed.map(|index| &observed[index as usize]);
            if let (Some(rule), Some(seen)) = (rule(difference.class), seen) {
                let desired = &desired[subject as usize];
                findings.push((finding(rule, subject, difference, breaks, (desired, seen)), severity));
            }
        }
    }
    let inventory = Inventory::new(resources, Coverage::nothing());
    let known: HashMap<(&str, u32, FieldPath), Severity> = findings
        .iter()
        .filter_map(|(finding, severity)| match &finding.place {
            Place::Field { resource, path } => Some(((finding.rule.id, *resource, path.clone()), *severity)),
            Place::Text { .. } => None,
        })
        .collect();
    let mut only_drift = config.clone();
    only_drift.select =
        DRIFT.iter().copied().filter(|rule| config.select.is_empty() || listed(&config.select, rule)).collect();
    let findings = findings.into_iter().map(|(finding, _)| finding).collect();
    let mut judgement = verdict::judge(&inventory, findings, &only_drift);
    for judged in &mut judgement.findings {
        let Place::Field { resource, path } = &judged.finding.place else { continue };
        let severity = known.get(&(judged.finding.rule.id, *resource, path.clone())).copied();
        judged.severity = severity.unwrap_or(judged.severity);
        if judged.enforcement > Enforcement::Off {
            judged.enforcement = if judged.severity >= Severity::High { Enforcement::Deny } else { Enforcement::Warn };
        }
    }
    Judgement { inventory, judgement, broken, severities }
}

/// The rules that drift itself breaks.
static DRIFT: &[&Rule] = &[
    &rules::DRIFT_FIELD_ADDED,
    &rules::DRIFT_FIELD_CHANGED,
    &rules::DRIFT_FIELD_REMOVED,
    &rules::DRIFT_OBJECT_MISSING,
    &rules::DRIFT_OBJECT_ORPHANED,
];

fn listed(rules: &[&Rule], rule: &Rule) -> bool {
    rules.iter().any(|listed| listed.id == rule.id)
}

fn rule(class: Class) -> Option<&'static Rule> {
    match class {
        Class::Changed => Some(&rules::DRIFT_FIELD_CHANGED),
        Class::Added => Some(&rules::DRIFT_FIELD_ADDED),
        Class::Removed => Some(&rules::DRIFT_FIELD_REMOVED),
        _ => None,
    }
}

/// How much harm a difference does: by what it breaks, else by where it is.
fn severity(difference: &Difference, broken: &[Broken]) -> Severity {
    let breaks = |at_least: Severity| broken.iter().any(|it| it.severity >= at_least);
    let is_metadata = difference.path.to_string().starts_with("metadata");
    if broken.iter().any(|it| it.enforcement == Enforcement::Deny) || breaks(Severity::High) {
        Severity::Critical
    } else if breaks(Severity::Medium) {
        Severity::High
    } else if is_metadata || !difference.class.is_drift() {
        Severity::Low
    } else {
        Severity::Medium
    }
}

/// What only the observed objects break, by the difference that does it.
fn broken(
    drift: &Drift,
    desired: &[Resource],
    observed: &[Resource],
    config: &Config,
) -> HashMap<(usize, usize), Vec<Broken>> {
    let drifted: Vec<(usize, u32, u32)> = drift
        .objects
        .iter()
        .enumerate()
        .filter(|(_, object)| object.differences.iter().any(|it| it.class <= Class::Unattributed))
        .filter_map(|(at, object)| Some((at, object.desired?, object.observed?)))
        .collect();
    if drifted.is_empty() {
        return HashMap::new();
    }
    // Both sides know the same of what is outside them.
    let coverage = Coverage::of_manifests(desired);
    let seen = drift.objects.iter().filter_map(|object| Some(observed[object.observed? as usize].clone()));
    let seen: Vec<Resource> = seen.collect();
    let first = seen.len();
    // What has drifted is judged, and all that is beside it known.
    let subjects = |side: &[Resource], of: fn(&(usize, u32, u32)) -> u32| {
        drifted.iter().map(|object| side[of(object) as usize].clone()).collect()
    };
    let live = Inventory::new(seen, coverage.clone()).with(subjects(observed, |it| it.2));
    let before = Inventory::new(desired.to_vec(), coverage).with(subjects(desired, |it| it.1));
    let known: HashSet<Fingerprint> = verdict::judge(&before, Vec::new(), config)
        .findings
        .iter()
        .map(|judged| Fingerprint::of(&judged.finding, &before))
        .collect();
    let mut broken: HashMap<_, Vec<Broken>> = HashMap::new();
    for judged in verdict::judge(&live, Vec::new(), config).findings {
        let Place::Field { resource, path } = &judged.finding.place else { continue };
        let subject = (*resource as usize).checked_sub(first).and_then(|subject| drifted.get(subject));
        let Some(&(at, ..)) = subject.filter(|_| !known.contains(&Fingerprint::of(&judged.finding, &live))) else {
            continue;
        };
        for (of, difference) in drift.objects[at].differences.iter().enumerate() {
            if difference.class <= Class::Unattributed && touches(path, &difference.seen) {
                broken.entry((at, of)).or_default().push(Broken {
                    rule: judged.finding.rule,
                    message: judged.finding.message.to_string(),
                    enforcement: judged.enforcement,
                    severity: judged.severity,
                });
            }
        }
    }
    broken
}

/// Whether one of the fields is the other, or in it.
fn touches(finding: &FieldPath, difference: &FieldPath) -> bool {
    let (finding, difference) = (finding.segments(), difference.segments());
    difference.starts_with(finding) || finding.starts_with(difference)
}

fn whole(rule: &'static Rule, resource: u32, message: String) -> Finding {
    let place = Place::Field { resource, path: FieldPath::ROOT };
    Finding::at(rule, place, message)
}

fn missing(object: &Object) -> String {
    match &object.deleter {
        Some(author) => format!("is missing in the cluster; `{}` deleted it", author.name()),
        None => "is missing in the cluster".to_owned(),
    }
}

fn orphan(object: &Object) -> String {
    match &object.creator {
        Some(author) => format!("is in the cluster and in no source; `{}` made it", author.name()),
        None => "is in the cluster and in no source".to_owned(),
    }
}

fn finding(
    rule: &'static Rule,
    resource: u32,
    difference: &Difference,
    broken: &[Broken],
    (desired, observed): (&Resource, &Resource),
) -> Finding {
    let path = &difference.path;
    let shown = |side: &Option<FieldPath>, of: &Resource| show(difference, side.as_ref(), of);
    let (wanted, found) = (shown(&difference.desired, desired), shown(&difference.observed, observed));
    let what = match difference.class {
        Class::Removed => format!("`{path}` is {wanted} in the source and gone in the cluster"),
        Class::Added => format!("`{path}` is {found} in the cluster and not in the source"),
        _ => format!("`{path}` is {found} in the cluster and {wanted} in the source"),
    };
    let who = difference.blame.authors.first().map_or_else(String::new, |author| {
        let perhaps = if difference.blame.confidence == Confidence::Inferred { "perhaps " } else { "" };
        let when = author
            .time
            .as_ref()
            .map_or_else(String::new, |time| format!(", {} {time}", if author.exact { "at" } else { "no later than" }));
        format!(", {perhaps}by `{}`{when}", author.name())
    });
    let breaks = broken.iter().map(|it| format!("; breaks {}: {}", it.rule.id, it.message));
    let message = format!("{what}{who}{}", breaks.collect::<Vec<_>>().concat());
    let place = Place::Field { resource, path: difference.place.clone() };
    Finding::at(rule, place, message)
}

/// The longest value that a message quotes.
const LONGEST: usize = 60;

/// A value for people: never that of a secret, and of a long one no more than its size.
pub(crate) fn show(difference: &Difference, path: Option<&FieldPath>, resource: &Resource) -> String {
    let Some(path) = path else { return "absent".to_owned() };
    if difference.secret {
        return "a secret value".to_owned();
    }
    let value = resource.value().follow(path).value;
    match value.str() {
        Some(text) if sensitive::reason(difference.name(), text).is_some() => "a secret value".to_owned(),
        Some(text) if text.len() <= LONGEST => format!("`{text}`"),
        Some(text) => format!("a text of {} bytes", text.len()),
        None if value.entries().next().is_some() => {
            let fields: Vec<_> = value.entries().map(|entry| entry.key.raw()).take(4).collect();
            format!("a value with {}", fields.join(", "))
        }
        None if value.items().next().is_some() => format!("a list of {}", value.items().count()),
        None => format!("`{}`", Value::to_json(value)),
    }
}
