//! Logs of who changed what: the audit log of the API server, and hardline's own ledger.
//!
//! `managedFields` name a client, and forget removals. A log has the user whom the API server has
//! authenticated, and what was asked for.

use std::collections::HashMap;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value as Json;

use super::managed::{Element, ManagedPath, Operation};
use super::roles::Ownership;
use super::{Author, Blame, Class, Confidence, Difference, Drift, Standing};
use crate::ledger::{self, Entry, Outcome};
use crate::names::plural;
use crate::resource::Resource;

/// A change of an object, as a log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    object: Key,
    /// When it was made, by RFC 3339.
    time: String,
    /// When it was asked for, if that is known.
    asked: String,
    user: String,
    /// What the client called itself.
    manager: String,
    operation: Operation,
    subresource: Option<String>,
    change: Change,
}

/// What tells objects apart in logs. An audit log has no kinds, but what they are called in URLs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    group: String,
    resource: String,
    namespace: String,
    name: String,
}

/// What a record says about fields.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// The object was made.
    Create,
    /// The object was deleted.
    Delete,
    /// These fields, as [`ManagedPath`]s display, and no others.
    Fields(Vec<String>),
    /// The fields of a JSON Patch.
    Patch(Vec<String>),
    /// A part of the object, which was merged into it; `null` took fields away.
    Merge(Json),
    /// The whole object, before, if that is known, and after.
    Object(Option<Json>, Json),
    /// Nothing.
    Unknown,
}

/// The changes in logs, by object.
#[derive(Debug, Default)]
pub struct Records {
    of: HashMap<Key, Vec<Record>>,
    /// Lines that are no records of a change.
    pub skipped: usize,
    /// Lines that are.
    pub taken: usize,
}

/// An event of an audit log, `audit.k8s.io/v1`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    api_version: String,
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: Json,
    impersonated_user: Json,
    user_agent: String,
    object_ref: ObjectRef,
    response_status: Json,
    request_object: Json,
    response_object: Json,
    stage_timestamp: String,
    request_received_timestamp: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    namespace: String,
    name: String,
    api_group: String,
    subresource: Option<String>,
}

impl Records {
    /// Takes a line of an audit log (`audit.k8s.io/v1`) or of a ledger (`hardline.ledger/v1`). What
    /// is neither, or changed nothing, is counted.
    pub fn read(&mut self, line: &[u8]) {
        let record = if memmem::find(line, ledger::SCHEMA.as_bytes()).is_some() {
            serde_json::from_slice::<Entry>(line).ok().and_then(of_ledger)
        } else {
            let event = serde_json::from_slice::<Event>(line).ok();
            event.filter(|event| event.api_version.starts_with("audit.k8s.io/")).and_then(of_audit)
        };
        match record {
            Some(record) => {
                self.taken += 1;
                self.of.entry(record.object.clone()).or_default().push(record);
            }
            None => self.skipped += 1,
        }
    }

    /// Puts the changes of each object in their order; what an object was before is what it was after
    /// the change before.
    pub fn finish(&mut self) {
        for records in self.of.values_mut() {
            records.sort_by(|a, b| a.time.cmp(&b.time));
            let mut before = None;
            for record in records {
                match &mut record.change {
                    Change::Object(known, after) => {
                        let now = after.clone();
                        *known = before.replace(now);
                    }
                    Change::Delete => before = None,
                    _ => {}
                }
            }
        }
    }

    fn of(&self, resource: &Resource) -> &[Record] {
        self.of.get(&Key::of(resource)).map_or(&[], Vec::as_slice)
    }
}

impl Key {
    fn of(resource: &Resource) -> Self {
        Self {
            group: resource.group().to_owned(),
            resource: plural(resource.kind_name()),
            namespace: resource.namespace().unwrap_or_default().to_owned(),
            name: resource.name().to_owned(),
        }
    }
}

fn of_ledger(entry: Entry) -> Option<Record> {
    if entry.outcome == Outcome::Refused {
        return None;
    }
    let object = entry.resource;
    let change = match &*entry.operation {
        "CREATE" => Change::Create,
        "DELETE" => Change::Delete,
        "UPDATE" if entry.more > 0 => Change::Unknown,
        "UPDATE" => Change::Fields(entry.changes.into_iter().map(|change| change.field).collect()),
        _ => return None,
    };
    Some(Record {
        object: Key {
            group: object.api_version.rsplit_once('/').map_or("", |(group, _)| group).to_owned(),
            resource: plural(&object.kind),
            namespace: object.namespace.unwrap_or_default(),
            name: object.name,
        },
        time: entry.time,
        asked: String::new(),
        user: entry.user,
        manager: entry.manager,
        operation: Operation::Update,
        subresource: Some(entry.subresource).filter(|subresource| !subresource.is_empty()),
        change,
    })
}

fn of_audit(event: Event) -> Option<Record> {
    let query = event.request_uri.split_once('?').map_or("", |(_, query)| query);
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    let code = event.response_status.get("code").and_then(Json::as_u64).unwrap_or(200);
    let object = event.object_ref;
    let is_status = object.subresource.as_deref() == Some("status");
    if event.stage != "ResponseComplete" || code >= 400 || parameter("dryRun").is_some() || is_status {
        return None;
    }
    // A change through a subresource answers with another object than the one that is changed.
    let after = if object.subresource.is_some() { Json::Null } else { event.response_object };
    let body = event.request_object;
    let change = match &*event.verb {
        "create" if object.subresource.is_none() => Change::Create,
        "delete" => Change::Delete,
        "update" | "patch" if after.get("metadata").is_some() => Change::Object(None, after),
        "update" | "patch" => match body {
            Json::Array(operations) => {
                let text = |operation: &Json, key: &str| operation.get(key).and_then(Json::as_str).map(str::to_owned);
                let changes = operations.iter().filter(|operation| operation["op"] != "test");
                Change::Patch(changes.flat_map(|it| [text(it, "path"), text(it, "from")]).flatten().collect())
            }
            Json::Object(_) if event.verb == "patch" => Change::Merge(body),
            Json::Object(_) if object.subresource.as_deref() == Some("scale") => Change::Merge(body),
            Json::Object(_) => Change::Object(None, body),
            _ => Change::Unknown,
        },
        _ => return None,
    };
    let name = |user: &Json| user.get("username").and_then(Json::as_str).map(str::to_owned);
    let user = name(&event.user)?;
    let agent = event.user_agent.split(['/', ' ']).next().unwrap_or_default();
    Some(Record {
        object: Key {
            group: object.api_group,
            resource: object.resource,
            namespace: object.namespace,
            name: object.name,
        },
        time: event.stage_timestamp,
        asked: event.request_received_timestamp,
        user: name(&event.impersonated_user).map_or(user.clone(), |as_user| format!("{as_user}, whom {user} acted as")),
        manager: parameter("fieldManager").map_or(agent, |(_, manager)| manager).to_owned(),
        operation: Operation::Update,
        subresource: object.subresource,
        change,
    })
}

impl Record {
    /// Whether it changed a field, as far as that can be told: `None` where it says nothing about
    /// fields.
    fn touches(&self, difference: &Difference) -> Option<bool> {
        let path = &difference.path;
        match &self.change {
            Change::Create | Change::Delete => Some(false),
            Change::Unknown | Change::Object(None, _) => None,
            Change::Fields(fields) => {
                let path = path.to_string();
                Some(fields.iter().any(|field| leads_to(field, &path) || leads_to(&path, field)))
            }
            Change::Patch(pointers) => {
                let sides = [Some(&difference.place), Some(&difference.seen)].into_iter().flatten();
                let paths: Vec<String> = sides.map(ToString::to_string).collect();
                let near = |pointer: &String, path: &String| within(path, pointer) || within(pointer, path);
                Some(pointers.iter().any(|pointer| paths.iter().any(|path| near(pointer, path))))
            }
            Change::Merge(body) => Some(merges(body, &path.0)),
            Change::Object(Some(before), after) => Some(value(before, path) != value(after, path)),
        }
    }

    /// Whether it was made in this second: `managedFields` have no more than whole ones.
    fn was_at(&self, time: &str) -> bool {
        let second = time.get(..19);
        second.is_some() && [&self.time, &self.asked].iter().any(|it| it.get(..19) == second)
    }

    fn author(&self) -> Author {
        Author {
            manager: self.manager.clone(),
            operation: self.operation,
            subresource: self.subresource.clone(),
            time: Some(self.time.clone()),
            exact: true,
            user: Some(self.user.clone()),
        }
    }
}

/// Whether a displayed path is another, or leads to it.
fn leads_to(path: &str, to: &str) -> bool {
    to.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether a pointer is another, or leads into it.
fn within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a body that is merged into an object changes a field of it.
fn merges(body: &Json, path: &[Element]) -> bool {
    let Some((element, rest)) = path.split_first() else { return true };
    match (body, element) {
        (Json::Object(map), Element::Field(name)) => map.get(name).is_some_and(|value| merges(value, rest)),
        (Json::Array(items), Element::Key(keys)) => items.iter().any(|item| {
            let known = keys.iter().filter(|(key, _)| item.get(key).is_some());
            let mut known = known.peekable();
            known.peek().is_some() && known.all(|(key, value)| item.get(key) == Some(value)) && merges(item, rest)
        }),
        (Json::Array(items), Element::Item(value)) => items.contains(value),
        (Json::Object(_), _) => false,
        // A list or a scalar in the place of what led to the field.
        _ => true,
    }
}

/// What an object has at a path.
fn value<'v>(object: &'v Json, path: &ManagedPath) -> Option<&'v Json> {
    path.0.iter().try_fold(object, |value, element| match element {
        Element::Field(name) => value.get(name),
        Element::Index(index) => value.get(*index as usize),
        Element::Item(item) => value.as_array()?.iter().find(|it| *it == item),
        Element::Key(keys) => value.as_array()?.iter().find(|item| {
            keys.iter().any(|(key, _)| item.get(key).is_some())
                && keys.iter().all(|(key, value)| item.get(key).is_none_or(|found| found == value))
        }),
    })
}

/// Adds to the blame of drift what logs tell: the user, also of removals and deletions.
pub fn attribute(drift: &mut Drift, desired: &[Resource], observed: &[Resource], records: &Records) {
    for object in &mut drift.objects {
        let sides = [object.observed.map(|at| &observed[at as usize]), object.desired.map(|at| &desired[at as usize])];
        let Some(subject) = sides.into_iter().flatten().next() else { continue };
        let records = records.of(subject);
        if records.is_empty() {
            continue;
        }
        let deployed = sides[0].and_then(|observed| Ownership::of(observed).deployed().map(str::to_owned));
        let last = |is: fn(&Change) -> bool| records.iter().rev().find(|record| is(&record.change));
        if object.standing == Standing::Missing {
            object.deleter = last(|change| *change == Change::Delete).map(Record::author);
        }
        object.creator = match object.standing {
            Standing::Orphan => last(|change| *change == Change::Create).map(Record::author).or(object.creator.take()),
            _ => object.creator.take(),
        };
        for difference in object.differences.iter_mut().filter(|difference| difference.class <= Class::Codified) {
            blame(difference, records, deployed.as_deref());
        }
    }
}

fn blame(difference: &mut Difference, records: &[Record], deployed: Option<&str>) {
    if let Some(record) = records.iter().rev().find(|record| record.touches(difference) == Some(true)) {
        difference.blame = Blame { authors: vec![record.author()], confidence: Confidence::Recorded };
        if difference.class == Class::Unattributed {
            difference.class = Class::Added;
        }
        return;
    }
    let silent: Vec<&Record> = records.iter().filter(|record| record.touches(difference).is_none()).collect();
    for author in &mut difference.blame.authors {
        let time = author.time.as_deref().unwrap_or_default();
        author.user = silent.iter().rev().find(|record| record.was_at(time)).map(|record| record.user.clone());
    }
    if difference.class == Class::Removed && difference.blame.authors.is_empty() {
        let later = |record: &&&Record| deployed.is_none_or(|deployed| *record.time > *deployed);
        let authors: Vec<_> = silent.iter().rev().filter(later).map(|record| record.author()).collect();
        let confidence = if authors.is_empty() { Confidence::None } else { Confidence::Inferred };
        difference.blame = Blame { authors, confidence };
    }
}
