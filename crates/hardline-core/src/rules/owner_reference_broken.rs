use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags owner references that the garbage collector cannot follow: to a namespaced owner from an
    /// object without a namespace, to an owner that is not in the object's namespace, and a second
    /// `controller: true`.
    ///
    /// An owner that is not there is claimed only where all objects of its kind are known.
    ///
    /// ## Why
    /// An owner that is not in the same namespace counts as absent, and once all owners do, the object
    /// is deleted: an export of an object applied elsewhere vanishes minutes later without a word. A
    /// cluster-wide object with a namespaced owner is never cleaned up.
    /// <https://kubernetes.io/docs/concepts/architecture/garbage-collection/>
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    ///   ownerReferences:
    ///     - apiVersion: apps/v1
    ///       kind: Deployment # finding
    ///       name: operator
    ///       uid: 0f2a1b6e-5c1e-4a53-9d0e-1f4d6f1f3c11
    /// rules: []
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRole
    /// metadata:
    ///   name: operator
    ///   ownerReferences:
    ///     - apiVersion: v1
    ///       kind: Namespace
    ///       name: operator
    ///       uid: 0f2a1b6e-5c1e-4a53-9d0e-1f4d6f1f3c11
    /// rules: []
    /// ```
    "owner-reference-broken" {
        summary: "owner cannot be followed",
        help: "name an owner in the same namespace, or one without a namespace, or none",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let Some(owners) = resource.value().at(&["metadata", "ownerReferences"]) else { return };
    let mut controllers = 0;
    for (index, owner) in owners.items().enumerate() {
        let path = || FieldPath::of(&["metadata", "ownerReferences"]).index(index);
        let field = |key| owner.get(key).and_then(Value::str).unwrap_or_default();
        let (api_version, name) = (field("apiVersion"), field("name"));
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let kind = Kind::of(group, field("kind"));
        controllers += usize::from(owner.get("controller").and_then(Value::bool) == Some(true));
        if controllers == 2 {
            controllers += 1;
            sink.report(path().key("controller"), "a second owner is the controller; the API server allows one");
        }
        if kind == Kind::Other {
            continue;
        }
        if !kind.is_namespaced() {
            continue;
        }
        if resource.kind() != Kind::Other && !resource.kind().is_namespaced() {
            let message = format!("a {} has no namespace, and its owner {kind} {name} has", resource.kind());
            sink.report(path().key("kind"), message);
        } else if sink.inventory().find(kind, resource.namespace(), name).is_none()
            && !name.is_empty()
            && sink.covers(kind, resource.namespace())
        {
            let message = format!("owner {kind} `{name}` is not in the namespace: the object is deleted with it");
            sink.report(path().key("name"), message);
        }
    }
}
