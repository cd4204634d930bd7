use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::selection;
use crate::selector::Selector;
use crate::tree::Value;

declare_rule! {
    /// Flags a Service whose selector matches the pods of no workload.
    ///
    /// It is claimed where all workloads of the namespace are known, or where a workload of the Service's
    /// own name has other labels.
    ///
    /// ## Why
    /// The Service has no endpoints. Every connection to it is refused or times out, and nothing in its
    /// status says so: callers see it as an outage of the network.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector: # finding
    ///     app: check-out
    ///   ports:
    ///     - port: 80
    ///       targetPort: http
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - name: http
    ///               containerPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     app: checkout
    ///   ports:
    ///     - port: 80
    ///       targetPort: http
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: checkout
    ///   namespace: shop
    /// spec:
    ///   selector:
    ///     matchLabels: {app: checkout}
    ///   template:
    ///     metadata:
    ///       labels: {app: checkout}
    ///     spec:
    ///       containers:
    ///         - name: checkout
    ///           image: example.com/checkout:1.4
    ///           ports:
    ///             - name: http
    ///               containerPort: 8080
    /// ```
    "service-selects-nothing" {
        summary: "no pod stands behind a Service",
        help: "use the labels of the pods that the Service is for",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Service], check),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    let selector = Selector::of_labels(service.spec("selector"));
    let external = service.spec("type").and_then(Value::str) == Some("ExternalName");
    if external || selector.match_labels().next().is_none() {
        return;
    }
    if selection::selects_nothing(service, selector, sink) {
        let labels: Vec<String> = selector.match_labels().map(|(key, value)| format!("`{key}: {value}`")).collect();
        let message = format!("no workload's pods have the labels {}", labels.join(" and "));
        sink.report(FieldPath::of(&["spec", "selector"]), message);
    }
}
