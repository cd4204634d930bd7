use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::quantity::Quantity;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags requests and limits that are no quantity, or less than nothing.
    ///
    /// ## Why
    /// The API server refuses the whole object. In a chart or an overlay, the mistake shows up
    /// only when somebody deploys, which may be the fix for an incident.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 256mb # finding
    ///         limits:
    ///           memory: 1 Gi # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 256Mi
    ///         limits:
    ///           memory: 1Gi
    /// ```
    "quantity-invalid" {
        summary: "request or limit is no quantity",
        help: "write a number and one of m, k, M, G, T, Ki, Mi, Gi, Ti without a space between them",
        category: Category::Capacity,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if let Some(demand) = workload.pod("resources") {
        check_all(demand, &workload.pod_path().key("resources"), sink);
    }
    for container in workload.containers() {
        if let Some(demand) = container.get("resources") {
            check_all(demand, &container.path().key("resources"), sink);
        }
    }
}

fn check_all(demand: Value<'_>, path: &FieldPath, sink: &mut Sink<'_>) {
    for bound in ["requests", "limits"] {
        for entry in demand.get(bound).into_iter().flat_map(Value::entries) {
            // An explicit null is an absent field to the API server.
            let problem = match Quantity::of(entry.value) {
                Err(error) if !entry.value.is_null() => error.to_string(),
                Ok(quantity) if quantity.is_negative() => format!("{quantity} is less than nothing"),
                _ => continue,
            };
            let path = path.clone().key(bound).key(entry.key.raw().to_owned());
            let finding = sink.report(path, format!("{} of {bound}: {problem}", entry.key.raw()));
            if let Some(meant) = meant(entry.value.raw()) {
                finding.help(format!("write `{meant}`"));
            }
        }
    }
}

/// What somebody meant who wrote `256mb`, `1 Gi` or `2GB`.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(end);
    let suffix = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" | "ki" => "Ki",
        "mb" | "mib" | "mi" => "Mi",
        "g" | "gb" | "gib" | "gi" => "Gi",
        "t" | "tb" | "tib" | "ti" => "Ti",
        "m" => "m",
        _ => return None,
    };
    Some(format!("{number}{suffix}")).filter(|_| !number.is_empty())
}
