//! `metadata.managedFields`: which field manager owns which fields, and since when.
//!
//! The format is `FieldsV1` of
//! <https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize.go>: a
//! map from elements to maps, where `.` or an empty map says that the field itself is owned.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value as Json};

use crate::path::{FieldPath, Segment};
use crate::resource::Resource;
use crate::tree::{NodeKind, Value};

/// One step on the way to a field, by what tells it apart from its siblings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A key of a map.
    Field(String),
    /// The item of a list that has these values in its key fields, ordered by field.
    Key(Vec<(String, Json)>),
    /// The item of a set that is this scalar.
    Item(Json),
    /// The item of a list at this place.
    Index(u32),
}

/// The way from an object's root to a field.
///
/// Displays as `spec.template.spec.containers[name=web].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagedPath(pub Vec<Element>);

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the field at this place is in the set.
    pub own: bool,
    /// What is below.
    pub members: Vec<(Element, Self)>,
}

/// Text that is no `FieldsV1`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no field of FieldsV1")]
pub struct Malformed(String);

/// An entry of `managedFields`.
#[derive(Debug, Clone)]
pub struct Manager<'r> {
    /// What the client calls itself. Free text: anyone can write any name.
    pub name: &'r str,
    /// How it wrote.
    pub operation: Operation,
    /// The subresource that it wrote through, such as `scale`.
    pub subresource: Option<&'r str>,
    /// When it last changed any of the fields, by RFC 3339: no field was changed by it later.
    pub time: Option<&'r str>,
    /// The fields that it owns; none where they cannot be read.
    pub fields: FieldSet,
}

/// How a field manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Operation {
    /// By server-side apply: it holds on to these fields.
    Apply,
    /// By any other write: it was the last to change them.
    Update,
}

impl Element {
    /// Reads `f:name`, `k:{"name":"web"}`, `v:"x"` or `i:0`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
        let json = || serde_json::from_str::<Json>(rest).map_err(|_| malformed());
        match kind {
            "f" => Ok(Self::Field(rest.to_owned())),
            "i" => rest.parse().map(Self::Index).map_err(|_| malformed()),
            "v" => json().map(Self::Item),
            "k" => match json()? {
                Json::Object(keys) => Ok(Self::key(keys)),
                _ => Err(malformed()),
            },
            _ => Err(malformed()),
        }
    }

    /// The item of a list by the values of its key fields.
    pub fn key(values: impl IntoIterator<Item = (String, Json)>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Key(values)
    }

    /// Whether an item of a list is the one meant. A key field that it lacks has its default.
    pub(super) fn is(&self, at: usize, item: Value<'_>) -> bool {
        match self {
            Self::Field(_) => false,
            Self::Index(index) => *index as usize == at,
            Self::Item(value) => item.to_json() == *value,
            Self::Key(values) => {
                let has = |(key, value): &(String, Json)| item.get(key).is_none_or(|item| item.to_json() == *value);
                values.iter().any(|(key, _)| item.get(key).is_some()) && values.iter().all(has)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(values) => format!("k:{}", Json::Object(values.iter().cloned().collect())),
            Self::Item(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }
}

impl fmt::Display for ManagedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, element) in self.0.iter().enumerate() {
            match element {
                Element::Field(name) if name.contains(['.', '/', '[']) => write!(f, "[{name}]")?,
                Element::Field(name) if at == 0 => f.write_str(name)?,
                Element::Field(name) => write!(f, ".{name}")?,
                Element::Key(values) => {
                    let values = values.iter().map(|(key, value)| format!("{key}={}", plain(value)));
                    write!(f, "[{}]", values.collect::<Vec<_>>().join(","))?;
                }
                Element::Item(value) => write!(f, "[{}]", plain(value))?,
                Element::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl ManagedPath {
    /// The field in an object, if it has it.
    pub fn find<'t>(&self, root: Value<'t>) -> Option<(FieldPath, Value<'t>)> {
        let mut segments = Vec::new();
        let mut here = root;
        for element in &self.0 {
            let (segment, next) = if let Element::Field(name) = element {
                (Segment::Key(Cow::Owned(name.clone())), here.get(name)?)
            } else {
                let (at, item) = here.items().enumerate().find(|(at, item)| element.is(*at, *item))?;
                (Segment::Index(at as u32), item)
            };
            segments.push(segment);
            here = next;
        }
        Some((FieldPath::from_iter(segments), here))
    }
}

/// A scalar as people write it.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl FieldSet {
    /// Reads `FieldsV1`.
    pub fn parse(fields: Value<'_>) -> Result<Self, Malformed> {
        if !matches!(fields.kind(), NodeKind::Map | NodeKind::Null) {
            return Err(Malformed(fields.raw().to_owned()));
        }
        let mut set = Self::default();
        for entry in fields.entries() {
            if entry.key.raw() == "." {
                set.own = true;
            } else {
                set.members.push((Element::parse(entry.key.raw())?, Self::parse(entry.value)?));
            }
        }
        // An empty map says that the field itself is meant.
        set.own |= set.members.is_empty();
        Ok(set)
    }

    /// The set as `FieldsV1`.
    pub fn to_json(&self) -> Json {
        let own = (self.own && !self.members.is_empty()).then(|| (".".to_owned(), Json::Object(Map::new())));
        let members = self.members.iter().map(|(element, below)| (element.text(), below.to_json()));
        Json::Object(own.into_iter().chain(members).collect())
    }

    /// What the set has of a field: itself, something below it, or, of a field that it holds as a
    /// whole, everything. `None` where it has nothing.
    pub fn below(&self, path: &[Element]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        if self.members.is_empty() {
            return self.own.then_some(self);
        }
        self.members.iter().find(|(element, _)| element == first).and_then(|(_, below)| below.below(rest))
    }

    /// How many fields are in the set.
    pub fn len(&self) -> usize {
        usize::from(self.own) + self.members.iter().map(|(_, below)| below.len()).sum::<usize>()
    }

    /// Whether no field is in the set.
    pub fn is_empty(&self) -> bool {
        !self.own && self.members.iter().all(|(_, below)| below.is_empty())
    }
}

/// The field managers of an object. Entries that cannot be read own nothing.
pub fn managers(resource: &Resource) -> Vec<Manager<'_>> {
    let entries = resource.value().at(&["metadata", "managedFields"]);
    let entries = entries.into_iter().flat_map(Value::items);
    entries
        .map(|entry| {
            let text = |key| entry.get(key).and_then(Value::str);
            let fields = entry.get("fieldsV1").map(FieldSet::parse);
            Manager {
                name: text("manager").unwrap_or_default(),
                operation: if text("operation") == Some("Apply") { Operation::Apply } else { Operation::Update },
                subresource: text("subresource").filter(|subresource| !subresource.is_empty()),
                time: text("time"),
                fields: fields.and_then(Result::ok).unwrap_or_default(),
            }
        })
        .collect()
}
