use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;
use std::collections::BTreeSet;

declare_rule! {
    /// Flags variables that a container sets twice.
    ///
    /// ## Why
    /// The last one counts and the first is lost without a word. Server-side apply and `kubectl edit`
    /// merge `env` by name, so that the next change may drop either of the two.
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
    ///         - name: LOG_LEVEL
    ///           value: info
    ///         - name: LOG_LEVEL # finding
    ///           value: debug
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
    ///         - name: LOG_LEVEL
    ///           value: debug
    /// ```
    "variable-duplicate" {
        summary: "variable is set twice",
        help: "remove one of the two",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags("container.?env.orValue([]).exists(variable, container.env.filter(other, other.name == variable.name).size() > 1)")),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let mut seen = BTreeSet::new();
    let variables = container.get("env").into_iter().flat_map(Value::items).enumerate();
    for (index, name) in variables.filter_map(|(index, variable)| Some((index, variable.get("name")?.str()?))) {
        if !seen.insert(name) {
            let path = container.path().key("env").index(index).key("name");
            sink.report(path, format!("container `{}` sets `{name}` twice: the last one counts", container.name()));
        }
    }
}
