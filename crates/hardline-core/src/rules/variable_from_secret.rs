use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that take Secrets into variables rather than files.
    ///
    /// ## Why
    /// Variables are inherited by every child process, printed by crash reports and debug pages, and
    /// shown to whoever may enter the container. They keep the old value until the container
    /// restarts, while a mounted Secret is updated in place.
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
    ///           valueFrom:
    ///             secretKeyRef: # finding
    ///               name: db
    ///               key: password
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
    ///       volumeMounts:
    ///         - name: db
    ///           mountPath: /etc/db
    ///           readOnly: true
    ///   volumes:
    ///     - name: db
    ///       secret:
    ///         secretName: db
    /// ```
    "variable-from-secret" {
        summary: "container takes a Secret into variables",
        help: "mount the Secret as a volume and read the file",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?env.orValue([]).exists(variable, \
             variable.?valueFrom.?secretKeyRef.hasValue()) || \
             container.?envFrom.orValue([]).exists(source, has(source.secretRef))",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let items = |key| container.get(key).into_iter().flat_map(Value::items).enumerate();
    let mut variables = items("env").filter(|(_, variable)| variable.at(&["valueFrom", "secretKeyRef"]).is_some());
    let mut whole = items("envFrom").filter(|(_, source)| source.get("secretRef").is_some());
    let path = if let Some((index, _)) = variables.next() {
        container.path().key("env").index(index).keys(&["valueFrom", "secretKeyRef"])
    } else if let Some((index, _)) = whole.next() {
        container.path().key("envFrom").index(index).key("secretRef")
    } else {
        return;
    };
    let more = variables.count() + whole.count();
    let rest = if more == 0 { String::new() } else { format!(", and {more} more") };
    sink.report(path, format!("container `{}` takes a Secret into a variable{rest}", container.name()));
}
