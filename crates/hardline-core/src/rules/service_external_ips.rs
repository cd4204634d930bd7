use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags Services with `externalIPs`.
    ///
    /// ## Why
    /// Every node sends traffic for these addresses to the pods of the Service, whoever owns the
    /// address. Who may create a Service can so catch the traffic of others (CVE-2020-8554), which
    /// has no mend but not to use the field; Kubernetes 1.36 deprecates it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: web
    /// spec:
    ///   externalIPs:
    ///     - 203.0.113.7 # finding
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
    ///   type: LoadBalancer
    ///   selector:
    ///     app: web
    ///   ports:
    ///     - port: 80
    /// ```
    "service-external-ips" {
        summary: "service claims addresses of its choice",
        help: "use a Service of type `LoadBalancer`, whose controller hands out addresses",
        category: Category::Network,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Resource(&[Kind::Service], check),
        cel: Some(Cel::flags("object.spec.?externalIPs.orValue([]).size() > 0")),
    }
}

fn check(service: &Resource, sink: &mut Sink<'_>) {
    for (index, address) in service.spec("externalIPs").into_iter().flat_map(Value::items).enumerate() {
        let path = FieldPath::of(&["spec", "externalIPs"]).index(index);
        sink.report(path, format!("every node catches the traffic to {}", address.raw()));
    }
}
