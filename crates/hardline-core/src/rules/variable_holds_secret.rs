use crate::declare_rule;
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::sensitive;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags variables of containers that hold a secret as plain text: by a name that says so, such
    /// as `DB_PASSWORD`, or by a private key as their value. Values are never shown.
    ///
    /// ## Why
    /// Whoever may read the repository, the manifest or the pod may read the secret, and so may every
    /// crash report that prints the environment. It cannot be changed without a rollout, and stays in
    /// the history of Git when it is.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    ///       env:
    ///         - name: DB_PASSWORD
    ///           value: hunter2 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    ///       env:
    ///         - name: DB_PASSWORD
    ///           valueFrom:
    ///             secretKeyRef:
    ///               name: db
    ///               key: password
    ///         - name: DB_PASSWORD_FILE
    ///           value: /etc/db/password
    /// ```
    "variable-holds-secret" {
        summary: "variable holds a secret as plain text",
        help: "put the value into a Secret, refer to it by `secretKeyRef` or mount it, and change it",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let variables = container.get("env").into_iter().flat_map(Value::items).enumerate();
    for (index, variable) in variables {
        let text = |key: &str| variable.get(key).and_then(Value::str).unwrap_or_default();
        let (name, value) = (text("name"), text("value"));
        if let Some(reason) = sensitive::reason(name, value) {
            let path = container.path().key("env").index(index).key("value");
            sink.report(path, format!("variable `{name}` of container `{}` {reason}", container.name()));
        }
    }
}
