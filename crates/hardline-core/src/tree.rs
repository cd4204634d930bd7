//! One arena tree for YAML and JSON, with the byte span of every key and value.
//!
//! Nodes lie in pre-order in one vector, 16 bytes each: a collection's children
//! follow it directly, and every node knows where its next sibling starts. A map's
//! children alternate key, value. Scalars keep no text of their own: they are
//! slices of the source, or of a side buffer where escapes had to be undone.
//! Aliases are nodes that name their target; nothing is expanded, so an alias bomb
//! costs nothing until somebody walks it, and the builder refuses trees whose
//! walk would be too long.

use std::collections::{HashMap, hash_map};
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
    /// A key's [`Tag`]; 0 for any other node.
    tag: Tag,
}

/// A digest of a key: keys with unequal tags differ, whatever their text.
type Tag = u16;

#[inline]
fn tag(key: &str) -> Tag {
    let key = key.as_bytes();
    let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
    let letters = first.wrapping_mul(31) ^ last.wrapping_mul(17) ^ key[key.len() / 2];
    Tag::from_le_bytes([key.len() as u8, letters])
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
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 256 }
    }
}

/// Why a document cannot become a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Collections nest deeper than [`Limits::depth`].
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Aliases multiply beyond what Kubernetes expands.
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

    /// The keys that are a number or a boolean as written, and were turned into text.
    pub fn converted_keys(&self) -> impl Iterator<Item = Value<'_>> {
        let nodes = self.side.iter().map(|side| NodeId(side.node));
        let is_converted = |&id: &NodeId| {
            let node = self.node(id);
            let written = &self.source.text[node.start as usize..node.end as usize];
            let is_key = || self.source.text[node.end as usize..].trim_start_matches([' ', '\t']).starts_with(':');
            node.kind == NodeKind::Str && scalar::resolve_plain(written) != NodeKind::Str && is_key()
        };
        nodes.filter(is_converted).map(|id| self.value(id))
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
    #[inline]
    pub fn get(self, key: &str) -> Option<Value<'t>> {
        self.entry(key).map(|entry| entry.value).filter(|value| !value.is_null())
    }

    /// The value at the end of these keys, as by [`Value::get`].
    #[inline]
    pub fn at(self, keys: &[&str]) -> Option<Value<'t>> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// A map's entry, null values included. Of a key set twice, also by a merge, the last one counts.
    #[inline]
    pub fn entry(self, key: &str) -> Option<Entry<'t>> {
        // Worked out by the compiler where the key is a literal.
        self.tagged_entry(key, tag(key))
    }

    fn tagged_entry(self, key: &str, tag: Tag) -> Option<Entry<'t>> {
        let map = self.target();
        if map.tree.node(map.id).flags & (MERGE | DUPLICATE) == 0 {
            return map.only_entry(key, tag);
        }
        let mut last = None;
        map.each_written(&mut |entry| {
            if entry.key.key_is(key, tag) {
                last = Some(entry);
            }
        });
        last
    }

    /// A sequence's items; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = Value<'t>> + use<'t> {
        let seq = self.target();
        seq.children(NodeKind::Seq)
    }

    /// A map's entries in the order written; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = Entry<'t>> + use<'t> {
        let map = self.target();
        let node = map.tree.node(map.id);
        let (own, settled) = if node.kind != NodeKind::Map || node.flags & (MERGE | DUPLICATE) == 0 {
            (map.own_entries(), Vec::new())
        } else {
            (Entries { children: Children { tree: map.tree, at: 0, end: 0 } }, map.settled_entries())
        };
        own.chain(settled)
    }

    /// The strings below this value as they are written: neither keys nor what aliases stand for, which
    /// is written elsewhere.
    pub fn texts(self) -> impl Iterator<Item = &'t str> + use<'t> {
        let target = self.target();
        let tree = target.tree;
        let is_text = move |&id: &u32| {
            let node = tree.node(NodeId(id));
            node.kind == NodeKind::Str && node.tag == 0 && node.flags & ALIAS == 0
        };
        (target.id.0..tree.node(target.id).next).filter(is_text).map(move |id| tree.text(NodeId(id)))
    }

    /// The text of a string.
    pub fn str(self) -> Option<&'t str> {
        let Self { tree, id } = self.target();
        (tree.node(id).kind == NodeKind::Str).then(|| tree.text(id))
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

    /// The entry of a key in a map that sets none twice: the innermost loop of every rule.
    fn only_entry(self, key: &str, tag: Tag) -> Option<Entry<'t>> {
        let tree = self.tree;
        let Children { mut at, end, .. } = self.children(NodeKind::Map);
        let nodes = tree.nodes.get(..end as usize)?;
        // A key takes one node, also if it is an alias.
        while let Some([written, value, ..]) = nodes.get(at as usize..) {
            let entry = |id| Value { tree, id: NodeId(id) };
            if written.tag == tag && entry(at).key_is(key, tag) {
                return Some(Entry { key: entry(at), value: entry(at + 1) });
            }
            at = value.next;
        }
        None
    }

    #[inline]
    fn key_is(self, key: &str, tag: Tag) -> bool {
        let node = self.tree.node(self.id);
        if node.tag != tag {
            return false;
        }
        if node.flags & (SIDE | QUOTED | ALIAS) == 0 {
            return &self.tree.source.text.as_bytes()[node.start as usize..node.end as usize] == key.as_bytes();
        }
        self.raw() == key
    }

    fn is_merge_key(self) -> bool {
        let node = self.tree.node(self.id);
        node.flags & (SIDE | QUOTED | ALIAS | FLOW_OR_BLOCK) == 0 && self.key_is("<<", tag("<<"))
    }

    fn children(self, kind: NodeKind) -> Children<'t> {
        let node = self.tree.node(self.id);
        let (at, end) = if node.kind == kind { (self.id.0 + 1, node.next) } else { (0, 0) };
        Children { tree: self.tree, at, end }
    }

    fn own_entries(self) -> Entries<'t> {
        Entries { children: self.children(NodeKind::Map) }
    }

    /// Visits a map's entries as `sigs.k8s.io/yaml` sets them, merged ones where the `<<` stands:
    /// of the maps in a merged list the first is set last, for it is the strongest.
    fn each_written(self, visit: &mut dyn FnMut(Entry<'t>)) {
        for entry in self.own_entries() {
            if !entry.key.is_merge_key() {
                visit(entry);
                continue;
            }
            let merged = entry.value.target();
            if merged.kind() == NodeKind::Map {
                merged.each_written(visit);
            } else {
                let mut maps: Vec<_> = merged.items().collect();
                while let Some(map) = maps.pop() {
                    map.target().each_written(visit);
                }
            }
        }
    }

    /// The entries that count in a map that sets a key twice or merges others.
    fn settled_entries(self) -> Vec<Entry<'t>> {
        let mut settled: Vec<Entry<'t>> = Vec::new();
        let mut places = HashMap::new();
        self.each_written(&mut |entry| {
            let place = *places.entry(entry.key.raw()).or_insert(settled.len());
            match settled.get_mut(place) {
                Some(before) => *before = entry,
                None => settled.push(entry),
            }
        });
        settled
    }
}

/// The nodes directly below another one.
struct Children<'t> {
    tree: &'t Tree,
    at: u32,
    end: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Value<'t>;

    #[inline]
    fn next(&mut self) -> Option<Value<'t>> {
        if self.at >= self.end {
            return None;
        }
        let id = NodeId(self.at);
        self.at = self.tree.node(id).next;
        Some(Value { tree: self.tree, id })
    }
}

/// The keys and values that a map itself has, merge keys among them.
struct Entries<'t> {
    children: Children<'t>,
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'t>> {
        Some(Entry { key: self.children.next()?, value: self.children.next()? })
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

/// A key that a map has already set: Kubernetes refuses it under strict field validation.
///
/// A key that is set more than twice is named once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The key.
    pub key: String,
    /// Where it is set again: the key, or the `<<` that brings it in.
    pub span: Span,
    /// Where it was set before.
    pub first: Span,
}

/// Builds a [`Tree`] from the events of a reader.
#[derive(Debug)]
pub struct TreeBuilder {
    tree: Tree,
    limits: Limits,
    open: Vec<Frame>,
    /// The keys of the open maps, the innermost map's last.
    keys: Vec<u32>,
    anchors: HashMap<usize, Anchor>,
    pending_anchor: Option<usize>,
    duplicates: Vec<Duplicate>,
    /// Nodes that a walk of everything so far would visit.
    walk: u64,
    /// Where the node that was added or closed last ends.
    last_end: u32,
    checkpoint: Checkpoint,
}

#[derive(Debug)]
struct Frame {
    id: u32,
    map: bool,
    expects_key: bool,
    expects_merge: bool,
    /// Levels of collections below this one, aliases followed.
    height: usize,
    /// Where this map's keys begin in [`TreeBuilder::keys`].
    keys: usize,
    anchor: Option<(usize, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    node: u32,
    extent: Option<Extent>,
}

/// How much an anchored value holds; unknown while it is still open.
#[derive(Debug, Clone, Copy)]
struct Extent {
    walk: u64,
    height: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Checkpoint {
    nodes: usize,
    side: usize,
    side_text: usize,
    duplicates: usize,
}

/// Maps up to this size are searched for duplicates pair by pair.
const FEW_KEYS: usize = 12;

impl TreeBuilder {
    /// Starts a tree of the source's documents.
    pub fn new(source: Arc<Source>, limits: Limits) -> Self {
        let nodes = Vec::with_capacity(source.text.len() / 14);
        let tree = Tree { source, nodes, side: Vec::new(), side_text: String::new(), roots: Vec::new() };
        Self {
            tree,
            limits,
            open: Vec::new(),
            keys: Vec::new(),
            anchors: HashMap::new(),
            pending_anchor: None,
            duplicates: Vec::new(),
            walk: 0,
            last_end: 0,
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
        self.keys.clear();
        self.anchors.clear();
        self.pending_anchor = None;
        self.walk = 0;
        self.last_end = 0;
    }

    /// The tree, and the keys that a map has set twice.
    pub fn finish(mut self) -> (Tree, Vec<Duplicate>) {
        self.tree.nodes.shrink_to_fit();
        self.tree.side.shrink_to_fit();
        self.tree.side_text.shrink_to_fit();
        (self.tree, self.duplicates)
    }

    /// Whether the document has no value yet, and none is open.
    pub fn is_at_root(&self) -> bool {
        self.open.is_empty()
    }

    /// Where the document's node that was added or closed last ends; 0 before the first.
    pub fn last_end(&self) -> u32 {
        self.last_end
    }

    /// Names the node that comes next. Readers number the anchors of a document.
    pub fn anchor(&mut self, name: usize) {
        self.pending_anchor = Some(name);
    }

    /// Opens a map, in flow style or as a block.
    pub fn begin_map(&mut self, start: u32, flow: bool) -> Result<(), BuildError> {
        self.begin(NodeKind::Map, start, flow)
    }

    /// Opens a sequence, in flow style or as a block.
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
            if parent.expects_merge && kind == NodeKind::Seq {
                if !parent.map {
                    return Err(BuildError::MergeNotMap);
                }
                expects_merge = true;
            }
            parent.expects_key = parent.map;
            parent.expects_merge &= !parent.map;
        }
        let id = self.push(start, start, kind, if flow { FLOW_OR_BLOCK } else { 0 })?;
        let anchor = self.pending_anchor.take().map(|name| {
            self.anchors.insert(name, Anchor { node: id, extent: None });
            self.tree.nodes[id as usize].flags |= ANCHORED;
            (name, self.walk)
        });
        let map = kind == NodeKind::Map;
        let keys = self.keys.len();
        self.open.push(Frame { id, map, expects_key: map, expects_merge, height: 0, keys, anchor });
        Ok(())
    }

    /// Closes the block collection that was opened last: it ends with its last child.
    ///
    /// # Panics
    /// When nothing is open.
    pub fn end_block(&mut self) {
        self.end_flow(self.last_end);
    }

    /// Closes the flow collection that was opened last. `end` is the offset just past its bracket.
    ///
    /// # Panics
    /// When nothing is open.
    pub fn end_flow(&mut self, end: u32) {
        let frame = self.open.pop().expect("a reader ends what it began");
        let next = self.tree.nodes.len() as u32;
        let node = &mut self.tree.nodes[frame.id as usize];
        node.end = end;
        node.next = next;
        self.last_end = end;
        let height = frame.height + 1;
        if let Some(parent) = self.open.last_mut() {
            parent.height = parent.height.max(height);
        }
        if frame.map {
            self.find_duplicates(&frame);
            self.keys.truncate(frame.keys);
        }
        if let Some((name, walk_before)) = frame.anchor {
            let walk = self.walk - walk_before + 1;
            self.anchors.insert(name, Anchor { node: frame.id, extent: Some(Extent { walk, height }) });
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

    #[inline]
    fn add_scalar(&mut self, start: u32, end: u32, mut kind: NodeKind, mut flags: u8) -> Result<(), BuildError> {
        let mut is_key = false;
        if let Some(parent) = self.open.last_mut() {
            if parent.expects_key {
                parent.expects_key = false;
                is_key = true;
                self.keys.push(self.tree.nodes.len() as u32);
                if kind != NodeKind::Str {
                    self.stringify_key(start, end, kind, &mut flags)?;
                    kind = NodeKind::Str;
                } else if flags == 0 && &self.tree.source.text.as_bytes()[start as usize..end as usize] == b"<<" {
                    self.tree.nodes[parent.id as usize].flags |= MERGE;
                    parent.expects_merge = true;
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
        if is_key {
            self.tree.nodes[id as usize].tag = tag(self.tree.text(NodeId(id)));
        }
        if let Some(name) = self.pending_anchor.take() {
            self.tree.nodes[id as usize].flags |= ANCHORED;
            self.anchors.insert(name, Anchor { node: id, extent: Some(Extent { walk: 1, height: 0 }) });
        }
        Ok(())
    }

    /// Kubernetes turns keys into JSON strings: `yes` becomes `true`, `0x10` becomes `16`.
    #[cold]
    fn stringify_key(&mut self, start: u32, end: u32, kind: NodeKind, flags: &mut u8) -> Result<(), BuildError> {
        let raw = if *flags & SIDE == 0 {
            self.tree.source.text[start as usize..end as usize].to_owned()
        } else {
            let side = self.tree.side.pop().expect("the side text was just pushed");
            self.tree.side_text.split_off(side.start as usize)
        };
        self.push_side_text(&scalar::key_text(&raw, kind).ok_or(BuildError::KeyNotString)?);
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
        let extent = anchor.extent.ok_or(BuildError::RecursiveAnchor)?;
        self.walk = self.walk.saturating_add(extent.walk);
        let written = (self.tree.nodes.len() - self.checkpoint.nodes) as u64;
        if is_excessive(self.walk, self.walk.saturating_sub(written)) {
            return Err(BuildError::ExcessiveAliasing);
        }
        if self.open.len() + extent.height > self.limits.depth {
            return Err(BuildError::TooDeep(self.limits.depth));
        }
        let target = self.tree.nodes[anchor.node as usize];
        if let Some(parent) = self.open.last_mut() {
            if parent.expects_key {
                if target.kind != NodeKind::Str {
                    return Err(BuildError::KeyNotString);
                }
                self.keys.push(self.tree.nodes.len() as u32);
            }
            if parent.expects_merge && target.kind != NodeKind::Map {
                return Err(BuildError::MergeNotMap);
            }
            parent.height = parent.height.max(extent.height);
            parent.expects_merge &= !parent.map;
            parent.expects_key = parent.map && !parent.expects_key;
        }
        self.tree.side.push(Side { node: self.tree.nodes.len() as u32, start: anchor.node, len: 0 });
        let id = self.push(start, end, target.kind, SIDE | ALIAS)?;
        if target.kind == NodeKind::Str {
            self.tree.nodes[id as usize].tag = tag(self.tree.text(NodeId(anchor.node)));
        }
        if let Some(name) = self.pending_anchor.take() {
            self.anchors.insert(name, anchor);
            self.tree.nodes[id as usize].flags |= ANCHORED;
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, start: u32, end: u32, kind: NodeKind, flags: u8) -> Result<u32, BuildError> {
        let id = u32::try_from(self.tree.nodes.len()).map_err(|_| BuildError::TooLarge)?;
        self.tree.nodes.push(Node { start, end, next: id + 1, kind, flags, tag: 0 });
        self.walk += 1;
        self.last_end = end;
        Ok(id)
    }

    fn find_duplicates(&mut self, map: &Frame) {
        let id = NodeId(map.id);
        let found = if self.tree.node(id).flags & MERGE != 0 {
            self.duplicates_of_merge(id)
        } else {
            self.duplicates_of_keys(map.keys)
        };
        if !found.is_empty() {
            self.tree.nodes[map.id as usize].flags |= DUPLICATE;
            self.duplicates.extend(found);
        }
    }

    /// The duplicates among the keys of the innermost map, which begin at `from`.
    fn duplicates_of_keys(&mut self, from: usize) -> Vec<Duplicate> {
        let tree = &self.tree;
        let keys = &mut self.keys[from..];
        let mut found = Vec::new();
        if keys.len() <= FEW_KEYS {
            for (at, &key) in keys.iter().enumerate().skip(1) {
                let key = tree.value(NodeId(key));
                let tag = tree.node(key.id).tag;
                let same = |&before: &u32| tree.value(NodeId(before)).key_is(key.raw(), tag);
                let mut before = keys[..at].iter().filter(|before| same(before));
                if let (Some(&first), None) = (before.next(), before.next()) {
                    found.push(Duplicate::new(key, key.span(), tree.value(NodeId(first)).span()));
                }
            }
        } else {
            keys.sort_unstable_by(|&a, &b| {
                tree.value(NodeId(a)).raw().cmp(tree.value(NodeId(b)).raw()).then(a.cmp(&b))
            });
            let same = |&a: &u32, &b: &u32| tree.value(NodeId(a)).raw() == tree.value(NodeId(b)).raw();
            for group in keys.chunk_by(same) {
                if let [first, key, ..] = *group {
                    let (first, key) = (tree.value(NodeId(first)), tree.value(NodeId(key)));
                    found.push(Duplicate::new(key, key.span(), first.span()));
                }
            }
        }
        found
    }

    /// The duplicates of a map that merges others: a merged key counts as set where its `<<` stands.
    fn duplicates_of_merge(&self, map: NodeId) -> Vec<Duplicate> {
        let mut found = Vec::new();
        let mut seen: HashMap<&str, (Span, bool)> = HashMap::new();
        let mut set = |key: Value<'_>, text, span| match seen.entry(text) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert((span, false));
            }
            hash_map::Entry::Occupied(mut occupied) => {
                let (first, reported) = occupied.get_mut();
                if !std::mem::replace(reported, true) {
                    found.push(Duplicate::new(key, span, *first));
                }
            }
        };
        for entry in self.tree.value(map).own_entries() {
            if entry.key.is_merge_key() {
                let span = entry.key.span();
                let one = Children { tree: &self.tree, at: entry.value.id.0, end: entry.value.id.0 + 1 };
                let merged = one.filter(|value| value.kind() == NodeKind::Map).chain(entry.value.items());
                for map in merged {
                    map.target().each_written(&mut |entry| set(entry.key, entry.key.raw(), span));
                }
            } else {
                set(entry.key, entry.key.raw(), entry.key.span());
            }
        }
        found
    }
}

/// Whether too many of the nodes that a walk visits are there by aliases.
///
/// The rule of go-yaml (`allowedAliasRatio` in `decode.go`): 99 % of a small document,
/// falling to 10 % of a large one, which is some 400,000 nodes in either.
fn is_excessive(walk: u64, aliased: u64) -> bool {
    const SMALL: u64 = 400_000;
    const LARGE: u64 = 4_000_000;
    let per_mille = match walk {
        ..=SMALL => 990,
        LARGE.. => 100,
        _ => 990 - 890 * (walk - SMALL) / (LARGE - SMALL),
    };
    aliased > 100 && walk > 1000 && aliased.saturating_mul(1000) > per_mille * walk
}

impl Duplicate {
    fn new(key: Value<'_>, span: Span, first: Span) -> Self {
        Self { key: key.raw().to_owned(), span, first }
    }
}
