use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags fields that somebody has added in the cluster and that are in no source.
    ///
    /// ## Why
    /// A change by hand survives the next deployment, as Helm and server-side apply leave alone what
    /// they never set. Nobody reviews it, no other cluster has it, and it is lost on the day the
    /// cluster is built anew. `hardline drift` tells it from defaults and from what controllers and
    /// webhooks add, by who owns the field.
    "drift-field-added" {
        summary: "a field was added in the cluster",
        help: "take it into the source with `hardline drift --codify`, or remove it with `--remediate`",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
