use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::sensitive;
use crate::tree::Value;

declare_rule! {
    /// Flags a `ConfigMap` that holds a secret: under a key that says so, such as `password`, or a
    /// private key. Values are never shown.
    ///
    /// ## Why
    /// A ConfigMap is meant to be read: the role `view` may, Secrets it may not. It is stored without
    /// encryption at rest, printed by `kubectl describe`, and copied into backups and tickets.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: settings
    /// data:
    ///   LOG_LEVEL: info
    ///   DB_PASSWORD: hunter2 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: settings
    /// data:
    ///   LOG_LEVEL: info
    ///   DB_PASSWORD_FILE: /etc/db/password
    /// ```
    "configmap-holds-secret" {
        summary: "secret is kept in a ConfigMap",
        help: "move the value into a Secret, and change it",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ConfigMap], check),
    }
}

fn check(config: &Resource, sink: &mut Sink<'_>) {
    for entry in config.value().get("data").into_iter().flat_map(Value::entries) {
        let key = entry.key.raw();
        let value = entry.value.str().unwrap_or_default();
        if let Some(reason) = sensitive::reason(key, value) {
            sink.report(FieldPath::of(&["data"]).key(key.to_owned()), format!("key `{key}` {reason}"));
        }
    }
}
