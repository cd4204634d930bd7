use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags keys that are a number or a boolean to YAML. Kubernetes makes text of them.
    ///
    /// ## Why
    /// The key of `on: push` in a ConfigMap is `true`, that of `0644: x` is `420`, and the program
    /// that asks for `on` finds nothing. A key such as `404` stays what it looks like, but other
    /// readers of the same file refuse it, and the check that should have looked at it does not.
    "manifest-key-converted" {
        summary: "key is not text",
        help: "write the key in quotes",
        category: Category::Manifest,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
