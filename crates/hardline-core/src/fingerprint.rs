//! What stays the same about a finding while lines and files move.

use std::fmt;

use crate::finding::{Finding, Place};
use crate::inventory::Inventory;
use crate::path::{FieldPath, Segment, push_number};
use crate::resource::Resource;
use crate::tree::Value;

/// The rule, the resource and the field of a finding, in words that outlive edits around it: no
/// line, no file, no API version, and an item of a list by its name where it has one.
///
/// Displays as `container-privileged:apps/Deployment shop/web:/spec/template/spec/containers[app]`.
/// Findings may share one, such as those of a resource that is written twice; then they are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// Group, kind, namespace and name of the resource, as in `apps/Deployment shop/web`; or the
    /// name of the file, for text that is no resource.
    pub subject: String,
    /// The rule's id.
    pub rule: String,
    /// The field, with items as `[name]`; empty for text.
    pub path: String,
}

impl Fingerprint {
    /// The fingerprint of a finding about this inventory.
    pub fn of(finding: &Finding, inventory: &Inventory) -> Self {
        let rule = finding.rule.id.to_owned();
        match &finding.place {
            Place::Field { resource, path } => {
                let resource = &inventory[*resource];
                let mut named = String::new();
                push_named(&mut named, path, resource.value());
                Self { subject: subject(resource), rule, path: named }
            }
            Place::Text { source, .. } => Self { subject: source.name.clone(), rule, path: String::new() },
        }
    }
}

/// What the fingerprint of a finding displays as.
pub(crate) fn text(finding: &Finding, inventory: &Inventory) -> String {
    let mut text = String::with_capacity(160);
    text.extend([finding.rule.id, ":"]);
    match &finding.place {
        Place::Field { resource, path } => {
            let resource = &inventory[*resource];
            push_subject(&mut text, resource);
            if !path.segments().is_empty() {
                text.push(':');
                push_named(&mut text, path, resource.value());
            }
        }
        Place::Text { source, .. } => text.push_str(&source.name),
    }
    text
}

/// What a resource is called whatever file it is in, and in whatever version of its API.
pub(crate) fn subject(resource: &Resource) -> String {
    let mut subject = String::with_capacity(64);
    push_subject(&mut subject, resource);
    subject
}

fn push_subject(text: &mut String, resource: &Resource) {
    let group = resource.group();
    if !group.is_empty() {
        text.extend([group, "/"]);
    }
    resource.write_name(text);
}

/// Adds a path where items of lists go by their names.
fn push_named(text: &mut String, path: &FieldPath, root: Value<'_>) {
    let mut here = Some(root);
    for segment in path.segments() {
        match segment {
            Segment::Key(key) => {
                here = here.and_then(|value| value.get(key));
                text.push('/');
                text.push_str(key);
            }
            Segment::Index(index) => {
                here = here.and_then(|value| value.items().nth(*index as usize));
                text.push('[');
                match here.and_then(|item| item.get("name")).and_then(Value::str) {
                    Some(name) => text.push_str(name),
                    None => push_number(text, *index),
                }
                text.push(']');
            }
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.rule.as_str(), ":", &self.subject, if self.path.is_empty() { "" } else { ":" }, &self.path];
        parts.into_iter().try_for_each(|part| f.write_str(part))
    }
}
