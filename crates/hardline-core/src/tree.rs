//! One arena tree for YAML and JSON, with the byte span of every key and value.
//!
//! Nodes lie in pre-order in one vector, 16 bytes each: a collection's children
//! follow it directly, and every node knows where its next sibling starts. A map's
//! children alternate key, value. Scalars keep no text of their own: they are
//! slices of the source, or of a side buffer where escapes had to be undone.
//! Aliases are nodes that name their target; nothing is expanded, so an alias bomb
//! costs nothing until somebody walks it, and the builder refuses trees whose
//! walk would be too long.

use std::collections::HashMap;
use std::sync::Arc;

use crate::path::{FieldPath, Segment};
use crate::scalar;
use crate::source::{Source, Span};

/// The parsed documents of one source.
#[derive(Debug)]
pub struct Tree {
    source: Arc<Source>,
    nodes: Vec<Node>,
    side: Vec<Side>,
    side_text: String,
    roots: Vec<NodeId>,
}

/// A node of one [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// What a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// No value: `null`, `~`, or nothing at all.
    Null,
    /// A boolean.
    Bool,
    /// A whole number.
    Int,
    /// A number with a point or an exponent.
    Float,
    /// Text.
    Str,
    /// A map from strings to values.
    Map,
    /// A sequence of values.
    Seq,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: what it means is resolved by [`scalar::resolve_plain`].
    Plain,
    /// In quotes or as a block: always text. The span includes the quotes.
    Text,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// The node after this one's subtree.
    next: u32,
    kind: NodeKind,
    flags: u8,
}

/// The scalar's source text has one quote at each end and no escapes.
const QUOTED: u8 = 1;
/// The scalar's text, or the alias's target, is in the side table.
const SIDE: u8 = 1 << 1;
/// The node stands for another one.
const ALIAS: u8 = 1 << 2;
/// The map has a `<<` key.
const MERGE: u8 = 1 << 3;
/// The map has a key twice.
const DUPLICATE: u8 = 1 << 4;
/// The collection is written in flow style, or the scalar as a block.
const FLOW_OR_BLOCK: u8 = 1 << 5;
/// The node is named by an anchor.
const ANCHORED: u8 = 1 << 6;

/// What does not fit into a [`Node`]: a scalar's text in `side_text`, or an alias's target.
#[derive(Debug, Clone, Copy)]
struct Side {
    node: u32,
    start: u32,
    len: u32,
}

/// Bounds on what a tree may hold, so that hostile input stays cheap.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How deep collections may nest.
    pub depth: usize,
    /// How many nodes a walk that follows aliases may visit beyond those written down.
    pub alias_expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 256, alias_expansion: 1_000_000 }
    }
}

/// Why a document cannot become a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Collections nest deeper than [`Limits::depth`].
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Aliases multiply beyond [`Limits::alias_expansion`].
    #[error("aliases expand to too many values")]
    ExcessiveAliasing,
    /// An alias without its anchor.
    #[error("the alias has no anchor")]
    UnknownAnchor,
    /// An alias inside the node that its anchor names.
    #[error("the anchored value contains itself")]
    RecursiveAnchor,
    /// A key that is no string, number or boolean.
    #[error("a key must be a string")]
    KeyNotString,
    /// `<<` with a value that is neither a map nor a sequence of maps.
    #[error("a merge key needs a map or a list of maps")]
    MergeNotMap,
    /// A number that JSON cannot carry.
    #[error("`{0}` is not a number that Kubernetes can store")]
    NotFinite(String),
    /// More nodes or bytes than the arena can count.
    #[error("the document is too large")]
    TooLarge,
}

impl Tree {
    /// The text this tree was read from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The root values of the documents, in order.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        self.roots.iter().map(|&id| Value { tree: self, id })
    }

    /// A node's value.
    pub fn value(&self, id: NodeId) -> Value<'_> {
        Value { tree: self, id }
    }

    /// Bytes of memory that the tree holds, its source's text included.
    pub fn memory(&self) -> usize {
        self.source.text.capacity()
            + self.nodes.capacity() * size_of::<Node>()
            + self.side.capacity() * size_of::<Side>()
            + self.side_text.capacity()
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn side(&self, id: NodeId) -> Side {
        let at = self.side.partition_point(|side| side.node < id.0);
        self.side[at]
    }

    fn text(&self, id: NodeId) -> &str {
        let node = self.node(id);
        if node.flags & SIDE != 0 {
            let side = self.side(id);
            return &self.side_text[side.start as usize..(side.start + side.len) as usize];
        }
        let quote = u32::from(node.flags & QUOTED != 0);
        &self.source.text[(node.start + quote) as usize..(node.end - quote) as usize]
    }
}

/// A value in a [`Tree`]: cheap to copy, reads on demand, sees through aliases and merge keys.
#[derive(Clone, Copy)]
pub struct Value<'t> {
    tree: &'t Tree,
    id: NodeId,
}

/// A key of a map with its value.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'t> {
    /// The key, always text.
    pub key: Value<'t>,
    /// The value, which may be null.
    pub value: Value<'t>,
}

impl<'t> Value<'t> {
    /// The node this value is read from; for an alias, the alias itself.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The tree this value is read from.
    pub fn tree(self) -> &'t Tree {
        self.tree
    }

    /// What the value holds.
    pub fn kind(self) -> NodeKind {
        self.tree.node(self.target().id).kind
    }

    /// Where the value is written; for an alias, where the alias is.
    pub fn span(self) -> Span {
        let node = self.tree.node(self.id);
        Span { start: node.start, end: node.end }
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == NodeKind::Null
    }

    /// Whether this is an alias, or a map that merges others: such places cannot be edited in text.
    pub fn is_shared(self) -> bool {
        self.tree.node(self.id).flags & (ALIAS | MERGE | ANCHORED) != 0
    }

    /// Whether a collection is written as `{…}` or `[…]`.
    pub fn is_flow(self) -> bool {
        matches!(self.kind(), NodeKind::Map | NodeKind::Seq) && self.tree.node(self.id).flags & FLOW_OR_BLOCK != 0
    }

    /// Whether a scalar is written as a block, by `|` or `>`.
    pub fn is_block_scalar(self) -> bool {
        self.kind() == NodeKind::Str && self.tree.node(self.id).flags & FLOW_OR_BLOCK != 0
    }

    /// The value of a map's key, unless that value is null or this is no map.
    ///
    /// Kubernetes takes an explicit null for an absent field; so does this.
    pub fn get(self, key: &str) -> Option<Value<'t>> {
        self.entry(key).map(|entry| entry.value).filter(|value| !value.is_null())
    }

    /// The value at the end of these keys, as by [`Value::get`].
    pub fn at(self, keys: &[&str]) -> Option<Value<'t>> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// A map's entry, null values included. Of a key written twice, the last one counts.
    pub fn entry(self, key: &str) -> Option<Entry<'t>> {
        let map = self.target();
        let node = map.tree.node(map.id);
        if node.kind != NodeKind::Map {
            return None;
        }
        let mut own = map.own_entries().filter(|entry| entry.key.key_is(key));
        let found = if node.flags & DUPLICATE == 0 { own.next() } else { own.last() };
        if found.is_some() || node.flags & MERGE == 0 {
            return found;
        }
        map.merged().find_map(|merged| merged.entry(key))
    }

    /// A sequence's items; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = Value<'t>> + use<'t> {
        let seq = self.target();
        let node = seq.tree.node(seq.id);
        let (from, to) = if node.kind == NodeKind::Seq { (seq.id.0 + 1, node.next) } else { (0, 0) };
        seq.siblings(from, to)
    }

    /// A map's entries in the order written, merged ones last; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = Entry<'t>> + use<'t> {
        let map = self.target();
        let node = map.tree.node(map.id);
        let plain = node.flags & (MERGE | DUPLICATE) == 0;
        let own = map.own_entries().filter(move |entry| {
            plain || (!entry.key.is_merge_key() && map.entry(entry.key.raw()).is_some_and(|e| e.key.id == entry.key.id))
        });
        let merged: Vec<Entry<'t>> = if node.flags & MERGE == 0 {
            Vec::new()
        } else {
            let all = map.merged().flat_map(|merged| merged.entries().collect::<Vec<_>>());
            all.filter(|entry| map.entry(entry.key.raw()).is_some_and(|e| e.key.id == entry.key.id)).collect()
        };
        own.chain(merged)
    }

    /// The text of a string.
    pub fn str(self) -> Option<&'t str> {
        (self.kind() == NodeKind::Str).then(|| self.raw())
    }

    /// The boolean.
    pub fn bool(self) -> Option<bool> {
        if self.kind() == NodeKind::Bool { scalar::parse_bool(self.raw()) } else { None }
    }

    /// The whole number, also when written as `1e3`.
    pub fn int(self) -> Option<i64> {
        match self.kind() {
            NodeKind::Int => scalar::parse_int(self.raw())?.try_into().ok(),
            NodeKind::Float => {
                let number = scalar::parse_float(self.raw())?;
                #[expect(clippy::cast_precision_loss, reason = "the bound need not be exact")]
                let fits = number.fract() == 0.0 && number.abs() < i64::MAX as f64;
                fits.then_some(number as i64)
            }
            _ => None,
        }
    }

    /// The number, whole or not.
    pub fn float(self) -> Option<f64> {
        match self.kind() {
            #[expect(clippy::cast_precision_loss, reason = "a float is what was asked for")]
            NodeKind::Int => Some(scalar::parse_int(self.raw())? as f64),
            NodeKind::Float => scalar::parse_float(self.raw()),
            _ => None,
        }
    }

    /// A scalar's text as written, quotes and escapes undone; empty for collections.
    pub fn raw(self) -> &'t str {
        let target = self.target();
        match target.tree.node(target.id).kind {
            NodeKind::Map | NodeKind::Seq => "",
            _ => target.tree.text(target.id),
        }
    }

    /// Follows a path as far as it exists.
    pub fn follow(self, path: &FieldPath) -> Followed<'t> {
        let mut followed = Followed { value: self, key: None, depth: 0 };
        for segment in path.segments() {
            let step = match segment {
                Segment::Key(key) => followed.value.entry(key).map(|entry| (entry.value, Some(entry.key))),
                Segment::Index(index) => followed.value.items().nth(*index as usize).map(|item| (item, None)),
            };
            let Some((value, key)) = step else { break };
            followed = Followed { value, key, depth: followed.depth + 1 };
        }
        followed
    }

    /// The value as `serde_json` holds it, aliases and merges expanded.
    pub fn to_json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.kind() {
            NodeKind::Null => Json::Null,
            NodeKind::Bool => self.bool().map_or(Json::Null, Json::Bool),
            NodeKind::Int => match scalar::parse_int(self.raw()) {
                Some(int) => i64::try_from(int)
                    .map(Json::from)
                    .or_else(|_| u64::try_from(int).map(Json::from))
                    .unwrap_or(Json::Null),
                None => Json::Null,
            },
            NodeKind::Float => match self.int() {
                Some(int) => Json::from(int),
                None => self.float().map_or(Json::Null, Json::from),
            },
            NodeKind::Str => Json::from(self.raw()),
            NodeKind::Seq => self.items().map(Self::to_json).collect(),
            NodeKind::Map => {
                Json::Object(self.entries().map(|entry| (entry.key.raw().to_owned(), entry.value.to_json())).collect())
            }
        }
    }

    fn target(self) -> Self {
        let node = self.tree.node(self.id);
        if node.flags & ALIAS == 0 {
            return self;
        }
        // The builder stores final targets only: an alias never names an alias.
        Self { tree: self.tree, id: NodeId(self.tree.side(self.id).start) }
    }

    fn key_is(self, key: &str) -> bool {
        let node = self.tree.node(self.id);
        if node.flags & (SIDE | QUOTED | ALIAS) == 0 {
            return (node.end - node.start) as usize == key.len()
                && &self.tree.source.text.as_bytes()[node.start as usize..node.end as usize] == key.as_bytes();
        }
        self.raw() == key
    }

    fn is_merge_key(self) -> bool {
        let node = self.tree.node(self.id);
        node.flags & (SIDE | QUOTED | ALIAS | FLOW_OR_BLOCK) == 0 && self.key_is("<<")
    }

    fn siblings(self, from: u32, to: u32) -> impl Iterator<Item = Value<'t>> + use<'t> {
        let tree = self.tree;
        let mut at = from;
        std::iter::from_fn(move || {
            (at < to).then(|| {
                let id = NodeId(at);
                at = tree.node(id).next;
                Value { tree, id }
            })
        })
    }

    fn own_entries(self) -> impl Iterator<Item = Entry<'t>> + use<'t> {
        let node = self.tree.node(self.id);
        let (from, to) = if node.kind == NodeKind::Map { (self.id.0 + 1, node.next) } else { (0, 0) };
        let mut children = self.siblings(from, to);
        std::iter::from_fn(move || Some(Entry { key: children.next()?, value: children.next()? }))
    }

    /// The maps that `<<` keys bring in, the strongest first.
    fn merged(self) -> impl Iterator<Item = Value<'t>> + use<'t> {
        self.own_entries().filter(|entry| entry.key.is_merge_key()).flat_map(|entry| {
            let list: Vec<_> = match entry.value.kind() {
                NodeKind::Seq => entry.value.items().collect(),
                _ => vec![entry.value],
            };
            list
        })
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

/// How far [`Value::follow`] came.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'t> {
    /// The last value on the path that exists.
    pub value: Value<'t>,
    /// The key that leads to `value`, unless it is the root or a sequence's item.
    pub key: Option<Value<'t>>,
    /// How many of the path's steps exist.
    pub depth: usize,
}

impl Followed<'_> {
    /// The text to point at for a finding on the path: a scalar's own, a key for a
    /// collection or an absent field, the first key of a sequence's item.
    pub fn span(&self) -> Span {
        match (self.value.kind(), self.key) {
            (NodeKind::Map | NodeKind::Seq | NodeKind::Null, Some(key)) => key.span(),
            (NodeKind::Map, None) if !self.value.is_flow() => {
                self.value.own_entries().next().map_or_else(|| self.value.span(), |entry| entry.key.span())
            }
            _ => self.value.span(),
        }
    }
}

/// Builds a [`Tree`] from the events of a reader.
#[derive(Debug)]
pub struct TreeBuilder {
    tree: Tree,
    limits: Limits,
    open: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    pending_anchor: Option<usize>,
    duplicates: Vec<Span>,
    /// Nodes that a walk of everything so far would visit.
    walk: u64,
    checkpoint: Checkpoint,
}

#[derive(Debug)]
struct Frame {
    id: u32,
    map: bool,
    expects_key: bool,
    expects_merge: bool,
    anchor: Option<(usize, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    node: u32,
    /// Nodes in a walk of the anchored value; `None` while it is still open.
    walk: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Checkpoint {
    nodes: usize,
    side: usize,
    side_text: usize,
    duplicates: usize,
}

impl TreeBuilder {
    /// Starts a tree of the source's documents.
    pub fn new(source: Arc<Source>, limits: Limits) -> Self {
        let nodes = Vec::with_capacity(source.text.len() / 10);
        let tree = Tree { source, nodes, side: Vec::new(), side_text: String::new(), roots: Vec::new() };
        Self {
            tree,
            limits,
            open: Vec::new(),
            anchors: HashMap::new(),
            pending_anchor: None,
            duplicates: Vec::new(),
            walk: 0,
            checkpoint: Checkpoint::default(),
        }
    }

    /// Starts a document: everything since is undone by [`TreeBuilder::abandon_document`].
    pub fn begin_document(&mut self) {
        self.reset();
        self.checkpoint = Checkpoint {
            nodes: self.tree.nodes.len(),
            side: self.tree.side.len(),
            side_text: self.tree.side_text.len(),
            duplicates: self.duplicates.len(),
        };
    }

    /// Ends a document that was read to its end. One without any value is not kept.
    pub fn end_document(&mut self) -> Option<NodeId> {
        debug_assert!(self.open.is_empty(), "a collection is still open");
        let root = (self.tree.nodes.len() > self.checkpoint.nodes).then_some(NodeId(self.checkpoint.nodes as u32));
        self.tree.roots.extend(root);
        root
    }

    /// Forgets the document that was begun last, which could not be read.
    pub fn abandon_document(&mut self) {
        self.reset();
        self.tree.nodes.truncate(self.checkpoint.nodes);
        self.tree.side.truncate(self.checkpoint.side);
        self.tree.side_text.truncate(self.checkpoint.side_text);
        self.duplicates.truncate(self.checkpoint.duplicates);
    }

    fn reset(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.pending_anchor = None;
        self.walk = 0;
    }

    /// The tree, and the spans of keys that a map already had.
    pub fn finish(mut self) -> (Tree, Vec<Span>) {
        self.tree.nodes.shrink_to_fit();
        (self.tree, self.duplicates)
    }

    /// Names the node that comes next. Readers number the anchors of a document.
    pub fn anchor(&mut self, name: usize) {
        self.pending_anchor = Some(name);
    }

    /// Opens a map.
    pub fn begin_map(&mut self, start: u32, flow: bool) -> Result<(), BuildError> {
        self.begin(NodeKind::Map, start, flow)
    }

    /// Opens a sequence.
    pub fn begin_seq(&mut self, start: u32, flow: bool) -> Result<(), BuildError> {
        self.begin(NodeKind::Seq, start, flow)
    }

    fn begin(&mut self, kind: NodeKind, start: u32, flow: bool) -> Result<(), BuildError> {
        if self.open.len() >= self.limits.depth {
            return Err(BuildError::TooDeep(self.limits.depth));
        }
        let mut expects_merge = false;
        if let Some(parent) = self.open.last_mut() {
            if parent.expects_key {
                return Err(BuildError::KeyNotString);
            }
            expects_merge = parent.expects_merge && kind == NodeKind::Seq;
            if parent.expects_merge && !parent.map && kind == NodeKind::Seq {
                return Err(BuildError::MergeNotMap);
            }
            parent.expects_key = parent.map;
            if parent.map {
                parent.expects_merge = false;
            }
        }
        let id = self.push(start, start, kind, if flow { FLOW_OR_BLOCK } else { 0 })?;
        let anchor = self.pending_anchor.take().map(|name| {
            self.anchors.insert(name, Anchor { node: id, walk: None });
            self.tree.nodes[id as usize].flags |= ANCHORED;
            (name, self.walk)
        });
        let map = kind == NodeKind::Map;
        self.open.push(Frame { id, map, expects_key: map, expects_merge, anchor });
        Ok(())
    }

    /// Closes the map or sequence that was opened last. `end` is the offset just past it.
    ///
    /// # Panics
    /// When nothing is open.
    pub fn end(&mut self, end: u32) {
        let frame = self.open.pop().expect("a reader ends what it began");
        let next = self.tree.nodes.len() as u32;
        let node = &mut self.tree.nodes[frame.id as usize];
        node.end = end;
        node.next = next;
        if frame.map {
            self.find_duplicates(NodeId(frame.id));
        }
        if let Some((name, walk_before)) = frame.anchor {
            let walk = self.walk - walk_before + 1;
            self.anchors.insert(name, Anchor { node: frame.id, walk: Some(walk) });
        }
    }

    /// Adds a scalar whose text is exactly the source's between the offsets,
    /// or, for [`Style::Text`], that without the quote at each end.
    #[inline]
    pub fn scalar(&mut self, start: u32, end: u32, style: Style) -> Result<(), BuildError> {
        let (kind, flags) = match style {
            Style::Text => (NodeKind::Str, QUOTED),
            Style::Plain => (scalar::resolve_plain(&self.tree.source.text[start as usize..end as usize]), 0),
        };
        self.add_scalar(start, end, kind, flags)
    }

    /// Adds a scalar whose text is not the source's: escapes undone, lines folded, or a tag applied.
    pub fn scalar_with_text(
        &mut self,
        start: u32,
        end: u32,
        style: Style,
        block: bool,
        text: &str,
    ) -> Result<(), BuildError> {
        let kind = match style {
            Style::Text => NodeKind::Str,
            Style::Plain => scalar::resolve_plain(text),
        };
        self.push_side_text(text);
        self.add_scalar(start, end, kind, SIDE | if block { FLOW_OR_BLOCK } else { 0 })
    }

    fn push_side_text(&mut self, text: &str) {
        let start = self.tree.side_text.len() as u32;
        self.tree.side_text.push_str(text);
        self.tree.side.push(Side { node: self.tree.nodes.len() as u32, start, len: text.len() as u32 });
    }

    fn add_scalar(&mut self, start: u32, end: u32, kind: NodeKind, mut flags: u8) -> Result<(), BuildError> {
        let mut kind = kind;
        if let Some(parent) = self.open.last_mut() {
            if parent.expects_key {
                parent.expects_key = false;
                let parent = parent.id as usize;
                if kind != NodeKind::Str {
                    self.stringify_key(start, end, kind, &mut flags)?;
                    kind = NodeKind::Str;
                } else if flags == 0 && &self.tree.source.text[start as usize..end as usize] == "<<" {
                    self.tree.nodes[parent].flags |= MERGE;
                    if let Some(frame) = self.open.last_mut() {
                        frame.expects_merge = true;
                    }
                }
            } else {
                if parent.expects_merge {
                    return Err(BuildError::MergeNotMap);
                }
                parent.expects_key = parent.map;
            }
        }
        if kind == NodeKind::Float {
            self.check_finite(start, end, flags)?;
        }
        let id = self.push(start, end, kind, flags)?;
        if let Some(name) = self.pending_anchor.take() {
            self.tree.nodes[id as usize].flags |= ANCHORED;
            self.anchors.insert(name, Anchor { node: id, walk: Some(1) });
        }
        Ok(())
    }

    /// Kubernetes turns keys into JSON strings: `yes` becomes `true`, `0x10` becomes `16`.
    fn stringify_key(&mut self, start: u32, end: u32, kind: NodeKind, flags: &mut u8) -> Result<(), BuildError> {
        let raw = if *flags & SIDE == 0 {
            self.tree.source.text[start as usize..end as usize].to_owned()
        } else {
            let side = self.tree.side.pop().expect("the side text was just pushed");
            self.tree.side_text.split_off(side.start as usize)
        };
        let text = match kind {
            NodeKind::Bool => scalar::parse_bool(&raw).map(|bool| bool.to_string()),
            NodeKind::Int => scalar::parse_int(&raw).map(|int| int.to_string()),
            NodeKind::Float => scalar::parse_float(&raw).map(|float| float.to_string()),
            _ => None,
        };
        self.push_side_text(&text.ok_or(BuildError::KeyNotString)?);
        *flags |= SIDE;
        Ok(())
    }

    fn check_finite(&self, start: u32, end: u32, flags: u8) -> Result<(), BuildError> {
        let text = if flags & SIDE == 0 {
            &self.tree.source.text[start as usize..end as usize]
        } else {
            let side = self.tree.side.last().map_or(0, |side| side.start);
            &self.tree.side_text[side as usize..]
        };
        match scalar::parse_float(text) {
            Some(float) if float.is_finite() => Ok(()),
            _ => Err(BuildError::NotFinite(text.to_owned())),
        }
    }

    /// Adds a node that stands for the one named by an anchor.
    pub fn alias(&mut self, start: u32, end: u32, name: usize) -> Result<(), BuildError> {
        let anchor = *self.anchors.get(&name).ok_or(BuildError::UnknownAnchor)?;
        let walk = anchor.walk.ok_or(BuildError::RecursiveAnchor)?;
        self.walk = self.walk.saturating_add(walk);
        let written = (self.tree.nodes.len() - self.checkpoint.nodes) as u64;
        if self.walk.saturating_sub(written) > self.limits.alias_expansion {
            return Err(BuildError::ExcessiveAliasing);
        }
        let target = self.tree.nodes[anchor.node as usize];
        if let Some(parent) = self.open.last_mut() {
            if parent.expects_key && target.kind != NodeKind::Str {
                return Err(BuildError::KeyNotString);
            }
            if parent.expects_merge && !self.may_merge(anchor.node) {
                return Err(BuildError::MergeNotMap);
            }
            if let Some(parent) = self.open.last_mut() {
                parent.expects_merge &= !parent.map;
                parent.expects_key = parent.map && !parent.expects_key;
            }
        }
        self.tree.side.push(Side { node: self.tree.nodes.len() as u32, start: anchor.node, len: 0 });
        let id = self.push(start, end, target.kind, SIDE | ALIAS)?;
        if let Some(name) = self.pending_anchor.take() {
            self.anchors.insert(name, Anchor { node: anchor.node, walk: Some(walk) });
            self.tree.nodes[id as usize].flags |= ANCHORED;
        }
        Ok(())
    }

    fn may_merge(&self, node: u32) -> bool {
        let value = self.tree.value(NodeId(node));
        let list_allowed = self.open.last().is_some_and(|frame| frame.map);
        match value.kind() {
            NodeKind::Map => true,
            NodeKind::Seq => list_allowed && value.items().all(|item| item.kind() == NodeKind::Map),
            _ => false,
        }
    }

    #[inline]
    fn push(&mut self, start: u32, end: u32, kind: NodeKind, flags: u8) -> Result<u32, BuildError> {
        let id = u32::try_from(self.tree.nodes.len()).map_err(|_| BuildError::TooLarge)?;
        self.tree.nodes.push(Node { start, end, next: id + 1, kind, flags });
        self.walk += 1;
        Ok(id)
    }

    fn find_duplicates(&mut self, map: NodeId) {
        let keys = || self.tree.value(map).own_entries().map(|entry| entry.key);
        let count = keys().count();
        let mut again = Vec::new();
        if count <= 16 {
            let keys: Vec<_> = keys().collect();
            for (at, key) in keys.iter().enumerate() {
                if keys[..at].iter().any(|before| before.key_is(key.raw())) {
                    again.push(key.span());
                }
            }
        } else {
            let mut seen = std::collections::HashSet::with_capacity(count);
            again.extend(keys().filter(|key| !seen.insert(key.raw())).map(Value::span));
        }
        if !again.is_empty() {
            self.tree.nodes[map.0 as usize].flags |= DUPLICATE;
            self.duplicates.append(&mut again);
        }
    }
}
