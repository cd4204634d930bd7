use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags an Ingress with configuration snippets of ingress-nginx in its annotations.
    ///
    /// ## Why
    /// A snippet becomes part of the configuration of the one proxy that serves everybody. By it, who
    /// may create an Ingress reads every Secret that the controller may read: those of the whole
    /// cluster (CVE-2021-25742). Current versions ignore snippets unless the administrator allows
    /// them, so that the route does not do what its text says.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: web
    ///   annotations:
    ///     nginx.ingress.kubernetes.io/server-snippet: "return 403;" # finding
    /// spec:
    ///   tls:
    ///     - hosts: [shop.example.com]
    ///       secretName: shop-tls
    ///   rules:
    ///     - host: shop.example.com
    ///       http:
    ///         paths:
    ///           - path: /
    ///             pathType: Prefix
    ///             backend:
    ///               service:
    ///                 name: web
    ///                 port:
    ///                   number: 80
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: web
    ///   annotations:
    ///     nginx.ingress.kubernetes.io/proxy-body-size: 8m
    /// spec:
    ///   tls:
    ///     - hosts: [shop.example.com]
    ///       secretName: shop-tls
    ///   rules:
    ///     - host: shop.example.com
    ///       http:
    ///         paths:
    ///           - path: /
    ///             pathType: Prefix
    ///             backend:
    ///               service:
    ///                 name: web
    ///                 port:
    ///                   number: 80
    /// ```
    "ingress-snippet" {
        summary: "ingress changes the configuration of its proxy",
        help: "use the annotation that is made for the purpose, or set it once in the controller",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Ingress], check),
        cel: Some(Cel::flags(
            "object.metadata.?annotations.orValue({}).exists(key, \
             key.startsWith('nginx.ingress.kubernetes.io/') && key.endsWith('-snippet'))",
        )),
    }
}

fn check(ingress: &Resource, sink: &mut Sink<'_>) {
    let annotations = ingress.value().at(&["metadata", "annotations"]);
    for entry in annotations.into_iter().flat_map(Value::entries) {
        let key = entry.key.raw();
        if key.starts_with("nginx.ingress.kubernetes.io/") && key.ends_with("-snippet") {
            let path = FieldPath::of(&["metadata", "annotations"]).key(key.to_owned());
            sink.report(path, format!("`{key}` puts text into the configuration of the shared proxy"));
        }
    }
}
