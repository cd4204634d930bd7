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

/// The namespace that a resource represents: a `Namespace` its own, the first workload of a
/// namespace that no `Namespace` declares that one. Kubernetes' own namespaces, `kube-*`, are
/// represented by nothing.
pub fn represented_by<'a>(resource: &'a Resource, inventory: &Inventory) -> Option<Represented<'a>> {
    let represented = if resource.kind() == Kind::Namespace {
        Represented { name: resource.name(), path: FieldPath::of(&["metadata", "name"]) }
    } else {
        let name = resource.namespace()?;
        Workload::of(resource)?;
        let first = inventory.workloads_in(Some(name)).next()?;
        let declared = inventory.find(Kind::Namespace, None, name).is_some();
        if declared || first.resource.index != resource.index {
            return None;
        }
        Represented { name, path: FieldPath::of(&["metadata", "namespace"]) }
    };
    (!represented.name.is_empty() && !represented.name.starts_with("kube-")).then_some(represented)
}
