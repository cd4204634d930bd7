use crate::declare_rule;
use crate::finding::Sink;
use crate::namespace;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags namespaces without a `ResourceQuota`, at the `Namespace` or, where that is not part
    /// of the input, at the namespace's first workload. Kubernetes' own `kube-*` namespaces are
    /// left out.
    ///
    /// ## Why
    /// Without a quota, one runaway autoscaler or one mistyped replica count takes the whole
    /// cluster: the pods of all other namespaces stay pending, and the on-call engineer looks for
    /// the fault in every place but the one that ate the nodes.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    /// ---
    /// apiVersion: v1
    /// kind: ResourceQuota
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   hard:
    ///     requests.cpu: "8"
    ///     requests.memory: 16Gi
    ///     limits.memory: 16Gi
    /// ```
    "quota-missing" {
        summary: "namespace has no ResourceQuota",
        help: "add a `ResourceQuota` that bounds `requests.cpu`, `requests.memory` and `limits.memory`",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    if let Some(subject) = namespace::represented_by(resource, sink.inventory())
        && sink.covers(Kind::ResourceQuota, Some(subject.name))
        && sink.inventory().of_kind(Kind::ResourceQuota, Some(subject.name)).next().is_none()
    {
        sink.report(subject.path, format!("namespace `{}` has no ResourceQuota", subject.name));
    }
}
