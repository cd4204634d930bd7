use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags an Ingress whose backend is a Service that does not exist, or a port that the Service does
    /// not have.
    ///
    /// ## Why
    /// The controller answers `503` for this path, and for nothing else: the rest of the site works, and
    /// monitoring of the front page sees nothing.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   rules:
    ///     - host: shop.example.com
    ///       http:
    ///         paths:
    ///           - path: /
    ///             pathType: Prefix
    ///             backend:
    ///               service:
    ///                 name: check-out # finding
    ///                 port:
    ///                   number: 80
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: shop-port
    ///   namespace: shop
    /// spec:
    ///   rules:
    ///     - host: shop.example.com
    ///       http:
    ///         paths:
    ///           - path: /
    ///             pathType: Prefix
    ///             backend:
    ///               service:
    ///                 name: checkout
    ///                 port:
    ///                   number: 8080 # finding
    /// ---
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
    ///       targetPort: 8080
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: shop
    ///   namespace: shop
    /// spec:
    ///   rules:
    ///     - host: shop.example.com
    ///       http:
    ///         paths:
    ///           - path: /
    ///             pathType: Prefix
    ///             backend:
    ///               service:
    ///                 name: checkout
    ///                 port:
    ///                   number: 80
    /// ---
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
    ///       targetPort: 8080
    /// ```
    "ingress-backend-missing" {
        summary: "ingress leads to a Service or port that does not exist",
        help: "use the name and the port of an existing Service",
        category: Category::Reference,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Ingress], check),
    }
}

fn check(ingress: &Resource, sink: &mut Sink<'_>) {
    let spec = FieldPath::of(&["spec"]);
    // `backend` is what `extensions/v1beta1` called it.
    for field in ["defaultBackend", "backend"] {
        check_backend(ingress.spec(field), &spec.clone().key(field), ingress, sink);
    }
    for (rule_at, rule) in ingress.spec("rules").into_iter().flat_map(Value::items).enumerate() {
        let paths = rule.at(&["http", "paths"]).into_iter().flat_map(Value::items);
        for (at, path) in paths.enumerate() {
            let here = spec.clone().key("rules").index(rule_at).keys(&["http", "paths"]).index(at).key("backend");
            check_backend(path.get("backend"), &here, ingress, sink);
        }
    }
}

fn check_backend(backend: Option<Value<'_>>, path: &FieldPath, ingress: &Resource, sink: &mut Sink<'_>) {
    let Some(backend) = backend else { return };
    let (name, port, name_path, port_path) = match backend.get("service") {
        Some(service) => {
            let path = path.clone().key("service");
            let field = if service.at(&["port", "name"]).is_some() { "name" } else { "number" };
            (service.get("name"), service.at(&["port", field]), path.clone().key("name"), path.key("port").key(field))
        }
        None => (
            backend.get("serviceName"),
            backend.get("servicePort"),
            path.clone().key("serviceName"),
            path.clone().key("servicePort"),
        ),
    };
    let Some(name) = name.and_then(Value::str) else { return };
    // The AWS controller takes such a backend for the name of an annotation.
    if port.and_then(Value::str) == Some("use-annotation") {
        return;
    }
    let inventory = sink.inventory();
    let services: Vec<_> = inventory.named(Kind::Service, ingress.namespace(), name).collect();
    let Some(service) = services.first() else {
        if sink.covers(Kind::Service, ingress.namespace()) {
            sink.report(name_path, format!("Service `{name}` does not exist"));
        }
        return;
    };
    let Some(port) = port else { return };
    let is_it = |declared: Value<'_>| match port.int() {
        Some(number) => declared.get("port").and_then(Value::int) == Some(number),
        None => declared.get("name").and_then(Value::str) == port.str(),
    };
    let ports: Vec<_> =
        services.iter().flat_map(|service| service.spec("ports").into_iter().flat_map(Value::items)).collect();
    // A Service without ports stands for another host.
    if !ports.is_empty() && !ports.into_iter().any(is_it) {
        let finding = sink.report(port_path, format!("Service `{name}` has no port `{}`", port.raw()));
        finding.evidence(service, FieldPath::of(&["spec", "ports"]), "the ports of the Service");
    }
}
