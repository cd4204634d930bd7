//! From the JSON of an object to what is kept of it.
//!
//! An object as the API server sends it is mostly bookkeeping: `managedFields`, `status`, a copy of
//! itself in an annotation. All of that is cut out of the text before anything is built from it, by
//! slices of the text, so that it costs little more than to find where values end. Values of
//! Secrets go the same way: nothing behind this module ever holds one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::kinds::{Keep, ObservedKind};
use crate::origin::{Manager, Origin};

/// What is kept of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lean {
    /// The object in JSON, with `apiVersion` and `kind`.
    pub text: String,
    /// Its namespace; empty where it is in none.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Where it comes from.
    pub origin: Origin,
    /// What the cluster calls it, for ever: never given twice.
    pub uid: Box<str>,
    /// The state of the cluster that it is from: `resourceVersion`.
    pub version: Box<str>,
    /// The owner that controls it.
    pub owner: Option<Owner>,
}

/// The owner that controls an object, by the object's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The owner's `kind`.
    pub kind: Box<str>,
    /// The owner's name.
    pub name: Box<str>,
    /// The owner's uid.
    pub uid: Box<str>,
}

/// A map's entries in the order written, each value as its text.
pub(crate) struct Entries<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

#[derive(serde::Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t> Entries<'t> {
    /// The entries of a map; `None` for any other value.
    pub(crate) fn of(raw: &'t RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'t RawValue> {
        self.0.iter().rev().find(|(written, _)| written == key).map(|(_, value)| *value)
    }

    pub(crate) fn text(&self, key: &str) -> Option<Box<str>> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }
}

impl<'de: 't, 't> Deserialize<'de> for Entries<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}

/// The items of a list; nothing for any other value.
pub(crate) fn items(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// What becomes of the values at a path.
#[derive(Clone, Copy)]
struct Cut {
    /// Keys from the root; `*` stands for every key of a map and every item of a list.
    path: &'static [&'static str],
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    Drop,
    /// An empty string takes the value's place.
    Blank,
    /// Of the map, only these keys are left.
    Only(&'static [&'static str]),
}

const fn cut(path: &'static [&'static str], action: Action) -> Cut {
    Cut { path, action }
}

const MANAGED_FIELDS: Cut = cut(&["metadata", "managedFields"], Action::Drop);
const LAST_APPLIED: Cut =
    cut(&["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"], Action::Drop);
/// Changes with every write, also of what is cut out.
const VERSION: Cut = cut(&["metadata", "resourceVersion"], Action::Drop);
/// Leaders of old renewed their lease in the annotation of a config map, every other second.
const LEADER: Cut = cut(&["metadata", "annotations", "control-plane.alpha.kubernetes.io/leader"], Action::Drop);
const VALUES: [Cut; 2] = [cut(&["data", "*"], Action::Blank), cut(&["stringData", "*"], Action::Blank)];
const SCHEMAS: [Cut; 2] =
    [cut(&["spec", "versions", "*", "schema"], Action::Drop), cut(&["spec", "validation"], Action::Drop)];

impl Lean {
    /// What is kept of an object of a kind. The kind stands in for `apiVersion` and `kind`, which
    /// members of lists leave out.
    pub fn of(object: &RawValue, observed: &ObservedKind, api_version: &str) -> Self {
        let mut cuts =
            vec![MANAGED_FIELDS, LAST_APPLIED, VERSION, LEADER, cut(&["status"], Action::Only(observed.status))];
        match observed.keep {
            Keep::All => {}
            Keep::Keys => cuts.extend(VALUES),
            Keep::Definition => cuts.extend(SCHEMAS),
        }
        Self::cutting(object, observed.name, api_version, &cuts)
    }

    /// An object with all that the API server sends, values of Secrets included: for comparing, not
    /// for keeping.
    pub fn whole(object: &RawValue, observed: &ObservedKind, api_version: &str) -> Self {
        Self::cutting(object, observed.name, api_version, &[])
    }

    fn cutting(object: &RawValue, kind: &str, api_version: &str, cuts: &[Cut]) -> Self {
        let Some(entries) = Entries::of(object) else {
            return Self { text: object.get().to_owned(), ..Self::default() };
        };
        let mut lean = Self { text: String::with_capacity(object.get().len() / 2 + 64), ..Self::default() };
        lean.text.push('{');
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            if entries.get(key).is_none() {
                write_key(&mut lean.text, key);
                lean.text.push_str(&quoted(value));
            }
        }
        write_entries(&mut lean.text, &entries, cuts, 0);
        lean.text.push('}');
        if let Some(metadata) = entries.get("metadata").and_then(Entries::of) {
            lean.namespace = metadata.text("namespace").unwrap_or_default();
            lean.name = metadata.text("name").unwrap_or_default();
            lean.uid = metadata.text("uid").unwrap_or_default();
            lean.version = metadata.text("resourceVersion").unwrap_or_default();
            lean.owner = metadata.get("ownerReferences").and_then(controller);
            lean.origin.created = metadata.text("creationTimestamp");
            lean.origin.managers = metadata.get("managedFields").map(managers).unwrap_or_default();
        }
        lean
    }
}

fn controller(references: &RawValue) -> Option<Owner> {
    let mut references = items(references).into_iter().filter_map(Entries::of);
    let controller = references.find(|it| it.get("controller").is_some_and(|value| value.get() == "true"))?;
    Some(Owner { kind: controller.text("kind")?, name: controller.text("name")?, uid: controller.text("uid")? })
}

fn managers(fields: &RawValue) -> Vec<Manager> {
    let manager = |fields: Entries<'_>| {
        Some(Manager {
            name: fields.text("manager")?,
            time: fields.text("time"),
            subresource: fields.text("subresource").unwrap_or_default(),
        })
    };
    items(fields).into_iter().filter_map(Entries::of).filter_map(manager).collect()
}

/// Writes a value, with the cuts whose first `depth` steps lead to it made.
fn write_value(text: &mut String, value: &RawValue, cuts: &[Cut], depth: usize) {
    if let Some(only) = cuts.iter().find_map(|cut| cut.here(depth)) {
        match (only, Entries::of(value)) {
            (Action::Only(keys), Some(mut entries)) => {
                entries.0.retain(|(key, _)| keys.contains(&&**key));
                text.push('{');
                write_entries(text, &entries, &[], depth);
                text.push('}');
            }
            (Action::Only(_) | Action::Drop, _) => text.push_str("null"),
            (Action::Blank, _) => text.push_str("\"\""),
        }
    } else if cuts.is_empty() {
        text.push_str(value.get());
    } else if let Some(entries) = Entries::of(value) {
        text.push('{');
        write_entries(text, &entries, cuts, depth);
        text.push('}');
    } else if value.get().starts_with('[') {
        text.push('[');
        for (at, item) in items(value).into_iter().enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            write_value(text, item, &below(cuts, depth, "*"), depth + 1);
        }
        text.push(']');
    } else if value.get() != "null" && cuts.iter().any(|cut| matches!(cut.action, Action::Blank)) {
        text.push_str("\"\"");
    } else {
        text.push_str(value.get());
    }
}

fn write_entries(text: &mut String, entries: &Entries<'_>, cuts: &[Cut], depth: usize) {
    for (key, value) in &entries.0 {
        let cuts = below(cuts, depth, key);
        let dropped = cuts.iter().any(|cut| match cut.here(depth + 1) {
            Some(Action::Drop) => true,
            Some(Action::Only(keys)) => keys.is_empty(),
            _ => false,
        });
        if !dropped {
            write_key(text, key);
            write_value(text, value, &cuts, depth + 1);
        }
    }
}

/// The cuts that lead on by a key.
fn below(cuts: &[Cut], depth: usize, key: &str) -> Vec<Cut> {
    let leads = |cut: &&Cut| cut.path.get(depth).is_some_and(|step| *step == key || *step == "*");
    cuts.iter().filter(leads).copied().collect()
}

impl Cut {
    fn here(&self, depth: usize) -> Option<Action> {
        (self.path.len() == depth).then_some(self.action)
    }
}

fn write_key(text: &mut String, key: &str) {
    if !text.ends_with('{') {
        text.push(',');
    }
    text.push_str(&quoted(key));
    text.push(':');
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lean(kind: &str, object: &str) -> Lean {
        let observed = ObservedKind::find("", kind).expect("the kind is read");
        Lean::of(serde_json::from_str(object).unwrap(), observed, "v1")
    }

    #[test]
    fn bookkeeping_is_cut_out_and_its_gist_kept() {
        let pod = lean(
            "Pod",
            r#"{"metadata":{"name":"a","uid":"u1","creationTimestamp":"2026-01-02T03:04:05Z",
              "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","x":"y"},
              "ownerReferences":[{"kind":"Job","name":"no","uid":"n"},
                {"kind":"ReplicaSet","name":"rs","uid":"r1","controller":true}],
              "managedFields":[{"manager":"kubectl-edit","operation":"Update","time":"2026-02-02T00:00:00Z","fieldsV1":{}},
                {"manager":"kubelet","subresource":"status","time":"2026-03-03T00:00:00Z"}]},
              "spec":{"nodeName":"n1"},"status":{"phase":"Running","conditions":[{"type":"Ready"}]}}"#,
        );
        assert_eq!(
            pod.text,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u1","creationTimestamp":"2026-01-02T03:04:05Z","annotations":{"x":"y"},"ownerReferences":[{"kind":"Job","name":"no","uid":"n"},
                {"kind":"ReplicaSet","name":"rs","uid":"r1","controller":true}]},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}"#
        );
        assert_eq!((&*pod.uid, &*pod.owner.unwrap().uid), ("u1", "r1"));
        let author = pod.origin.author().unwrap();
        assert_eq!((&*author.name, author.time.as_deref()), ("kubectl-edit", Some("2026-02-02T00:00:00Z")));
    }

    #[test]
    fn values_of_secrets_are_gone_wherever_they_were() {
        let text = lean(
            "Secret",
            r#"{"kind":"Secret","apiVersion":"v1","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"aHVudGVyMg=="}},
                "data":{"pass\u0077ord":"aHVudGVyMg==","odd":{"a":"aHVudGVyMg=="}},"stringData":{"b":"aHVudGVyMg=="},"type":"Opaque"}"#,
        )
        .text;
        assert!(!text.contains("aHVudGVyMg"), "{text}");
        assert!(text.contains(r#""data":{"password":"","odd":""},"stringData":{"b":""}"#), "{text}");
    }

    #[test]
    fn definitions_lose_their_schemas() {
        let observed = ObservedKind::find("apiextensions.k8s.io", "CustomResourceDefinition").unwrap();
        let object =
            r#"{"spec":{"group":"a.b","versions":[{"name":"v1","schema":{"openAPIV3Schema":{}},"served":true}]}}"#;
        let lean = Lean::of(serde_json::from_str(object).unwrap(), observed, "apiextensions.k8s.io/v1");
        assert!(
            lean.text.ends_with(r#""spec":{"group":"a.b","versions":[{"name":"v1","served":true}]}}"#),
            "{}",
            lean.text
        );
    }

    #[test]
    fn objects_of_wrong_types_pass_through() {
        for object in
            ["null", "[1]", "3", "\"x\"", r#"{"metadata":3,"status":[],"spec":null}"#, r#"{"metadata":{"uid":4}}"#]
        {
            let lean = lean("Pod", object);
            assert!(serde_json::from_str::<serde_json::Value>(&lean.text).is_ok(), "{object}");
            assert_eq!(lean.uid, "".into());
        }
    }

    #[test]
    fn a_secret_that_is_no_map_of_values_keeps_none() {
        for (data, kept) in [("[\"hunter2\"]", "[\"\"]"), ("\"hunter2\"", "\"\""), ("null", "null")] {
            let text = lean("Secret", &format!(r#"{{"data":{data}}}"#)).text;
            assert!(text.contains(&format!("\"data\":{kept}")), "{text}");
        }
    }
}
