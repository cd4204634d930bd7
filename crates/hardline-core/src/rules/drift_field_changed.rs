use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags fields that somebody has given another value in the cluster than the source has.
    ///
    /// ## Why
    /// The image that runs is not the one that was reviewed, or the limit not the one that was
    /// tested. The next deployment takes the change back at a moment nobody has chosen, and the
    /// incident that it was made for returns. Quantities, defaults and the order of lists make no
    /// difference; what an autoscaler or another controller has the say over is left out.
    "drift-field-changed" {
        summary: "a field was changed in the cluster",
        help: "take it into the source with `hardline drift --codify`, or restore it with `--remediate`",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
