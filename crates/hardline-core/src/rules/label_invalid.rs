use crate::declare_rule;
use crate::finding::Sink;
use crate::names;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags labels and annotations with a key, or labels with a value, that the API server refuses.
    ///
    /// ## Why
    /// The object is refused, and with it the rest of a release that stopped half way. Mostly a template
    /// put a version with `+`, a branch with `/`, or more than 63 characters into a label.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ServiceAccount
    /// metadata:
    ///   name: checkout
    ///   labels:
    ///     app.kubernetes.io/version: 1.4+build # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ServiceAccount
    /// metadata:
    ///   name: checkout
    ///   labels:
    ///     app.kubernetes.io/version: 1.4-build
    /// ```
    "label-invalid" {
        summary: "label or annotation is not valid",
        help: "use letters, digits, `-`, `_` and `.`, at most 63, with a letter or digit at both ends",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    check_metadata(Some(resource.value()), &FieldPath::ROOT, sink);
    if let Some(workload) = Workload::of(resource).filter(|workload| workload.kind() != Kind::Pod) {
        check_metadata(workload.template(), &workload.template_path(), sink);
    }
}

fn check_metadata(object: Option<Value<'_>>, path: &FieldPath, sink: &mut Sink<'_>) {
    let Some(metadata) = object.and_then(|object| object.get("metadata")) else { return };
    for field in ["labels", "annotations"] {
        for entry in metadata.get(field).into_iter().flat_map(Value::entries) {
            let (key, value) = (entry.key.raw(), entry.value.raw());
            let path = || path.clone().keys(&["metadata", field]).key(key.to_owned());
            if let Err(why) = names::qualified_name(key) {
                sink.report(path(), format!("`{key}` is not a valid key: {why}"));
            } else if field == "labels"
                && let Err(why) = names::label_value(value)
            {
                sink.report(path(), format!("`{value}` is not a valid value of label `{key}`: {why}"));
            }
        }
    }
}
