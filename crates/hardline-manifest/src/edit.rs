//! Edits of resources as edits of their text: comments, order and layout stay.
//!
//! Text is patched by byte ranges that the tree's spans give; nothing else is touched. What cannot
//! be done that way, such as a change inside an anchored value that others share, is refused. Every
//! result is read again and compared with what the edits make of the value: a patch that would do
//! anything else is refused as well.

mod batch;
mod scalar;

use std::ops::Range;
use std::sync::Arc;

use hardline_core::edit::{Edit, Misfit, Op};
use hardline_core::path::{FieldPath, Segment};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_core::tree::{NodeKind, Value};
use serde_json::Value as Json;

/// Why edits cannot be made in a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The edit does not fit the value.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The place is written in a way that cannot be patched without touching more.
    #[error("{0} is written in a way that cannot be edited in place")]
    Layout(FieldPath),
    /// The text, patched, would not hold what it should. Nothing was changed.
    #[error("the edit of {0} would change more than it should")]
    Verification(FieldPath),
}

/// Where a resource is in its source, which stays true while the text around it is edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The number of its document among those that can be read.
    pub document: usize,
    /// The way from the document's root to it: empty, but for members of a list.
    pub item: FieldPath,
}

impl Target {
    /// Where this resource is.
    pub fn of(resource: &Resource) -> Self {
        let value = resource.value();
        // Nodes lie in the order of the text: a member of a list comes after the list's root.
        let roots = value.tree().roots().enumerate().take_while(|(_, root)| root.id() <= value.id());
        let (document, root) = roots.last().unwrap_or((0, value));
        Self { document, item: item_path(root, value, FieldPath::ROOT).unwrap_or_default() }
    }
}

/// The way from a list to a member of it, or of a list in it.
fn item_path(list: Value<'_>, value: Value<'_>, path: FieldPath) -> Option<FieldPath> {
    if list.id() == value.id() {
        return Some(path);
    }
    let items = list.get("items").into_iter().flat_map(Value::items).enumerate();
    let (index, item) = items.take_while(|(_, item)| item.id() <= value.id()).last()?;
    item_path(item, value, path.key("items").index(index))
}

/// Edits of one resource that belong together: all of them are made, or none.
#[derive(Debug, Clone)]
pub struct Change {
    /// The resource.
    pub target: Target,
    /// The edits, in their order.
    pub edits: Vec<Edit>,
}

/// Makes edits of one resource of a source, and returns the whole new text. Either all edits are
/// made or none.
pub fn apply(source: &Arc<Source>, target: &Target, edits: &[Edit]) -> Result<String, Refused> {
    let change = Change { target: target.clone(), edits: edits.to_vec() };
    batch::make(source, &[&change]).map_err(|(_, refused)| refused)
}

/// Makes changes of one source that do not touch each other's fields. Returns the whole new text,
/// and the changes that cannot be made, by their place in `changes`.
///
/// The text is read a few times, however many changes there are.
pub fn apply_all(source: &Arc<Source>, changes: &[Change]) -> (String, Vec<(usize, Refused)>) {
    let mut left: Vec<(usize, &Change)> = changes.iter().enumerate().collect();
    let mut refused = Vec::new();
    loop {
        let batch: Vec<&Change> = left.iter().map(|(_, change)| *change).collect();
        match batch::make(source, &batch) {
            Ok(text) => return (text, refused),
            Err((at, reason)) => refused.push((left.remove(at).0, reason)),
        }
    }
}

/// A resource as a document of its own, in block style.
pub fn document(resource: &Json) -> String {
    scalar::block(resource, 0)
}

/// The byte range to replace, and by what.
fn patch(root: Value<'_>, edit: &Edit) -> Option<(Range<usize>, String)> {
    let segments = edit.path.segments();
    let mut at = root;
    let mut key = None;
    let mut parent = root;
    let mut depth = 0;
    let mut in_flow = false;
    for segment in segments {
        if at.is_shared() {
            return None;
        }
        in_flow |= at.is_flow();
        let next = match segment {
            Segment::Key(name) => at.entry(name).map(|entry| (entry.value, Some(entry.key))),
            Segment::Index(index) => at.items().nth(*index as usize).map(|item| (item, None)),
        };
        let Some((value, next_key)) = next else { break };
        (parent, at, key) = (at, value, next_key);
        depth += 1;
    }
    if at.is_shared() {
        return None;
    }
    let text = Text::of(root);
    let rest = &segments[depth..];
    match (&edit.op, rest) {
        (Op::Set(Json::String(value)), []) if at.kind() == NodeKind::Str && !at.is_block_scalar() => {
            Some((range(at), text.string_like(at, value, in_flow)))
        }
        (Op::Set(value), []) => text.replace(at, key, value),
        (Op::Append(item), []) if at.kind() == NodeKind::Seq => text.append(at, item),
        (Op::Append(item), []) => text.replace(at, key, &Json::from(vec![item.clone()])),
        (Op::Remove, []) => text.remove(parent, at, key),
        (Op::Remove | Op::Rename(_), [_, ..]) => None,
        (Op::Rename(name), []) => Some((range(key?), text.string_like(key?, name, in_flow))),
        (Op::Set(value), rest) => text.insert(at, key, rest, value),
        (Op::Append(item), rest) => text.insert(at, key, rest, &Json::from(vec![item.clone()])),
    }
}

/// A text, and how values are written in it.
#[derive(Clone, Copy)]
struct Text<'t> {
    text: &'t str,
    /// The document is JSON: everything that is added is, too.
    json: bool,
}

impl<'t> Text<'t> {
    fn of(root: Value<'t>) -> Self {
        let text = root.tree().source().text.as_str();
        let json = root.is_flow()
            && root.entries().next().is_none_or(|entry| text[entry.key.span().start as usize..].starts_with('"'));
        Self { text, json }
    }

    /// Puts a value in the place of one that exists.
    fn replace(self, at: Value<'t>, key: Option<Value<'t>>, value: &Json) -> Option<(Range<usize>, String)> {
        let range = range(at);
        match at.kind() {
            NodeKind::Null if range.is_empty() => {
                let key = key?;
                if is_block(value) && !self.json {
                    return Some(self.block_below(key, value));
                }
                let colon = self.text[key.span().end as usize..].find(':')? + key.span().end as usize + 1;
                Some((colon..colon, format!(" {}", self.flow(value))))
            }
            NodeKind::Map | NodeKind::Seq if !at.is_flow() => {
                // Only as a whole, and only below a key: the lines of the old value go.
                let key = key?;
                let colon = self.text[key.span().end as usize..].find(':')? + key.span().end as usize + 1;
                let end = end_of_value(at);
                let end = if self.text[..end].ends_with('\n') { end - 1 } else { end };
                Some((colon..end, format!(" {}", self.flow(value))))
            }
            _ if at.is_block_scalar() => None,
            _ => Some((range, self.flow(value))),
        }
    }

    /// Adds a key, and the maps below it, to a map.
    fn insert(
        self,
        map: Value<'t>,
        key: Option<Value<'t>>,
        rest: &[Segment],
        value: &Json,
    ) -> Option<(Range<usize>, String)> {
        let (first, below) = rest.split_first()?;
        let Segment::Key(name) = first else { return None };
        let value = below.iter().rev().try_fold(value.clone(), |value, segment| match segment {
            Segment::Key(key) => Some(Json::Object([(key.clone().into_owned(), value)].into_iter().collect())),
            Segment::Index(_) => None,
        })?;
        let entry = Json::Object([(name.clone().into_owned(), value)].into_iter().collect());
        match map.kind() {
            NodeKind::Null => self.replace(map, key, &entry),
            NodeKind::Map if map.is_flow() => {
                let inner = self.flow(&entry);
                let inner = inner.strip_prefix('{')?.strip_suffix('}')?;
                let last = map.entries().last();
                let at = last.map_or(range(map).start + 1, |last| range(last.value).end.max(range(last.key).end));
                let comma = if last.is_some() { ", " } else { "" };
                Some((at..at, format!("{comma}{inner}")))
            }
            NodeKind::Map => {
                let first = map.entries().next()?;
                let indent = self.column(range(first.key).start);
                let at = self.end_of_lines(map);
                Some((at..at, self.lines_at(at, &scalar::block(&entry, indent))))
            }
            _ => None,
        }
    }

    /// Adds an item to a sequence.
    fn append(self, seq: Value<'t>, item: &Json) -> Option<(Range<usize>, String)> {
        let last = seq.items().last();
        if seq.is_flow() {
            let at = last.map_or(range(seq).start + 1, |last| range(last).end);
            let comma = if last.is_some() { ", " } else { "" };
            return Some((at..at, format!("{comma}{}", self.flow(item))));
        }
        let indent = self.column(self.dash(last?)?);
        let at = self.end_of_lines(seq);
        Some((at..at, self.lines_at(at, &scalar::block(&Json::from(vec![item.clone()]), indent))))
    }

    /// Takes a map's entry or a sequence's item away.
    fn remove(self, parent: Value<'t>, at: Value<'t>, key: Option<Value<'t>>) -> Option<(Range<usize>, String)> {
        let members: Vec<Range<usize>> = match parent.kind() {
            NodeKind::Map => parent
                .entries()
                .map(|entry| range(entry.key).start..range(entry.value).end.max(range(entry.key).end))
                .collect(),
            _ => parent.items().map(range).collect(),
        };
        let start = range(key.unwrap_or(at)).start;
        let index = members.iter().position(|member| member.start == start)?;
        if parent.is_flow() {
            let from = if index > 0 { members[index - 1].end } else { start };
            let to = match members.get(index + 1) {
                Some(next) if index == 0 => next.start,
                _ => range(at).end.max(members[index].end),
            };
            return Some((from..to, String::new()));
        }
        if members.len() == 1 {
            // The empty collection stays: taking it away as well would be another edit.
            let empty = if key.is_some() { "{}" } else { "[]" };
            let first = if key.is_some() { start } else { self.dash(at)? };
            let end = end_of_value(at);
            let end = if self.text[..end].ends_with('\n') { end - 1 } else { end };
            return Some((first..end, empty.to_owned()));
        }
        let first = if key.is_some() { start } else { self.dash(at)? };
        let line = self.line_start(first);
        let blank_before = self.text[line..first].trim().is_empty();
        if blank_before {
            return Some((line..self.end_of_lines(at), String::new()));
        }
        // The first entry of a sequence's item stands behind the dash: the next one takes its place.
        let next = members.get(index + 1)?;
        Some((first..next.start, String::new()))
    }

    /// A block value on the lines below its key.
    fn block_below(self, key: Value<'t>, value: &Json) -> (Range<usize>, String) {
        let indent = self.column(range(key).start) + 2;
        let at = self.line_end(range(key).end);
        (at..at, self.lines_at(at, &scalar::block(value, indent)))
    }

    /// Lines to stand at an offset that is a line's start, or the end of a text without a final newline.
    fn lines_at(self, at: usize, lines: &str) -> String {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let lines = lines.replace('\n', newline);
        if at > 0 && !self.text[..at].ends_with('\n') { format!("{newline}{}", lines.trim_end()) } else { lines }
    }

    /// A string in the place of another, in the quotes of that one.
    fn string_like(self, at: Value<'t>, value: &str, in_flow: bool) -> String {
        match self.text[range(at)].chars().next() {
            Some('\'') if scalar::fits_single_quotes(value) => format!("'{value}'"),
            Some('"') => Json::from(value).to_string(),
            _ if self.json => Json::from(value).to_string(),
            _ => scalar::string(value, in_flow),
        }
    }

    fn flow(self, value: &Json) -> String {
        if self.json { value.to_string() } else { scalar::flow(value) }
    }

    /// Where the last line of a value ends, the newline and a comment behind the value included.
    fn end_of_lines(self, value: Value<'t>) -> usize {
        let end = end_of_value(value);
        // A block scalar's span may reach into the indentation of the line below it.
        let line = self.line_start(end);
        if self.text[line..end].trim().is_empty() { line } else { self.line_end(end) }
    }

    fn line_start(self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Just past the newline that ends the line of an offset.
    fn line_end(self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The column of an offset, from 0, in characters.
    fn column(self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }

    /// The dash before a block sequence's item.
    fn dash(self, item: Value<'t>) -> Option<usize> {
        self.text[..range(item).start].rfind('-')
    }
}

fn range(value: Value<'_>) -> Range<usize> {
    let span = value.span();
    span.start as usize..span.end as usize
}

/// Just past the last byte of a value: of a block collection, of what is last in it.
fn end_of_value(value: Value<'_>) -> usize {
    if value.is_flow() {
        return range(value).end;
    }
    let last = match value.kind() {
        NodeKind::Map => value.entries().last().map(|entry| (range(entry.key).end, entry.value)),
        NodeKind::Seq => value.items().last().map(|item| (range(item).start, item)),
        _ => None,
    };
    last.map_or(range(value).end, |(least, last)| end_of_value(last).max(least))
}

/// Whether a value is better written on lines of its own.
fn is_block(value: &Json) -> bool {
    match value {
        Json::Object(map) => !map.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}
