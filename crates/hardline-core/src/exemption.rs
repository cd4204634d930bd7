//! Exemptions: findings that somebody has answered for, with a reason and, if wished, an end.

use crate::config::Date;
use crate::finding::Place;
use crate::path::FieldPath;
use crate::resource::Resource;
use crate::rule::Rule;
use crate::tree::Value;

/// What precedes a rule's id in an annotation that exempts a resource from it.
pub const ANNOTATION_PREFIX: &str = "exempt.hardline.dev/";

/// One exemption from one rule.
#[derive(Debug, Clone)]
pub struct Exemption {
    /// The rule.
    pub rule: &'static Rule,
    /// The resources that are exempt.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// Where it is written.
    pub place: Place,
}

/// The resources that an [`Exemption`] is for. Fields left out match all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The one resource that carries the annotation, by its index in the inventory.
    pub resource: Option<u32>,
    /// The kind.
    pub kind: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The name, where `*` stands for any characters.
    pub name: Option<String>,
}

/// Why an annotation exempts from nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No rule has this id.
    #[error("no rule is called `{0}`")]
    UnknownRule(String),
    /// The reason is missing.
    #[error("an exemption needs a reason")]
    NoReason,
    /// The end is no date.
    #[error("`until`: {0}")]
    Until(#[from] crate::config::InvalidDate),
    /// Something else than `owner` and `until` after the reason.
    #[error("`{0}` is not understood: after the reason come `owner=…` and `until=YYYY-MM-DD`")]
    UnknownField(String),
}

impl Scope {
    /// Whether a resource is in the scope.
    pub fn contains(&self, resource: &Resource) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        self.resource.is_none_or(|index| index == resource.index)
            && is(&self.kind, resource.kind_name())
            && is(&self.namespace, resource.namespace().unwrap_or_default())
            && self.name.as_ref().is_none_or(|pattern| crate::pattern::matches(pattern, resource.name()))
    }
}

/// The exemptions in a resource's annotations, and where an annotation is not a valid one.
pub fn of_resource(resource: &Resource) -> impl Iterator<Item = Result<Exemption, (Place, Invalid)>> {
    let annotations = resource.value().at(&["metadata", "annotations"]);
    let annotations = annotations.into_iter().flat_map(Value::entries);
    annotations.filter_map(|entry| {
        let key = entry.key.raw();
        let id = key.strip_prefix(ANNOTATION_PREFIX)?;
        let path = FieldPath::of(&["metadata", "annotations"]).key(key.to_owned());
        let place = Place::Field { resource: resource.index, path };
        Some(match parse(id, entry.value.raw()) {
            Ok((rule, parsed)) => Ok(Exemption {
                rule,
                scope: Scope { resource: Some(resource.index), ..Scope::default() },
                reason: parsed.reason,
                owner: parsed.owner,
                until: parsed.until,
                place,
            }),
            Err(invalid) => Err((place, invalid)),
        })
    })
}

struct Parsed {
    reason: String,
    owner: Option<String>,
    until: Option<Date>,
}

/// Reads `reason; owner=…; until=YYYY-MM-DD`.
fn parse(id: &str, text: &str) -> Result<(&'static Rule, Parsed), Invalid> {
    let rule = Rule::find(id).ok_or_else(|| Invalid::UnknownRule(id.to_owned()))?;
    let mut parts = text.split(';').map(str::trim);
    let reason = parts.next().unwrap_or_default().to_owned();
    if reason.is_empty() || reason.starts_with("owner=") || reason.starts_with("until=") {
        return Err(Invalid::NoReason);
    }
    let mut parsed = Parsed { reason, owner: None, until: None };
    for part in parts.filter(|part| !part.is_empty()) {
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("owner", owner)) if !owner.is_empty() => parsed.owner = Some(owner.to_owned()),
            Some(("until", date)) => parsed.until = Some(date.parse()?),
            _ => return Err(Invalid::UnknownField(part.to_owned())),
        }
    }
    Ok((rule, parsed))
}
