use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags exemptions that cover no finding.
    ///
    /// ## Why
    /// The defect has been mended, or never was there. Left in place, the exemption would hide the
    /// same defect when it comes back.
    "exemption-unused" {
        summary: "exemption covers nothing",
        help: "remove the exemption",
        category: Category::Manifest,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
