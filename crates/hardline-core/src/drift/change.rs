//! What a request changes: an object before and after, field by field, and nothing guessed.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde_json::Value as Json;

use super::managed::{Element, ManagedPath};
use super::shape::{Form, Shape};
use super::walk::METADATA;
use crate::ledger::{Change, Op, Withheld};
use crate::resource::Resource;
use crate::sensitive::{self, APPLIED};
use crate::source::Span;
use crate::tree::{NodeKind, Value};

/// The longest value that is shown, in bytes of JSON.
const LONGEST: usize = 256;

/// The fields in which two versions of an object differ, both as the API server has them.
///
/// A map or an item of a list that was added or removed is one change. Items of lists are told apart
/// by their keys where they have any; of other lists, those of the same length are compared item by
/// item. `status`, and what the API server alone writes, is left out. Secret values are withheld.
pub fn changes(before: &Resource, after: &Resource) -> Vec<Change> {
    let secrets = [sensitive::spans(before), sensitive::spans(after)];
    let mut walk = Walk { secrets, path: Vec::new(), changes: Vec::new() };
    walk.map(before.value(), after.value(), Shape::of(after, None));
    walk.changes
}

/// Members of a map or items of a list, by what tells them apart.
type Items<'v, N> = Vec<(N, Value<'v>)>;

struct Walk {
    /// Where the secrets are, before and after.
    secrets: [Vec<Span>; 2],
    path: Vec<Element>,
    changes: Vec<Change>,
}

impl Walk {
    /// Compares what is, or is not, at a step further.
    fn step(&mut self, step: Element, before: Option<Value<'_>>, after: Option<Value<'_>>, shape: Shape<'_>) {
        let present = |value: &Value<'_>| !value.is_null();
        self.path.push(step);
        match (before.filter(present), after.filter(present)) {
            (None, None) => {}
            (None, after @ Some(_)) => self.tell(Op::Added, None, after),
            (before @ Some(_), None) => self.tell(Op::Removed, before, None),
            (Some(before), Some(after)) => self.value(before, after, shape),
        }
        self.path.pop();
    }

    fn value(&mut self, before: Value<'_>, after: Value<'_>, shape: Shape<'_>) {
        match (before.kind(), after.kind()) {
            (NodeKind::Map, NodeKind::Map) => self.map(before, after, shape),
            (NodeKind::Seq, NodeKind::Seq) => self.list(before, after, shape),
            _ if before.to_json() == after.to_json() => {}
            _ => self.tell(Op::Changed, Some(before), Some(after)),
        }
    }

    fn map(&mut self, before: Value<'_>, after: Value<'_>, shape: Shape<'_>) {
        let [old, new] = [before, after].map(|map| map.entries().map(|entry| (entry.key.raw(), entry.value)).collect());
        self.steps(&old, &new, |walk, &name, before, after| {
            if !walk.skips(name) {
                let shape = shape.field(name).unwrap_or(Shape::Unknown);
                walk.step(Element::Field(name.to_owned()), before, after, shape);
            }
        });
    }

    /// Whether a field of this place says nothing about who changed what.
    fn skips(&self, name: &str) -> bool {
        match self.path.as_slice() {
            [] => name == "status",
            [Element::Field(metadata)] if metadata == "metadata" => METADATA.contains(&name),
            [Element::Field(metadata), _] if metadata == "metadata" => name == APPLIED,
            _ => false,
        }
    }

    fn list(&mut self, before: Value<'_>, after: Value<'_>, shape: Shape<'_>) {
        if let (Some(old), Some(new)) = (named(before, shape), named(after, shape)) {
            self.steps(&old, &new, |walk, _, before, after| {
                let Some(step) = before.or(after).and_then(|item| element(item, shape)) else { return };
                walk.step(step, before, after, shape.item());
            });
            let kept = |from: &Items<'_, String>, other: &Items<'_, String>| -> Vec<String> {
                let other: HashSet<&String> = other.iter().map(|(name, _)| name).collect();
                from.iter().map(|(name, _)| name).filter(|name| other.contains(name)).cloned().collect()
            };
            if kept(&old, &new) != kept(&new, &old) {
                self.tell(Op::Reordered, None, None);
            }
        } else if before.items().count() == after.items().count() {
            for (at, (before, after)) in before.items().zip(after.items()).enumerate() {
                self.step(Element::Index(at as u32), Some(before), Some(after), shape.item());
            }
        } else {
            self.tell(Op::Changed, Some(before), Some(after));
        }
    }

    /// Goes to all that either side has, in the order of the side before.
    fn steps<'v, N: Eq + Hash>(
        &mut self,
        before: &Items<'v, N>,
        after: &Items<'v, N>,
        mut step: impl FnMut(&mut Self, &N, Option<Value<'v>>, Option<Value<'v>>),
    ) {
        let (old, new) = (index(before), index(after));
        for (name, value) in before {
            step(self, name, Some(*value), new.get(name).copied());
        }
        for (name, value) in after.iter().filter(|(name, _)| !old.contains_key(name)) {
            step(self, name, None, Some(*value));
        }
    }

    fn tell(&mut self, op: Op, before: Option<Value<'_>>, after: Option<Value<'_>>) {
        let is_secret = |value: Option<Value<'_>>, secrets: &[Span]| {
            let span = value.map(Value::span);
            span.is_some_and(|span| secrets.iter().any(|it| it.start < span.end && span.start < it.end))
        };
        let secret = is_secret(before, &self.secrets[0]) || is_secret(after, &self.secrets[1]);
        let (before, after) = (before.map(Value::to_json), after.map(Value::to_json));
        let long = before.as_ref().is_some_and(is_long) || after.as_ref().is_some_and(is_long);
        let withheld = match (secret, long) {
            (true, _) => Some(Withheld::Secret),
            (_, true) => Some(Withheld::Long),
            _ => None,
        };
        let shown = |value: Option<Json>| value.filter(|_| withheld.is_none());
        let field = ManagedPath(self.path.clone()).to_string();
        self.changes.push(Change { field, op, old: shown(before), new: shown(after), withheld });
    }
}

fn index<'i, 'v, N: Eq + Hash>(items: &'i Items<'v, N>) -> HashMap<&'i N, Value<'v>> {
    items.iter().map(|(name, value)| (name, *value)).collect()
}

/// The items of a list by what tells them apart; `None` where nothing does.
fn named<'v>(list: Value<'v>, shape: Shape<'_>) -> Option<Items<'v, String>> {
    let items: Items<'_, _> =
        list.items().map(|item| Some((text(&element(item, shape)?), item))).collect::<Option<_>>()?;
    let distinct: HashSet<_> = items.iter().map(|(name, _)| name).collect();
    (distinct.len() == items.len()).then_some(items)
}

/// What tells an item of a list apart from the others.
fn element(item: Value<'_>, list: Shape<'_>) -> Option<Element> {
    match list.list_form() {
        Form::Set => Some(Element::Item(item.to_json())),
        Form::Keyed(keys) => {
            let values = keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(key)?.to_json())));
            Some(Element::key(values)).filter(|element| *element != Element::Key(Vec::new()))
        }
        Form::Atomic | Form::Granular => None,
    }
}

fn text(element: &Element) -> String {
    ManagedPath(vec![element.clone()]).to_string()
}

/// Whether a value is too long to be shown. Text of several lines is a file, of which nobody knows
/// what else it holds.
fn is_long(value: &Json) -> bool {
    let text = value.to_string();
    text.len() > LONGEST || text.contains("\\n")
}
