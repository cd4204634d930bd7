//! Many edits of one text in few passes.
//!
//! A pass patches the text at places that lie apart, then reads the result once and compares it with
//! what the edits make of the values. Edits that meet, such as two new keys at the end of one map,
//! wait for the next pass.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use hardline_core::edit::{Edit, Op};
use hardline_core::path::Segment;
use hardline_core::source::Source;
use hardline_core::tree::Value;
use serde_json::Value as Json;

use super::{Change, Refused, patch};
use crate::document::{self, Documents};

/// The place of a change that cannot be made, and why.
type Failure = (usize, Refused);

/// An edit that is to be made.
#[derive(Clone)]
struct Pending {
    /// The change it belongs to.
    change: usize,
    document: usize,
    /// Its path begins at the document's root.
    edit: Edit,
}

/// An edit with its patch of the text.
struct Patch {
    pending: Pending,
    range: Range<usize>,
    replacement: String,
}

/// A text with the values that it holds.
struct State {
    documents: Documents,
    values: Vec<Json>,
}

/// Makes all changes, or names one that cannot be made.
pub(super) fn make(source: &Arc<Source>, changes: &[&Change]) -> Result<String, Failure> {
    let mut state = State::read(source.clone());
    let mut pending = pending(changes);
    while !pending.is_empty() {
        let (patches, waiting) = state.plan(pending)?;
        pending = waiting;
        state = match state.pass(&patches) {
            Some(next) => next,
            // Together they do something else than each by itself: one after the other, then.
            None => patches.iter().try_fold(state, |state, patch| state.alone(&patch.pending))?,
        };
    }
    Ok(state.documents.tree.source().text.clone())
}

fn pending(changes: &[&Change]) -> Vec<Pending> {
    let edits = changes.iter().enumerate().flat_map(|(at, change)| {
        change.edits.iter().map(move |edit| {
            let path = change.target.item.segments().iter().chain(edit.path.segments()).cloned().collect();
            let edit = Edit { path, op: edit.op.clone() };
            Pending { change: at, document: change.target.document, edit }
        })
    });
    edits.collect()
}

impl State {
    fn read(source: Arc<Source>) -> Self {
        let documents = document::parse(&source);
        let values = documents.tree.roots().map(Value::to_json).collect();
        Self { documents, values }
    }

    /// The edits that can be made in one pass, each with its patch, and those that have to wait.
    fn plan(&self, pending: Vec<Pending>) -> Result<(Vec<Patch>, Vec<Pending>), Failure> {
        let mut patches: Vec<Patch> = Vec::new();
        let mut waiting: Vec<Pending> = Vec::new();
        for pending in pending {
            // Edits of one change depend on each other: none overtakes another.
            let has_to_wait = waiting.last().is_some_and(|last| last.change == pending.change)
                || patches.iter().any(|patch| meet(&patch.pending, &pending));
            if has_to_wait {
                waiting.push(pending);
                continue;
            }
            let Some((range, replacement)) = self.patch(&pending)? else { continue };
            let apart = |other: &Patch| range.end < other.range.start || other.range.end < range.start;
            if patches.iter().all(apart) {
                patches.push(Patch { pending, range, replacement });
            } else {
                waiting.push(pending);
            }
        }
        Ok((patches, waiting))
    }

    /// The patch for an edit; `None` where the value is as wanted already.
    fn patch(&self, pending: &Pending) -> Result<Option<(Range<usize>, String)>, Failure> {
        let refused = |reason| (pending.change, reason);
        let layout = || refused(Refused::Layout(pending.edit.path.clone()));
        let root = self.documents.tree.roots().nth(pending.document).ok_or_else(layout)?;
        let mut value = self.values[pending.document].clone();
        match pending.edit.apply(&mut value).map_err(|misfit| refused(misfit.into()))? {
            None => Ok(None),
            Some(_) => patch(root, &pending.edit).map(Some).ok_or_else(layout),
        }
    }

    /// The text with these patches made, if it holds what it should.
    fn pass(&self, patches: &[Patch]) -> Option<Self> {
        let mut wanted = self.values.clone();
        let mut ordered: Vec<&Patch> = patches.iter().collect();
        ordered.sort_by_key(|patch| Reverse(patch.range.start));
        let source = self.documents.tree.source();
        let mut text = source.text.clone();
        for patch in ordered {
            patch.pending.edit.apply(&mut wanted[patch.pending.document]).ok()?;
            text.replace_range(patch.range.clone(), &patch.replacement);
        }
        let next = Self::read(Arc::new(Source::new(source.name.clone(), text)));
        let same_problems = next.documents.problems.len() == self.documents.problems.len()
            && next.documents.duplicates.len() == self.documents.duplicates.len();
        (same_problems && next.values == wanted).then_some(next)
    }

    /// The text with one edit made, whose place is looked up anew.
    fn alone(self, pending: &Pending) -> Result<Self, Failure> {
        let Some((range, replacement)) = self.patch(pending)? else { return Ok(self) };
        let patch = Patch { pending: pending.clone(), range, replacement };
        let refused = || (pending.change, Refused::Verification(pending.edit.path.clone()));
        self.pass(&[patch]).ok_or_else(refused)
    }
}

/// Whether one edit changes what the other's path means, or its value.
fn meet(a: &Pending, b: &Pending) -> bool {
    let (of_a, of_b) = (reach(&a.edit), reach(&b.edit));
    let (path_a, path_b) = (a.edit.path.segments(), b.edit.path.segments());
    a.document == b.document && (path_a.starts_with(of_b) || path_b.starts_with(of_a))
}

/// The path below which an edit changes things: all of a list, when an item of it goes, and all of a
/// map, when a key of it gets another name.
fn reach(edit: &Edit) -> &[Segment] {
    match (&edit.op, edit.path.segments()) {
        (Op::Remove, [list @ .., Segment::Index(_)]) => list,
        (Op::Rename(_), [map @ .., Segment::Key(_)]) => map,
        (_, path) => path,
    }
}
