//! Changes to a resource: one vocabulary for fixes, patches and drift.
//!
//! An [`Edit`] names a field and what becomes of it. Here it is applied to a value and rendered as
//! JSON Patch; `hardline-manifest` renders the same edit into text, comments and layout kept.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::path::{FieldPath, Segment, pointer};
use crate::tree::{NodeKind, Value};

/// A change that mends a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What it does, as an order: "add a request of 256Mi".
    pub title: String,
    /// Whether it can be applied without a thought.
    pub safety: Safety,
    /// The change.
    pub change: Change,
}

/// Whether a [`Fix`] may change what a workload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// A workload that runs well before it runs well after.
    Safe,
    /// Someone has to know whether the workload bears it.
    Unsafe,
}

/// What a [`Fix`] changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Fields of the resource that the finding is about, in this order.
    Edits(Vec<Edit>),
    /// A resource that is missing beside it.
    NewResource(Companion),
}

/// A resource to be made. It is kept as its text: findings are many, and few are mended by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion(Box<str>);

impl Companion {
    /// The resource.
    pub fn resource(&self) -> Json {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Json> for Companion {
    fn from(resource: Json) -> Self {
        Self(resource.to_string().into())
    }
}

/// A change of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The field.
    pub path: FieldPath,
    /// What becomes of it.
    pub op: Op,
}

/// What becomes of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// It has this value; maps on the way to it that do not exist are made.
    Set(Json),
    /// It is a list with this item at its end; made if it does not exist.
    Append(Json),
    /// It does not exist.
    Remove,
    /// It is called this in its map.
    Rename(String),
}

/// Why an edit does not fit a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The path leads through something that is neither a map nor the list it takes it for.
    #[error("{0} is not where the edit expects it")]
    NoWay(FieldPath),
}

/// One operation of JSON Patch, RFC 6902.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// Adds a member or an item.
    Add {
        /// JSON pointer.
        path: String,
        /// What is added.
        value: Json,
    },
    /// Replaces a value that exists.
    Replace {
        /// JSON pointer.
        path: String,
        /// What it becomes.
        value: Json,
    },
    /// Fails, and with it the whole patch, unless a value is this.
    Test {
        /// JSON pointer.
        path: String,
        /// What it must be.
        value: Json,
    },
    /// Removes a member or an item that exists.
    Remove {
        /// JSON pointer.
        path: String,
    },
    /// Removes a member that exists, and adds it under another name.
    Move {
        /// JSON pointer to where it was.
        from: String,
        /// JSON pointer to where it is then.
        path: String,
    },
}

impl Edit {
    /// Sets a field.
    pub fn set(path: FieldPath, value: impl Into<Json>) -> Self {
        Self { path, op: Op::Set(value.into()) }
    }

    /// Adds an item to a list.
    pub fn append(path: FieldPath, value: impl Into<Json>) -> Self {
        Self { path, op: Op::Append(value.into()) }
    }

    /// Gives a field another name in the same map.
    pub fn rename(path: FieldPath, name: impl Into<String>) -> Self {
        Self { path, op: Op::Rename(name.into()) }
    }

    /// Removes a field.
    pub fn remove(path: FieldPath) -> Self {
        Self { path, op: Op::Remove }
    }

    /// Applies the edit, and says the same as an operation of JSON Patch; `None` when the value is
    /// as wanted already.
    pub fn apply(&self, root: &mut Json) -> Result<Option<PatchOperation>, Misfit> {
        let segments = self.path.segments();
        let existing = depth(root, segments);
        if existing == segments.len() {
            return self.apply_to_existing(root);
        }
        let value = match &self.op {
            Op::Remove | Op::Rename(_) => return Ok(None),
            Op::Set(value) => value.clone(),
            Op::Append(value) => json!([value]),
        };
        let made = segments[existing + 1..].iter().rev().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => Ok(Json::Object(Map::from_iter([(key.clone().into_owned(), value)]))),
            Segment::Index(_) => Err(Misfit::NoWay(self.path.clone())),
        })?;
        let Segment::Key(key) = &segments[existing] else { return Err(Misfit::NoWay(self.path.clone())) };
        let parent = walk(root, &segments[..existing]).ok_or_else(|| Misfit::NoWay(self.path.clone()))?;
        if parent.is_null() {
            // An explicit null is an absent map to Kubernetes.
            let value = Json::Object(Map::from_iter([(key.clone().into_owned(), made)]));
            parent.clone_from(&value);
            return Ok(Some(PatchOperation::Replace { path: pointer(&segments[..existing]), value }));
        }
        let map = parent.as_object_mut().ok_or_else(|| Misfit::NoWay(self.path.clone()))?;
        map.insert(key.clone().into_owned(), made.clone());
        Ok(Some(PatchOperation::Add { path: pointer(&segments[..=existing]), value: made }))
    }

    fn apply_to_existing(&self, root: &mut Json) -> Result<Option<PatchOperation>, Misfit> {
        let segments = self.path.segments();
        let path = pointer(segments);
        let misfit = || Misfit::NoWay(self.path.clone());
        match &self.op {
            Op::Set(value) => {
                let field = walk(root, segments).ok_or_else(misfit)?;
                if field == value {
                    return Ok(None);
                }
                field.clone_from(value);
                Ok(Some(PatchOperation::Replace { path, value: value.clone() }))
            }
            Op::Append(value) => match walk(root, segments).ok_or_else(misfit)? {
                Json::Array(items) => {
                    items.push(value.clone());
                    Ok(Some(PatchOperation::Add { path: path + "/-", value: value.clone() }))
                }
                field @ Json::Null => {
                    *field = json!([value]);
                    Ok(Some(PatchOperation::Replace { path, value: json!([value]) }))
                }
                _ => Err(misfit()),
            },
            Op::Remove => {
                let (last, parents) = segments.split_last().ok_or_else(misfit)?;
                match (walk(root, parents), last) {
                    (Some(Json::Object(map)), Segment::Key(key)) => drop(map.remove(key.as_ref())),
                    (Some(Json::Array(items)), Segment::Index(index)) => drop(items.remove(*index as usize)),
                    _ => return Err(misfit()),
                }
                Ok(Some(PatchOperation::Remove { path }))
            }
            Op::Rename(name) => {
                let (last, parents) = segments.split_last().ok_or_else(misfit)?;
                let map = walk(root, parents).and_then(Json::as_object_mut).ok_or_else(misfit)?;
                let Segment::Key(key) = last else { return Err(misfit()) };
                if map.contains_key(name) {
                    return Err(misfit());
                }
                let value = map.remove(key.as_ref()).ok_or_else(misfit)?;
                map.insert(name.clone(), value);
                let to = parents.iter().cloned().chain([Segment::Key(name.clone().into())]).collect::<FieldPath>();
                Ok(Some(PatchOperation::Move { from: path, path: to.to_string() }))
            }
        }
    }
}

/// The JSON Patch that makes these edits to a value.
pub fn json_patch(value: Value<'_>, edits: &[Edit]) -> Result<Vec<PatchOperation>, Misfit> {
    let paths: Vec<&[Segment]> = edits.iter().map(|edit| edit.path.segments()).collect();
    let mut value = along(value, &paths);
    let operations = edits.iter().map(|edit| edit.apply(&mut value));
    operations.filter_map(Result::transpose).collect()
}

/// What of a value lies on paths or at their ends: all that edits there look at. Items of lists keep
/// their places.
fn along(value: Value<'_>, paths: &[&[Segment]]) -> Json {
    if paths.iter().any(|path| path.is_empty()) {
        return value.to_json();
    }
    let below = |wanted: &dyn Fn(&Segment) -> bool| -> Vec<&[Segment]> {
        paths.iter().filter(|path| wanted(&path[0])).map(|path| &path[1..]).collect()
    };
    match value.kind() {
        NodeKind::Map => {
            let mut map = Map::new();
            for path in paths {
                let Segment::Key(key) = &path[0] else { continue };
                if let Some(entry) = value.entry(key).filter(|_| !map.contains_key(key.as_ref())) {
                    let same = |segment: &Segment| matches!(segment, Segment::Key(other) if other == key);
                    map.insert(key.clone().into_owned(), along(entry.value, &below(&same)));
                }
            }
            Json::Object(map)
        }
        NodeKind::Seq => {
            let item = |(at, item): (usize, Value<'_>)| {
                let paths = below(&|segment| matches!(segment, Segment::Index(wanted) if *wanted as usize == at));
                if paths.is_empty() { Json::Null } else { along(item, &paths) }
            };
            value.items().enumerate().map(item).collect()
        }
        _ => value.to_json(),
    }
}

/// How many of the segments exist.
fn depth(root: &Json, segments: &[Segment]) -> usize {
    let mut value = root;
    segments.iter().take_while(|segment| step(value, segment).map(|next| value = next).is_some()).count()
}

fn step<'v>(value: &'v Json, segment: &Segment) -> Option<&'v Json> {
    match segment {
        Segment::Key(key) => value.as_object()?.get(key.as_ref()),
        Segment::Index(index) => value.as_array()?.get(*index as usize),
    }
}

fn walk<'v>(root: &'v mut Json, segments: &[Segment]) -> Option<&'v mut Json> {
    segments.iter().try_fold(root, |value, segment| match segment {
        Segment::Key(key) => value.as_object_mut()?.get_mut(key.as_ref()),
        Segment::Index(index) => value.as_array_mut()?.get_mut(*index as usize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(value: &Json, edit: Edit) -> (Json, String) {
        let mut after = value.clone();
        let operation = edit.apply(&mut after).unwrap();
        (after, serde_json::to_string(&operation).unwrap())
    }

    #[test]
    fn missing_maps_are_made_in_one_operation() {
        let (after, patch) = patched(&json!({"a": 1}), Edit::set(FieldPath::of(&["b", "c", "d"]), true));
        assert_eq!(after, json!({"a": 1, "b": {"c": {"d": true}}}));
        assert_eq!(patch, r#"{"op":"add","path":"/b","value":{"c":{"d":true}}}"#);
    }

    #[test]
    fn values_as_wanted_need_no_operation() {
        let (after, patch) = patched(&json!({"a": 1}), Edit::set(FieldPath::of(&["a"]), 1));
        assert_eq!((after, patch.as_str()), (json!({"a": 1}), "null"));
        let (_, patch) = patched(&json!({"a": 1}), Edit::remove(FieldPath::of(&["b"])));
        assert_eq!(patch, "null");
    }

    #[test]
    fn lists_grow_and_shrink() {
        let (after, patch) = patched(&json!({"a": [1]}), Edit::append(FieldPath::of(&["a"]), 2));
        assert_eq!((after, patch.as_str()), (json!({"a": [1, 2]}), r#"{"op":"add","path":"/a/-","value":2}"#));
        let (after, _) = patched(&json!({"a": [1, 2]}), Edit::remove(FieldPath::of(&["a"]).index(0)));
        assert_eq!(after, json!({"a": [2]}));
        let (after, _) = patched(&json!({"a": null}), Edit::append(FieldPath::of(&["a"]), 2));
        assert_eq!(after, json!({"a": [2]}));
    }

    #[test]
    fn names_change_and_values_stay() {
        let (after, patch) = patched(&json!({"a": {"b": 1}}), Edit::rename(FieldPath::of(&["a", "b"]), "c"));
        assert_eq!((after, patch.as_str()), (json!({"a": {"c": 1}}), r#"{"op":"move","from":"/a/b","path":"/a/c"}"#));
        let mut value = json!({"a": 1, "b": 2});
        assert!(Edit::rename(FieldPath::of(&["a"]), "b").apply(&mut value).is_err());
        assert_eq!(value, json!({"a": 1, "b": 2}));
    }

    #[test]
    fn nulls_on_the_way_are_absent_maps() {
        let (after, patch) = patched(&json!({"a": null}), Edit::set(FieldPath::of(&["a", "b"]), 1));
        assert_eq!(
            (after, patch.as_str()),
            (json!({"a": {"b": 1}}), r#"{"op":"replace","path":"/a","value":{"b":1}}"#)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut value = json!({"a": "text"});
        assert!(Edit::set(FieldPath::of(&["a", "b"]), 1).apply(&mut value).is_err());
        assert!(Edit::set(FieldPath::of(&["b"]).index(3), 1).apply(&mut value).is_err());
        assert!(Edit::append(FieldPath::of(&["a"]), 1).apply(&mut value).is_err());
        assert_eq!(value, json!({"a": "text"}));
    }
}
