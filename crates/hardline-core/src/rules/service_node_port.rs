use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags Services of type `NodePort`.
    ///
    /// ## Why
    /// The port is open on every node, on all of its addresses, past the ingress and its TLS. A
    /// firewall of the cloud is then all that stands before it, and nobody counts on a node that goes
    /// away.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: web
    /// spec:
    ///   type: NodePort # finding
    ///   selector:
    ///     app: web
    ///   ports:
    ///     - port: 80
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: web
    /// spec:
    ///   type: ClusterIP
    ///   selector:
    ///     app: web
    ///   ports:
    ///     - port: 80
    /// ```
    "service-node-port" {
        summary: "service is open on every node",
        help: "use `ClusterIP` behind an Ingress or a Gateway, or a `LoadBalancer`",
        category: Category::Network,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::Service], check),
        cel: Some(Cel::flags("object.spec.?type.orValue('ClusterIP') == 'NodePort'")),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    if service.spec("type").and_then(Value::str) == Some("NodePort") {
        sink.report(FieldPath::of(&["spec", "type"]), "the Service is open on every node of the cluster");
    }
}
