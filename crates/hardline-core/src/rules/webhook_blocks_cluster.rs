use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags admission webhooks that run in the cluster, must be asked about pods of every namespace,
    /// and refuse when they do not answer.
    ///
    /// ## Why
    /// When the last pod of the webhook is gone, its new pod cannot be created, because the webhook
    /// is asked about it and does not answer. Nor can CoreDNS, the network plugin or anything else in
    /// `kube-system`: after the loss of a node the cluster does not come back by itself.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata:
    ///   name: guard
    /// webhooks:
    ///   - name: guard.example.com
    ///     failurePolicy: Fail # finding
    ///     clientConfig:
    ///       service:
    ///         name: guard
    ///         namespace: guard
    ///     rules:
    ///       - apiGroups: [""]
    ///         apiVersions: [v1]
    ///         operations: [CREATE]
    ///         resources: [pods]
    ///     sideEffects: None
    ///     admissionReviewVersions: [v1]
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata:
    ///   name: guard
    /// webhooks:
    ///   - name: guard.example.com
    ///     failurePolicy: Ignore
    ///     clientConfig:
    ///       service:
    ///         name: guard
    ///         namespace: guard
    ///     rules:
    ///       - apiGroups: [""]
    ///         apiVersions: [v1]
    ///         operations: [CREATE]
    ///         resources: [pods]
    ///     sideEffects: None
    ///     admissionReviewVersions: [v1]
    /// ```
    /// ```yaml good
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata:
    ///   name: guard
    /// webhooks:
    ///   - name: guard.example.com
    ///     failurePolicy: Fail
    ///     namespaceSelector:
    ///       matchExpressions:
    ///         - key: kubernetes.io/metadata.name
    ///           operator: NotIn
    ///           values: [kube-system, guard]
    ///     clientConfig:
    ///       service:
    ///         name: guard
    ///         namespace: guard
    ///     rules:
    ///       - apiGroups: [""]
    ///         apiVersions: [v1]
    ///         operations: [CREATE]
    ///         resources: [pods]
    ///     sideEffects: None
    ///     admissionReviewVersions: [v1]
    /// ```
    "webhook-blocks-cluster" {
        summary: "webhook may lock out its own pods and kube-system",
        help: "leave out `kube-system` and the own namespace by a `namespaceSelector`, or use `failurePolicy: Ignore`",
        category: Category::Availability,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ValidatingWebhookConfiguration, Kind::MutatingWebhookConfiguration], check),
    }
}

fn check(configuration: &Resource, sink: &mut Sink<'_>) {
    for (index, webhook) in configuration.value().get("webhooks").into_iter().flat_map(Value::items).enumerate() {
        let Some(service) = webhook.at(&["clientConfig", "service"]) else { continue };
        let fails = webhook.get("failurePolicy").and_then(Value::str).unwrap_or("Fail") == "Fail";
        let is_filled = |key| {
            webhook.get(key).is_some_and(|value| value.entries().next().is_some() || value.items().next().is_some())
        };
        let chooses = ["namespaceSelector", "objectSelector", "matchConditions"].into_iter().any(is_filled);
        if fails && !chooses && webhook.get("rules").into_iter().flat_map(Value::items).any(admits_pods) {
            let own = service.get("namespace").and_then(Value::str).unwrap_or_default();
            let message = format!(
                "while it does not answer, no pod can be created in `kube-system` or in its own namespace `{own}`"
            );
            sink.report(FieldPath::of(&["webhooks"]).index(index).key("failurePolicy"), message);
        }
    }
}

/// Whether a webhook's rule is for the creation of pods.
fn admits_pods(rule: Value<'_>) -> bool {
    let any = |key: &str, wanted: &[&str]| {
        rule.get(key).into_iter().flat_map(Value::items).filter_map(Value::str).any(|value| wanted.contains(&value))
    };
    any("apiGroups", &["", "*"]) && any("resources", &["pods", "*", "*/*"]) && any("operations", &["CREATE", "*"])
}
