use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a StatefulSet whose `serviceName` is a Service that does not exist or is not headless.
    /// One pod alone may do with any Service.
    ///
    /// ## Why
    /// The pods get no names in DNS. Members that find each other by `ledger-0.ledger` cannot, and the
    /// cluster never forms, or falls apart at the next restart.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   replicas: 3
    ///   serviceName: ledger # finding
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   selector: {app: ledger}
    ///   ports:
    ///     - port: 5432
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   replicas: 3
    ///   serviceName: ledger
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   clusterIP: None
    ///   selector: {app: ledger}
    ///   ports:
    ///     - port: 5432
    /// ```
    "headless-service-missing" {
        summary: "no headless Service stands behind a StatefulSet",
        help: "add a Service of this name with `clusterIP: None`",
        category: Category::Reference,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::StatefulSet], check),
    }
}

fn check(set: &Resource, sink: &mut Sink<'_>) {
    let Some(name) = set.spec("serviceName").and_then(Value::str).filter(|name| !name.is_empty()) else { return };
    let inventory = sink.inventory();
    let path = FieldPath::of(&["spec", "serviceName"]);
    let services: Vec<_> = inventory.named(Kind::Service, set.namespace(), name).collect();
    let headless = |service: &&Resource| service.spec("clusterIP").and_then(Value::str) == Some("None");
    let alone = set.spec("replicas").and_then(Value::int).unwrap_or(1) == 1;
    match services.first() {
        None if sink.covers(Kind::Service, set.namespace()) => {
            sink.report(path, format!("Service `{name}` does not exist"));
        }
        Some(service) if !alone && !services.iter().any(headless) => {
            let finding = sink.report(path, format!("Service `{name}` is not headless"));
            finding.evidence(service, FieldPath::of(&["spec", "clusterIP"]), "must be `None`");
        }
        _ => {}
    }
}
