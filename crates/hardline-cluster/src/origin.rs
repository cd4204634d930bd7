//! When and by whom an object came to be as it is.

/// Where a resource of an observed inventory comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `creationTimestamp`, in the form of RFC 3339.
    pub created: Option<Box<str>>,
    /// Who wrote which part of it last, in the order of the API server. Empty where the object does
    /// not say: dumps without `--show-managed-fields`.
    pub managers: Vec<Manager>,
    /// How many pods are judged by this resource, and are not in the inventory for being the same.
    pub pods: u32,
    /// The resource that owns this one, by its place in the inventory, where this one is there for
    /// differing from its owner's template.
    pub variant_of: Option<u32>,
}

/// A field manager: a tool by its own account, not an identity.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Manager {
    /// Its name, such as `kubectl-edit`.
    pub name: Box<str>,
    /// When it last changed any of its fields, in the form of RFC 3339: no later than any one of
    /// them.
    pub time: Option<Box<str>>,
    /// The subresource that it writes, such as `status`; empty for the object itself.
    pub subresource: Box<str>,
}

impl Origin {
    /// Who wrote the object itself last, rather than its status.
    pub fn author(&self) -> Option<&Manager> {
        // Times in the form of RFC 3339 with the same offset order as texts do.
        self.managers.iter().filter(|manager| &*manager.subresource != "status").max_by_key(|it| it.time.as_deref())
    }
}
