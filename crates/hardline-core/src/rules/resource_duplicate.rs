use std::sync::Arc;

use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::Resource;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a resource that the same file defines already.
    ///
    /// Other files are other environments too often to say the same of them.
    ///
    /// ## Why
    /// The last one wins. A change to the first has no effect, and nobody sees why: both are read,
    /// both are applied, and the first is gone a moment later.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// data:
    ///   CURRENCY: EUR
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout # finding
    ///   namespace: shop
    /// data:
    ///   CURRENCY: USD
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// data:
    ///   CURRENCY: EUR
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout-us
    ///   namespace: shop
    /// data:
    ///   CURRENCY: USD
    /// ```
    "resource-duplicate" {
        summary: "resource is defined more than once",
        help: "keep one definition, or give them different names",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    // A `generateName` is a new name each time.
    if !resource.is_named() {
        return;
    }
    let mut same = sink.inventory().named(resource.kind(), resource.namespace(), resource.name());
    let earlier = same.find(|other| {
        other.index < resource.index
            && other.kind_name() == resource.kind_name()
            && other.group() == resource.group()
            && other.is_named()
            && Arc::ptr_eq(other.source(), resource.source())
    });
    if let Some(earlier) = earlier {
        let path = FieldPath::of(&["metadata", "name"]);
        let message = format!("{} is defined already", resource.id());
        sink.report(path.clone(), message).evidence(earlier, path, "the first definition");
    }
}
