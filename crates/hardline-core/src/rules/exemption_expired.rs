use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags exemptions whose last day has passed. The finding that they covered stands again.
    ///
    /// ## Why
    /// An exemption with an end is a promise to come back. One that runs on in silence is how a
    /// privileged pod lives for six months after the debugging session it was meant for.
    "exemption-expired" {
        summary: "exemption has ended",
        help: "mend what it covered and remove the exemption, or give it a new `until` with a reason",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
