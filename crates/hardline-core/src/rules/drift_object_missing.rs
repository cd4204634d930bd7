use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags objects of the source, or of the deployed release, that are not in the cluster.
    ///
    /// ## Why
    /// A disruption budget or a network policy that was deleted for a quick test is missed by nobody
    /// until the next node drain or the next intruder.
    "drift-object-missing" {
        summary: "an object is not in the cluster",
        help: "deploy it again, or remove it from the source",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
