//! Drift: how what runs differs from what was meant to run, by whose hand, and what it breaks.
//!
//! [`compare`] holds one observed object against its desired form, field by field, as the API
//! server merges them: items of lists by their keys, quantities by their amount, an absent field
//! and its default the same. What is left is told apart by who owns the field in `managedFields`:
//! a person, a deployer, a controller, or nobody, as what an admission webhook has added.

pub mod beside;
mod change;
mod classify;
mod defaults;
pub mod exact;
mod expected;
mod judge;
pub mod managed;
mod objects;
mod record;
mod restore;
mod roles;
mod shape;
mod walk;

use std::fmt;

use serde::Serialize;

use crate::path::FieldPath;
use managed::{Element, ManagedPath, Operation};

pub use change::changes;
pub use expected::{Expectation, FieldPattern, InvalidPattern, expect, expected};
pub use judge::{Broken, Judgement, judge};
pub use objects::{Drift, Object, Standing, drift, is_deployed};
pub use record::{Records, attribute};
pub use restore::{Method, Restoration, deployer, desired_value, observed_value, restore, to_apply};
pub use walk::compare;

/// One field that is not as desired.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The field, by what tells it apart from its siblings.
    pub path: ManagedPath,
    /// What became of it.
    pub class: Class,
    /// Where the desired object has it, unless it has not.
    pub desired: Option<FieldPath>,
    /// Where the observed object has it, unless it has not.
    pub observed: Option<FieldPath>,
    /// Where the release has it that was deployed last, if it is known and has it.
    pub released: Option<FieldPath>,
    /// Where in the desired object it is, or would be.
    pub place: FieldPath,
    /// Where in the observed object it is, or would be.
    pub seen: FieldPath,
    /// Whose hand it was.
    pub blame: Blame,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// Why it is of its class, where that is told more exactly.
    pub because: Option<String>,
}

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Drift: somebody gave it another value.
    Changed,
    /// Drift: somebody added it.
    Added,
    /// Drift: somebody took it away.
    Removed,
    /// It is not desired, and nothing tells who added it: the object has no `managedFields`.
    Unattributed,
    /// It was deployed and is no longer desired; the next deployment may leave it there.
    Leftover,
    /// The source is ahead of the deployed release, which is what runs.
    Pending,
    /// A change by hand that the source has taken over since.
    Codified,
    /// The configuration, or the tool that deploys, declares that it may differ.
    Expected,
    /// The API server sets it where nobody does.
    Default,
    /// The API server gives it a value of its own choice.
    Allocated,
    /// It was added or changed when the object was admitted: no field manager owns what it is.
    Admission,
    /// A controller has the say over it.
    Controlled,
    /// It says no more than its absence, or only how and when the object was deployed.
    Immaterial,
    /// The API server does not know the field, and has dropped it.
    Dropped,
}

impl Difference {
    /// What the value is called: its key, or the variable that it is the value of.
    pub fn name(&self) -> &str {
        match &self.path.0[..] {
            [.., Element::Key(keys), Element::Field(field)] if field == "value" => {
                keys.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name.as_str()).unwrap_or_default()
            }
            [.., Element::Field(field)] => field,
            _ => "",
        }
    }

    /// Why it is, or is not, drift.
    pub fn reason(&self) -> &str {
        self.because.as_deref().unwrap_or_else(|| self.class.reason())
    }

    /// Whose hand it was, in words: `kubectl-edit (Update), no later than 2026-11-20T14:32:10Z`.
    pub fn who(&self) -> String {
        let authors: Vec<_> = self.blame.authors.iter().map(Author::to_string).collect();
        match self.blame.confidence {
            Confidence::None if self.class == Class::Removed => {
                "not known: Kubernetes keeps no trace of a removal; an audit log may".to_owned()
            }
            Confidence::None => "not known".to_owned(),
            Confidence::Inferred => format!("perhaps {}: wrote after the last deployment", authors.join(" or ")),
            Confidence::Owner => authors.join("; then "),
            Confidence::Recorded => format!("{}, by the log", authors.join("; then ")),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}", self.name(), self.operation)?;
        if let Some(subresource) = &self.subresource {
            write!(f, " of {subresource}")?;
        }
        f.write_str(")")?;
        match &self.time {
            Some(time) => write!(f, ", {} {time}", if self.exact { "at" } else { "no later than" }),
            None => Ok(()),
        }
    }
}

impl Author {
    /// Who it was: the user by whatever client, where that is known, else what the client calls itself.
    pub fn name(&self) -> String {
        match &self.user {
            Some(user) if self.manager.is_empty() => user.clone(),
            Some(user) => format!("{user} by {}", self.manager),
            None => self.manager.clone(),
        }
    }
}

impl Class {
    /// Whether somebody has changed the cluster behind the back of its source.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Changed | Self::Added | Self::Removed)
    }

    /// Whether it is told without being asked for.
    pub fn is_told(self) -> bool {
        self <= Self::Codified
    }

    /// The word used in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Unattributed => "unattributed",
            Self::Leftover => "leftover",
            Self::Pending => "pending",
            Self::Codified => "codified",
            Self::Expected => "expected",
            Self::Default => "default",
            Self::Allocated => "allocated",
            Self::Admission => "admission",
            Self::Controlled => "controlled",
            Self::Immaterial => "immaterial",
            Self::Dropped => "dropped",
        }
    }

    /// Why it is, or is not, drift.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Changed => "changed in the cluster",
            Self::Added => "added in the cluster",
            Self::Removed => "removed in the cluster",
            Self::Unattributed => "not desired; nothing tells who added it",
            Self::Leftover => "deployed earlier, no longer desired",
            Self::Pending => "desired, not yet deployed",
            Self::Codified => "changed in the cluster, and in the source since",
            Self::Expected => "declared to differ",
            Self::Default => "the API server's default",
            Self::Allocated => "allocated by the API server",
            Self::Admission => "set at admission: no field manager owns the value",
            Self::Controlled => "a controller has the say",
            Self::Immaterial => "says nothing about what runs",
            Self::Dropped => "the API server does not know the field",
        }
    }
}

/// Whose hand it was, as far as that can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// The field managers that come into question, the newest first.
    pub authors: Vec<Author>,
    /// How sure that is.
    pub confidence: Confidence,
}

/// A field manager that wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// What the client calls itself: evidence, not an identity.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// The subresource it wrote through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When it wrote last: it has changed none of its fields later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Whether the time is that of the change: the field is the only one it owns, or a log has it.
    pub exact: bool,
    /// Who it was to the API server, where a log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How sure a [`Blame`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Nothing tells who it was.
    #[default]
    None,
    /// Somebody wrote later than the deployer: a removal leaves no other trace.
    Inferred,
    /// `managedFields` name the owner.
    Owner,
    /// A log has the change itself, and the user.
    Recorded,
}

/// What [`compare`] is to keep.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep also the differences that are no drift, each with its class.
    pub explained: bool,
    /// The desired objects are what was deployed last, so that none of them is still to come.
    pub deployed: bool,
}

/// How an observed object differs from its desired form.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The differences, in the order of the fields.
    pub differences: Vec<Difference>,
    /// How many differences are no drift; with [`Options::explained`] they are kept as well.
    pub explained: usize,
    /// Why the objects were compared no further than their metadata.
    pub refused: Option<String>,
}
