//! Where to say something about a namespace: once, whether or not its `Namespace` is known.

use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::workload::Workload;

/// A namespace, at the resource that represents it.
#[derive(Debug)]
pub struct Represented<'a> {
    /// The namespace's name.
    pub name: &'a str,
    /// The field of the resource that names the namespace.
    pub path: FieldPath,
}

/// The namespace that a resource represents: the first `Namespace` of a name its own, the first
/// workload of a namespace that no `Namespace` declares that one. Kubernetes' own namespaces,
/// `kube-*`, are represented by nothing.
pub fn represented_by<'a>(resource: &'a Resource, inventory: &Inventory) -> Option<Represented<'a>> {
    let (name, key) = match resource.kind() {
        Kind::Namespace => (resource.name(), "name"),
        _ => (Workload::of(resource)?.resource.namespace()?, "namespace"),
    };
    let declared = inventory.find(Kind::Namespace, None, name);
    let first = declared.or_else(|| Some(inventory.workloads_in(Some(name)).next()?.resource))?;
    let own = first.index == resource.index && !name.is_empty() && !name.starts_with("kube-");
    own.then(|| Represented { name, path: FieldPath::of(&["metadata", key]) })
}
