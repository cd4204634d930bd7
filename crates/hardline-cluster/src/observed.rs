//! What a cluster holds, as far as it can be read.

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::Kind;

use crate::kinds::ObservedKind;
use crate::origin::Origin;

/// What a cluster holds, as far as it can be read.
#[derive(Debug)]
pub struct Observed {
    /// The resources, and what is known completely. Their texts are YAML, as `kubectl get` prints it.
    pub inventory: Inventory,
    /// Where each resource of the inventory comes from, in its order.
    pub origins: Vec<Origin>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// How many objects were read, those that others stand for included.
    pub objects: usize,
}

/// Something that could not be read, so that its absence is claimed nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What, as in URLs of the API: `secrets`.
    pub what: String,
    /// Why, in the words of whoever did not give it.
    pub why: String,
}

/// Which part of a cluster is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// One namespace, and what is in none.
    Namespace(String),
}

impl Scope {
    /// Writes down that all objects of a kind in this part are known.
    pub(crate) fn cover(&self, observed: &ObservedKind, coverage: &mut Coverage) {
        match self {
            // Rules know these by their group and name only.
            _ if observed.kind() == Kind::Other => {}
            Self::Namespace(namespace) if observed.namespaced => coverage.add_kind(observed.kind(), Some(namespace)),
            _ => coverage.add_kind_everywhere(observed.kind()),
        }
    }
}
