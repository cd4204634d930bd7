use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags maps that have a key twice. The last one counts; the other is lost.
    ///
    /// ## Why
    /// A second `resources:` or `env:` further down silently undoes the first. The API server
    /// refuses such a manifest under strict field validation, which `kubectl apply` asks for by
    /// default; other clients pass it on without a word.
    "manifest-duplicate-key" {
        summary: "key is written twice",
        help: "merge the two, or remove the one that is not meant",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
