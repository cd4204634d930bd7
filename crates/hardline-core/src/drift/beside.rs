//! An object as it should be and as it is, line by line and side by side, with who wrote each line.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use serde_json::Value as Json;

use super::managed::{Element, FieldSet, Manager, managers};
use super::restore::changed;
use super::walk::METADATA;
use super::{Difference, Object};
use crate::edit::Misfit;
use crate::path::Segment;
use crate::resource::{Kind, Resource};
use crate::sensitive::{self, APPLIED};
use crate::source::Span;
use crate::tree::{NodeKind, Value};

/// The longest text of a line, in bytes.
const LONGEST: usize = 400;

/// A line of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As it should be; nothing where it should not be.
    pub wanted: Option<String>,
    /// As it is; nothing where it is not.
    pub observed: Option<String>,
    /// The difference that it is part of, by position.
    pub difference: Option<usize>,
    /// Who wrote it last, as it is.
    pub owner: Option<Owner>,
}

/// A field manager that owns a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What it calls itself.
    pub manager: String,
    /// When it last wrote anything, by RFC 3339.
    pub time: Option<String>,
}

/// The observed object with all that has drifted put right: what it should be in the words of the API
/// server, so that nothing else differs from what is observed.
pub fn restored(object: &Object, desired: &Resource, observed: &Resource) -> Result<Json, Misfit> {
    let drifted = object.differences.iter().filter(|it| it.class.is_drift());
    changed(drifted, desired, observed).map(|(json, _)| json)
}

/// Puts digests in the place of secrets, by a key of this value alone: the same secret is the same
/// digest, and nobody can try out what it stands for.
#[derive(Debug, Default)]
pub struct Mask(RandomState);

impl Mask {
    /// A digest of a secret.
    pub fn digest(&self, secret: &str) -> String {
        format!("secret:{:08x}", self.0.hash_one(secret) as u32)
    }
}

/// Both sides, line by line. What the API server alone writes, and `status`, is left out.
pub fn rows(
    wanted: Option<&Resource>,
    observed: Option<&Resource>,
    differences: &[Difference],
    mask: &Mask,
) -> Vec<Row> {
    let spans = |resource: Option<&Resource>| resource.map(sensitive::spans).unwrap_or_default();
    let managers = observed.map(managers).unwrap_or_default();
    let is_secret = observed.or(wanted).is_some_and(|resource| resource.kind() == Kind::Secret);
    let mut writer = Writer {
        differences,
        mask,
        secrets: [spans(wanted), spans(observed)],
        is_secret,
        path: Vec::new(),
        indent: 0,
        dash: false,
        rows: Vec::new(),
    };
    let owners = managers.iter().map(|manager| (manager, &manager.fields)).collect();
    let both =
        Both { wanted: wanted.map(Resource::value), observed: observed.map(Resource::value), owners, difference: None };
    writer.map(&both);
    writer.rows
}

/// A place on both sides.
#[derive(Clone)]
struct Both<'r, 'm> {
    wanted: Option<Value<'r>>,
    observed: Option<Value<'r>>,
    /// Who owns what below.
    owners: Vec<(&'m Manager<'m>, &'m FieldSet)>,
    difference: Option<usize>,
}

struct Writer<'w> {
    differences: &'w [Difference],
    mask: &'w Mask,
    secrets: [Vec<Span>; 2],
    is_secret: bool,
    /// Where in the observed object.
    path: Vec<Segment>,
    indent: usize,
    /// Whether the next line begins an item.
    dash: bool,
    rows: Vec<Row>,
}

impl Writer<'_> {
    fn skips(&self, name: &str) -> bool {
        match self.path.as_slice() {
            [] => name == "status",
            [Segment::Key(metadata)] if metadata == "metadata" => {
                METADATA.contains(&name) && !matches!(name, "name" | "namespace")
            }
            [Segment::Key(metadata), _] if metadata == "metadata" => name == APPLIED,
            _ => false,
        }
    }

    fn map(&mut self, both: &Both<'_, '_>) {
        let entries = |side: Option<Value<'_>>| -> Vec<String> {
            side.into_iter().flat_map(Value::entries).map(|entry| entry.key.raw().to_owned()).collect()
        };
        let mut names = entries(both.observed);
        names.extend(
            entries(both.wanted).into_iter().filter(|name| both.observed.is_none_or(|it| it.get(name).is_none())),
        );
        names.retain(|name| !self.skips(name));
        for name in &names {
            self.path.push(Segment::Key(name.clone().into()));
            let inner = Both {
                wanted: both.wanted.and_then(|side| side.get(name)),
                observed: both.observed.and_then(|side| side.get(name)),
                owners: below(&both.owners, |element| matches!(element, Element::Field(field) if field == name)),
                difference: self.difference_here().or(both.difference),
            };
            self.node(&format!("{}:", scalar(name)), name, &inner);
            self.path.pop();
        }
    }

    /// The difference that is this very place.
    fn difference_here(&self) -> Option<usize> {
        self.differences
            .iter()
            .position(|it| it.seen.segments() == self.path && (it.observed.is_some() || is_field(it)))
    }

    fn list(&mut self, both: &Both<'_, '_>) {
        let wanted: Vec<Value<'_>> = both.wanted.into_iter().flat_map(Value::items).collect();
        let observed: Vec<Value<'_>> = both.observed.into_iter().flat_map(Value::items).collect();
        for (left, right) in aligned(&wanted, &observed) {
            let (at, item) = match (left, right) {
                (_, Some(at)) => (at, observed[at]),
                (Some(at), None) => (at, wanted[at]),
                (None, None) => continue,
            };
            let removed = || {
                self.differences.iter().position(|it| {
                    let last = it.path.0.last();
                    it.observed.is_none()
                        && it.seen.segments() == self.path
                        && last.is_some_and(|last| last.is(at, item))
                })
            };
            let gone = if right.is_none() { removed() } else { None };
            self.path.push(Segment::Index(at as u32));
            let inner = Both {
                wanted: left.map(|at| wanted[at]),
                observed: right.map(|at| observed[at]),
                owners: if right.is_some() { below(&both.owners, |element| element.is(at, item)) } else { Vec::new() },
                difference: gone.or_else(|| self.difference_here()).or(both.difference),
            };
            self.dash = true;
            self.indent += 1;
            match kind(&inner) {
                NodeKind::Map if !is_empty(&inner) => self.map(&inner),
                _ => self.node("", "", &inner),
            }
            self.indent -= 1;
            self.dash = false;
            self.path.pop();
        }
    }

    fn node(&mut self, label: &str, name: &str, both: &Both<'_, '_>) {
        match kind(both) {
            NodeKind::Map | NodeKind::Seq if !is_empty(both) && !differ_in_kind(both) => {
                self.push(both, both.wanted.map(|_| label.to_owned()), both.observed.map(|_| label.to_owned()));
                let is_map = kind(both) == NodeKind::Map;
                self.indent += usize::from(is_map);
                if is_map {
                    self.map(both);
                } else {
                    self.list(both);
                }
                self.indent -= usize::from(is_map);
            }
            _ => self.leaf(label, name, both),
        }
    }

    fn leaf(&mut self, label: &str, name: &str, both: &Both<'_, '_>) {
        let texts = [(both.wanted, 0), (both.observed, 1)].map(|(value, side)| {
            let value = value?;
            Some(if self.hides(name, value, side) {
                self.mask.digest(&value.to_json().to_string())
            } else {
                text(value)
            })
        });
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains('\n'));
        let line = |text: &str| if label.is_empty() { text.to_owned() } else { format!("{label} {text}") };
        if !texts.iter().any(is_long) {
            let [wanted, observed] = texts.map(|text| text.map(|text| line(&text)));
            return self.push(both, wanted, observed);
        }
        let [wanted, observed] = [&texts[0], &texts[1]].map(|text| text.as_ref().map(|_| line("|")));
        self.push(both, wanted, observed);
        self.indent += 1;
        let [wanted, observed] = [&texts[0], &texts[1]].map(|text| text.as_deref().map(str::lines));
        let (wanted, observed): (Vec<_>, Vec<_>) =
            (wanted.into_iter().flatten().collect(), observed.into_iter().flatten().collect());
        for (left, right) in paired(&wanted, &observed) {
            self.push(both, left.map(|at| wanted[at].to_owned()), right.map(|at| observed[at].to_owned()));
        }
        self.indent -= 1;
    }

    fn hides(&self, name: &str, value: Value<'_>, side: usize) -> bool {
        let span = value.span();
        let of_secret = self.is_secret
            && matches!(self.path.first(), Some(Segment::Key(field)) if field == "data" || field == "stringData");
        of_secret
            || self.secrets[side].iter().any(|secret| secret.start < span.end && span.start < secret.end)
            || value.str().is_some_and(|text| sensitive::reason(name, text).is_some())
    }

    fn push(&mut self, both: &Both<'_, '_>, wanted: Option<String>, observed: Option<String>) {
        let dash = std::mem::take(&mut self.dash);
        let written = |line: String| {
            let mut text = "  ".repeat(self.indent.saturating_sub(usize::from(dash)));
            let _ = write!(text, "{}{line}", if dash { "- " } else { "" });
            let end = text.floor_char_boundary(LONGEST);
            if end < text.len() { format!("{}…", &text[..end]) } else { text }
        };
        let owner = both.observed.and_then(|_| newest(&both.owners));
        let difference = both.difference.filter(|_| wanted != observed);
        let row = Row { wanted: wanted.map(written), observed: observed.map(written), difference, owner };
        self.rows.push(row);
    }
}

fn is_field(difference: &Difference) -> bool {
    matches!(difference.path.0.last(), Some(Element::Field(_)))
}

/// What field managers own of a member.
fn below<'m>(
    owners: &[(&'m Manager<'m>, &'m FieldSet)],
    is: impl Fn(&Element) -> bool,
) -> Vec<(&'m Manager<'m>, &'m FieldSet)> {
    let owned = owners.iter().filter_map(|(manager, set)| {
        // Who owns a field as a whole owns all below it.
        let whole = set.own && set.members.is_empty();
        let member = set.members.iter().find(|(element, _)| is(element)).map(|(_, below)| below);
        Some((*manager, if whole { *set } else { member? }))
    });
    owned.collect()
}

fn newest(owners: &[(&Manager<'_>, &FieldSet)]) -> Option<Owner> {
    let own = owners.iter().filter(|(_, set)| set.own).map(|(manager, _)| manager);
    let newest = own.max_by_key(|manager| manager.time)?;
    Some(Owner { manager: newest.name.to_owned(), time: newest.time.map(str::to_owned) })
}

fn kind(both: &Both<'_, '_>) -> NodeKind {
    both.observed.or(both.wanted).map_or(NodeKind::Null, Value::kind)
}

fn differ_in_kind(both: &Both<'_, '_>) -> bool {
    matches!((both.wanted, both.observed), (Some(a), Some(b)) if a.kind() != b.kind())
}

fn is_empty(both: &Both<'_, '_>) -> bool {
    let empty = |side: Value<'_>| side.entries().next().is_none() && side.items().next().is_none();
    both.wanted.is_none_or(empty) && both.observed.is_none_or(empty)
}

/// Which items of two lists stand side by side: the same, or called the same.
fn aligned(wanted: &[Value<'_>], observed: &[Value<'_>]) -> Vec<(Option<usize>, Option<usize>)> {
    let name = |item: Value<'_>| -> Option<String> {
        ["name", "key", "mountPath", "port", "containerPort"]
            .iter()
            .find_map(|key| Some(item.get(key)?.raw().to_owned()))
    };
    let same = |a: Value<'_>, b: Value<'_>| match (name(a), name(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.to_json() == b.to_json(),
    };
    let mut left: Vec<usize> = (0..wanted.len()).collect();
    let mut pairs: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    for (at, &item) in observed.iter().enumerate() {
        let found = left.iter().position(|&other| same(wanted[other], item)).map(|place| left.remove(place));
        pairs.push((found, Some(at)));
    }
    // What stands alone on both sides is one item that became another.
    for pair in pairs.iter_mut().filter(|(wanted, _)| wanted.is_none()) {
        if left.is_empty() || wanted.len() != observed.len() {
            break;
        }
        pair.0 = Some(left.remove(0));
    }
    pairs.extend(left.into_iter().map(|at| (Some(at), None)));
    pairs
}

/// Lines side by side: what both begin and end with, and between that one by one.
fn paired(wanted: &[&str], observed: &[&str]) -> Vec<(Option<usize>, Option<usize>)> {
    let shorter = wanted.len().min(observed.len());
    let front = wanted.iter().zip(observed).take_while(|(a, b)| a == b).count();
    let back = wanted.iter().rev().zip(observed.iter().rev()).take_while(|(a, b)| a == b).count();
    let back = back.min(shorter - front);
    let (a, b) = (wanted.len() - back, observed.len() - back);
    let middle = (front..a.max(b)).map(|at| (Some(at).filter(|at| *at < a), Some(at).filter(|at| *at < b)));
    let start = (0..front).map(|at| (Some(at), Some(at)));
    let end = (0..back).map(|at| (Some(a + at), Some(b + at)));
    start.chain(middle).chain(end).collect()
}

fn text(value: Value<'_>) -> String {
    match value.kind() {
        NodeKind::Str if value.raw().trim_end().contains('\n') => value.raw().to_owned(),
        NodeKind::Str => scalar(value.raw()),
        _ => value.to_json().to_string(),
    }
}

/// Text as YAML has it, in quotes where it would mean something else without them.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+~ ,=()".contains(&byte);
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/') || is_amount(text);
    let word = matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    let clear = !text.contains(": ") && !text.ends_with([':', ' ']);
    if first && !word && clear && text.bytes().all(plain) { text.to_owned() } else { Json::from(text).to_string() }
}

/// Digits and a unit, such as `500m`: no number, date or time to YAML.
fn is_amount(text: &str) -> bool {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    unit.len() < text.len() && matches!(unit, "m" | "k" | "M" | "G" | "T" | "Ki" | "Mi" | "Gi" | "Ti")
}
