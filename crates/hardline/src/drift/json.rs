//! Drift for programs: `hardline.drift/v1`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hardline_core::drift::{self, Author, Blame, Class, Object, Standing};
use hardline_core::edit::PatchOperation;
use hardline_core::resource::ResourceId;
use hardline_core::rule::Severity;
use serde::Serialize;
use serde_json::Value as Json;

use super::compare::Compared;
use super::value::Mask;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'c> {
    schema: &'static str,
    version: &'static str,
    summary: Summary,
    objects: Vec<Entry<'c>>,
    notices: &'c [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    objects: usize,
    drifted: usize,
    differences: BTreeMap<Class, usize>,
    explained: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'c> {
    resource: ResourceId,
    standing: Standing,
    severity: Option<Severity>,
    untracked: bool,
    deployers: &'c [String],
    creator: Option<&'c Author>,
    deleter: Option<&'c Author>,
    expected: Option<&'c str>,
    refused: Option<&'c str>,
    differences: Vec<Difference<'c>>,
    restore: Option<Restoration>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference<'c> {
    path: String,
    class: Class,
    reason: &'c str,
    severity: Option<Severity>,
    /// Where the source has it, or would have it, as a JSON pointer.
    pointer: String,
    source: Option<Json>,
    release: Option<Json>,
    live: Option<Json>,
    blame: &'c Blame,
    breaks: Vec<Breaks<'c>>,
}

#[derive(Serialize)]
struct Breaks<'c> {
    rule: &'static str,
    severity: Severity,
    message: &'c str,
}

#[derive(Serialize)]
struct Restoration {
    #[serde(rename = "fieldManager")]
    manager: String,
    patch: Vec<PatchOperation>,
}

pub(super) fn write(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let mask = Mask::default();
    let objects = &compared.drift.objects;
    let told = objects.iter().enumerate().filter(|(_, object)| {
        object.is_told()
            || !object.differences.is_empty()
            || (compared.explained && object.standing == Standing::Expected)
    });
    let mut differences: BTreeMap<Class, usize> = BTreeMap::new();
    for difference in objects.iter().flat_map(|object| &object.differences) {
        *differences.entry(difference.class).or_default() += 1;
    }
    let document = Document {
        schema: "hardline.drift/v1",
        version: env!("CARGO_PKG_VERSION"),
        summary: Summary {
            objects: objects.len(),
            drifted: objects.iter().filter(|object| object.has_drifted()).count(),
            differences,
            explained: objects.iter().map(|object| object.explained).sum(),
        },
        objects: told.map(|(at, object)| entry(compared, at, object, &mask)).collect(),
        notices: &compared.notices,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn entry<'c>(compared: &'c Compared, at: usize, object: &'c Object, mask: &Mask) -> Entry<'c> {
    let [desired, released, observed] = compared.sides(object);
    let differences = object.differences.iter().enumerate().map(|(of, difference)| {
        let broken = compared.judgement.broken.get(&(at, of)).into_iter().flatten();
        let breaks = broken.map(|it| Breaks { rule: it.rule.id, severity: it.severity, message: &it.message });
        Difference {
            path: difference.path.to_string(),
            class: difference.class,
            reason: difference.reason(),
            severity: compared.judgement.severities.get(&(at, of)).copied(),
            pointer: difference.place.to_string(),
            source: mask.desired(difference, desired),
            release: mask.released(difference, released),
            live: mask.observed(difference, observed),
            blame: &difference.blame,
            breaks: breaks.collect(),
        }
    });
    let restoration = match (desired, observed) {
        (Some(desired), Some(observed)) if !mask.hides_any(object, desired, observed) => {
            drift::restore(object, desired, observed).ok().flatten()
        }
        _ => None,
    };
    Entry {
        resource: compared.id(object),
        standing: object.standing,
        severity: compared.severity(at, object),
        untracked: object.untracked,
        deployers: &object.deployers,
        creator: object.creator.as_ref(),
        deleter: object.deleter.as_ref(),
        expected: object.expected.as_deref(),
        refused: object.refused.as_deref(),
        differences: differences.collect(),
        restore: restoration.map(|it| Restoration { manager: it.manager, patch: it.patch }),
    }
}
