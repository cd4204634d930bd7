use crate::declare_rule;
use crate::finding::Sink;
use crate::names;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a name that the API server refuses: for most kinds lower case letters, digits, `-` and `.`,
    /// for Services and namespaces a single DNS label of at most 63 characters.
    ///
    /// ## Why
    /// The object is refused, and with it the rest of a release that stopped half way.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: Checkout_Settings # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: checkout-settings
    /// ```
    "name-invalid" {
        summary: "name is not valid",
        help: "use lower case letters, digits and `-`",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::AnyResource(check),
    }
}

fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let Some(name) = resource.value().at(&["metadata", "name"]).and_then(Value::str) else { return };
    let valid = match resource.kind() {
        // Their names are parts of paths only, as those of custom resources may be anything
        // that their own controller allows.
        Kind::Other | Kind::Role | Kind::ClusterRole | Kind::RoleBinding | Kind::ClusterRoleBinding => return,
        Kind::Service | Kind::Namespace => names::dns_label(name),
        _ => names::dns_subdomain(name),
    };
    if let Err(why) = valid {
        sink.report(FieldPath::of(&["metadata", "name"]), format!("`{name}` is not a valid name: {why}"));
    }
}
