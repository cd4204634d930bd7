use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags an Ingress without `tls`. Annotations that name a certificate of a cloud, such as those
    /// of AWS and Google, count as TLS.
    ///
    /// ## Why
    /// Passwords and cookies cross the network in the clear, and whoever sits between may change the
    /// answers.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata:
    ///   name: web
    /// spec: # finding
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
    "ingress-tls-missing" {
        summary: "ingress has no TLS",
        help: "name the hosts and the Secret of their certificate in `spec.tls`",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::Ingress], check),
        cel: Some(Cel::flags(
            "object.?spec.?tls.orValue([]).size() == 0 && \
             !variables.certificateAnnotations.exists(key, key in \
             object.metadata.?annotations.orValue({}))",
        )
        .with(&[("certificateAnnotations", &CERTIFICATES)])),
    }
}

/// What the annotations of ingress controllers are called that get their certificate elsewhere.
const CERTIFICATES: [&str; 5] = [
    "alb.ingress.kubernetes.io/certificate-arn",
    "networking.gke.io/managed-certificates",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
    "networking.gke.io/certmap",
];

fn check(ingress: &Resource, sink: &mut Sink<'_>) {
    let tls = ingress.spec("tls").and_then(|tls| tls.items().next()).is_some();
    let annotations = ingress.value().at(&["metadata", "annotations"]);
    let elsewhere = CERTIFICATES.iter().any(|name| annotations.and_then(|all| all.get(name)).is_some());
    if !tls && !elsewhere {
        sink.report(FieldPath::of(&["spec", "tls"]), "the hosts are served without TLS");
    }
}
