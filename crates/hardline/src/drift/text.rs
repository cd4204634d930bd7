//! Drift for people: each object, each field in three columns, who it was, and what puts it right.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use hardline_core::drift::{self, Author, Class, Confidence, Difference, Object, Standing};
use hardline_core::resource::{Resource, ResourceId};
use hardline_core::rule::Severity;
use serde_json::Value as Json;

use super::compare::Compared;
use super::value::{Mask, line};
use crate::reporter::{View, counted};
use crate::terminal::{self, BOLD, CODE, DIM, visible};

/// Commands longer than this are hardline's to run.
const LONGEST_COMMAND: usize = 600;

/// Writes all objects that there is something to tell about, the worst first.
pub(super) fn write(compared: &Compared, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let mask = Mask::default();
    let mut told: Vec<_> =
        compared.drift.objects.iter().enumerate().filter(|(_, object)| is_shown(object, compared.explained)).collect();
    told.sort_by_key(|(at, object)| Reverse(compared.severity(*at, object)));
    for (at, object) in told {
        write_object(compared, at, object, &mask, out)?;
    }
    if view.quiet { Ok(()) } else { summary(compared, view, out) }
}

fn is_shown(object: &Object, explained: bool) -> bool {
    object.is_told()
        || (explained && object.standing == Standing::Expected)
        || !object.differences.is_empty()
        || object.refused.is_some()
}

fn write_object(compared: &Compared, at: usize, object: &Object, mask: &Mask, out: &mut dyn Write) -> io::Result<()> {
    let id = compared.id(object);
    write!(out, "{BOLD}{}{BOLD:#}", visible(&id.to_string()))?;
    match object.standing {
        Standing::Present => writeln!(out)?,
        Standing::Missing => {
            write!(out, " is {}missing{:#} in the cluster", style(Severity::High), style(Severity::High))?;
            let deleter = object.deleter.as_ref().map_or_else(String::new, |it| format!("; deleted by {it}"));
            writeln!(out, "{}", visible(&deleter))?;
        }
        Standing::New => writeln!(out, " is to be deployed")?,
        Standing::Expected => {
            let reason = object.expected.as_deref().unwrap_or_default();
            writeln!(out, " {DIM}is on one side only; {}{DIM:#}", visible(reason))?;
        }
        Standing::Orphan => {
            write!(out, " is in no source")?;
            match &object.creator {
                Some(author) => writeln!(out, "; made by {}", visible(&author.to_string()))?,
                None => writeln!(out)?,
            }
        }
    }
    if let Some(refused) = &object.refused {
        writeln!(out, "  {DIM}{refused}{DIM:#}")?;
    }
    if !object.deployers.is_empty() {
        writeln!(out, "  {DIM}deployed by several: {}{DIM:#}", object.deployers.join(", "))?;
    }
    for (of, difference) in object.differences.iter().enumerate() {
        write_difference(compared, (at, of), object, difference, mask, out)?;
    }
    if let Some(command) = command(compared, object, mask) {
        writeln!(out, "  {:>8} {CODE}{}{CODE:#}", "restore", visible(&command))?;
    }
    writeln!(out)
}

fn write_difference(
    compared: &Compared,
    place: (usize, usize),
    object: &Object,
    difference: &Difference,
    mask: &Mask,
    out: &mut dyn Write,
) -> io::Result<()> {
    let path = difference.path.to_string();
    let path = visible(&path);
    if !difference.class.is_told() {
        let (class, reason) = (difference.class.name(), difference.reason());
        return writeln!(out, "  {DIM}{class:>12} {path}: {}{DIM:#}", visible(reason));
    }
    let severity = compared.judgement.severities.get(&place).copied().unwrap_or(Severity::Low);
    let style = style(severity);
    if difference.class.is_drift() {
        writeln!(out, "  {style}{severity}{style:#} {path} {}", difference.class.reason())?;
    } else {
        writeln!(out, "  {DIM}{}{DIM:#} {path}: {}", difference.class.name(), difference.class.reason())?;
    }
    let [desired, released, observed] = compared.sides(object);
    let mut column = |name: &str, value: Option<Json>| writeln!(out, "  {name:>8} {}", visible(&line(value.as_ref())));
    column("source", mask.desired(difference, desired))?;
    if released.is_some() {
        column("release", mask.released(difference, released))?;
    }
    column("live", mask.observed(difference, observed))?;
    if difference.class.is_drift() || !difference.blame.authors.is_empty() {
        writeln!(out, "  {:>8} {}", "who", visible(&difference.who()))?;
    }
    for broken in compared.judgement.broken.get(&place).into_iter().flatten() {
        writeln!(out, "  {:>8} {CODE}{}{CODE:#}: {}", "breaks", broken.rule.id, visible(&broken.message))?;
    }
    Ok(())
}

fn style(severity: Severity) -> anstyle::Style {
    terminal::severity(severity)
}

/// The one command that takes back what has drifted in an object.
fn command(compared: &Compared, object: &Object, mask: &Mask) -> Option<String> {
    let [Some(desired), _, Some(observed)] = compared.sides(object) else { return None };
    let restoration = drift::restore(object, desired, observed).ok()??;
    // What holds a secret is not for the terminal; hardline itself can write it.
    if restoration.method == drift::Method::Apply || mask.hides_any(object, desired, observed) {
        let namespace = observed.namespace().unwrap_or_default();
        return Some(format!("hardline drift {} -n {namespace} --remediate", compared.desired_flag));
    }
    let namespace = observed.namespace().map_or_else(String::new, |namespace| format!(" -n {namespace}"));
    let patch = serde_json::to_string(&restoration.patch).ok()?;
    let kind = kubectl_kind(observed);
    let command = format!(
        "kubectl{namespace} patch {kind}/{} --type=json --field-manager={} -p '{}'",
        observed.name(),
        restoration.manager,
        patch.replace('\'', r"'\''")
    );
    (command.len() <= LONGEST_COMMAND).then_some(command)
}

/// A kind as kubectl takes it without asking which group is meant.
fn kubectl_kind(resource: &Resource) -> String {
    let kind = resource.kind_name().to_lowercase();
    match resource.api_version().rsplit_once('/') {
        None | Some(("apps" | "batch", _)) => kind,
        Some((group, version)) => format!("{kind}.{version}.{group}"),
    }
}

fn summary(compared: &Compared, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let objects = &compared.drift.objects;
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for difference in objects.iter().flat_map(|object| &object.differences).filter(|it| it.class.is_told()) {
        *counts.entry(difference.class).or_default() += 1;
    }
    let drifted = objects.iter().filter(|object| object.has_drifted()).count();
    if drifted == 0 {
        let good = anstyle::AnsiColor::Green.on_default().bold();
        write!(out, "{good}no drift{good:#} in {}", counted(objects.len(), "object"))?;
    } else {
        write!(out, "{BOLD}{drifted} of {}{BOLD:#} drifted", counted(objects.len(), "object"))?;
    }
    let counts: Vec<_> = counts.iter().map(|(class, count)| format!("{count} {}", class.name())).collect();
    if !counts.is_empty() {
        write!(out, " ({})", counts.join(", "))?;
    }
    let explained: usize = objects.iter().map(|object| object.explained).sum();
    if explained > 0 {
        write!(out, "; {} no drift (--explain-suppressed)", counted(explained, "other difference"))?;
    }
    writeln!(out, "{DIM} ({:.2} s){DIM:#}", view.elapsed.as_secs_f32())
}

/// Writes the changes whose time is known, the oldest first.
pub(super) fn timeline(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let mut changes = Vec::new();
    for object in &compared.drift.objects {
        for difference in object.differences.iter().filter(|it| it.class.is_drift()) {
            let author = difference.blame.authors.first();
            changes.push((author.and_then(|author| author.time.as_deref()), author, difference, compared.id(object)));
        }
    }
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    for (time, author, difference, id) in changes {
        let author = author.map_or_else(|| "somebody".to_owned(), Author::name);
        let perhaps = if difference.blame.confidence == Confidence::Inferred { "perhaps " } else { "" };
        let text = format!("{perhaps}{author} {} {} of {id}", difference.class.name(), difference.path);
        writeln!(out, "{:20}  {}", time.unwrap_or("at a time not known"), visible(&text))?;
    }
    Ok(())
}

impl Compared {
    /// The object as desired, as released and as observed.
    pub(super) fn sides(&self, object: &Object) -> [Option<&Resource>; 3] {
        let of =
            |resources: &'_ [Resource], at: Option<u32>| at.map(|at| at as usize).filter(|at| *at < resources.len());
        [
            of(&self.desired, object.desired).map(|at| &self.desired[at]),
            of(&self.released, object.released).map(|at| &self.released[at]),
            of(&self.observed, object.observed).map(|at| &self.observed[at]),
        ]
    }

    pub(super) fn id(&self, object: &Object) -> ResourceId {
        let [desired, _, observed] = self.sides(object);
        observed.or(desired).map(Resource::id).unwrap_or_default()
    }

    /// The severity of the worst that is wrong with an object.
    pub(super) fn severity(&self, at: usize, object: &Object) -> Option<Severity> {
        let whole = match object.standing {
            Standing::Missing => Some(Severity::High),
            Standing::Orphan => Some(Severity::Low),
            Standing::Present | Standing::New | Standing::Expected => None,
        };
        let fields = object.differences.iter().enumerate().filter(|(_, difference)| difference.class.is_drift());
        fields.filter_map(|(of, _)| self.judgement.severities.get(&(at, of)).copied()).chain(whole).max()
    }
}
