use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags admission webhooks with a `timeoutSeconds` above the default of ten.
    ///
    /// ## Why
    /// While the webhook does not answer, every request that it is asked about waits so long, one
    /// webhook after the other. Controllers give up, retry and wait again: a rollout of twenty pods
    /// takes ten minutes, leases are lost, and nothing says which webhook it is.
    /// <https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/>
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: MutatingWebhookConfiguration
    /// metadata:
    ///   name: defaults
    /// webhooks:
    ///   - name: defaults.example.com
    ///     timeoutSeconds: 30 # finding
    ///     failurePolicy: Ignore
    ///     clientConfig:
    ///       service: {name: defaults, namespace: defaults}
    ///     sideEffects: None
    ///     admissionReviewVersions: [v1]
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: MutatingWebhookConfiguration
    /// metadata:
    ///   name: defaults
    /// webhooks:
    ///   - name: defaults.example.com
    ///     timeoutSeconds: 5
    ///     failurePolicy: Ignore
    ///     clientConfig:
    ///       service: {name: defaults, namespace: defaults}
    ///     sideEffects: None
    ///     admissionReviewVersions: [v1]
    /// ```
    "webhook-timeout-long" {
        summary: "webhook may hold up requests for long",
        help: "set `timeoutSeconds` to what the webhook needs, a few seconds",
        category: Category::Availability,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ValidatingWebhookConfiguration, Kind::MutatingWebhookConfiguration], check),
    }
}

/// The default, in seconds.
const DEFAULT: i64 = 10;

fn check(configuration: &Resource, sink: &mut Sink<'_>) {
    for (index, webhook) in configuration.value().get("webhooks").into_iter().flat_map(Value::items).enumerate() {
        let timeout = webhook.get("timeoutSeconds").and_then(Value::int);
        if let Some(timeout) = timeout.filter(|&timeout| timeout > DEFAULT) {
            let path = FieldPath::of(&["webhooks"]).index(index).key("timeoutSeconds");
            let edits = vec![Edit::set(path.clone(), DEFAULT)];
            let message = format!("each request waits up to {timeout} s for an answer");
            sink.report(path, message).fix(Safety::Unsafe, "wait for the default of 10 s", edits);
        }
    }
}
