use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags objects in the cluster that are in no source and that no other object owns.
    ///
    /// ## Why
    /// Nobody updates them, nobody knows whether something needs them, and nothing will make them
    /// again: leftovers of a chart that was renamed, a debug pod, a secret that was made by hand.
    "drift-object-orphaned" {
        summary: "an object is in no source",
        help: "add it to the source, or delete it",
        category: Category::Manifest,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
