//! The ledger: who changed what in guarded namespaces, and who was refused.
//!
//! One [`Entry`] a request, written as a line of JSON. The format is versioned, and documented for
//! whoever reads it in `docs/src/ledger.md`.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::resource::ResourceId;

/// The version of the format, in the field `schema` of each line.
pub const SCHEMA: &str = "hardline.ledger/v1";

/// One request to change something, or to enter a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// [`SCHEMA`].
    pub schema: String,
    /// When it was answered, by RFC 3339, UTC.
    pub time: String,
    /// The uid of the admission review.
    pub uid: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// The part of the object that was meant, such as `scale` or `exec`; empty for the object itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// The object.
    pub resource: ResourceId,
    /// Who asked, as the API server knows them.
    pub user: String,
    /// Their groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What they are to the guard.
    pub role: Role,
    /// What their client calls itself: evidence, not an identity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manager: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it was refused or warned for: `guard`, `delete-protection`, or ids of rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The break-glass grant that it was done under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// What it changes. Objects that are made or deleted have no list: all of them is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many further changes are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// What somebody is to the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One of those that the configuration lists.
    Deployer,
    /// A part of Kubernetes.
    System,
    /// Somebody with a break-glass grant.
    Granted,
    /// Anybody else.
    Other,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// hardline let it pass.
    Allowed,
    /// hardline let it pass and told the user that it is not as it should be.
    Warned,
    /// hardline refused it.
    Refused,
}

/// A break-glass grant, as far as the ledger needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The name of the `BreakGlass` in the namespace of the object.
    pub name: String,
    /// What it was opened for.
    pub reason: String,
}

/// One field that a request changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field, such as `spec.template.spec.containers[name=web].image`.
    pub field: String,
    /// What becomes of it.
    pub op: Op,
    /// Its value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// Its value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
    /// Why the values are not told, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// It was not there.
    Added,
    /// It gets another value.
    Changed,
    /// It is taken away.
    Removed,
    /// A list whose items are told apart by keys gets another order.
    Reordered,
}

/// Why a value is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// It is a secret, or holds one.
    Secret,
    /// It is long, or has several lines.
    Long,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
