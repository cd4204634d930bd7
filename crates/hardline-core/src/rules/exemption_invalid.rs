use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags exemptions that cannot be understood, and so exempt from nothing.
    ///
    /// ## Why
    /// An exemption is written `exempt.hardline.dev/<rule>: "reason; owner=…; until=YYYY-MM-DD"`.
    /// The reason is required: without one nobody can tell later whether it still holds.
    "exemption-invalid" {
        summary: "exemption is not valid",
        help: "write `exempt.hardline.dev/<rule>: \"reason; owner=…; until=YYYY-MM-DD\"`; owner and until may be left out",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
