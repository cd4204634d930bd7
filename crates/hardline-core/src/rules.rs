//! The rules, one file each. The file's name is the rule's id.
//!
//! To add one, see "Adding a rule" in CONTRIBUTING.md.

use crate::rule::Rule;

mod configmap_key_missing;
mod configmap_missing;
mod container_privileged;
mod cpu_request_missing;
mod exemption_expired;
mod exemption_invalid;
mod exemption_unused;
mod grace_period_too_short;
mod heap_exceeds_limit;
mod heap_exceeds_request;
mod heap_headroom_small;
mod image_pull_secret_missing;
mod limit_below_request;
mod limit_range_missing;
mod manifest_duplicate_key;
mod manifest_malformed;
mod memory_limit_missing;
mod memory_request_missing;
mod pdb_blocks_drain;
mod pdb_missing;
mod pdb_overlaps;
mod pvc_missing;
mod qos_not_guaranteed;
mod quantity_implausible;
mod quantity_invalid;
mod quota_missing;
mod secret_key_missing;
mod secret_missing;
mod selector_mismatch;
mod service_account_missing;
mod volume_multi_attach;

// Reported by those who read documents and exemptions, not by the engine's traversal.
pub use exemption_expired::RULE as EXEMPTION_EXPIRED;
pub use exemption_invalid::RULE as EXEMPTION_INVALID;
pub use exemption_unused::RULE as EXEMPTION_UNUSED;
pub use manifest_duplicate_key::RULE as MANIFEST_DUPLICATE_KEY;
pub use manifest_malformed::RULE as MANIFEST_MALFORMED;

/// All rules, by id.
pub static RULES: &[&Rule] = &[
    &configmap_key_missing::RULE,
    &configmap_missing::RULE,
    &container_privileged::RULE,
    &cpu_request_missing::RULE,
    &exemption_expired::RULE,
    &exemption_invalid::RULE,
    &exemption_unused::RULE,
    &grace_period_too_short::RULE,
    &heap_exceeds_limit::RULE,
    &heap_exceeds_request::RULE,
    &heap_headroom_small::RULE,
    &image_pull_secret_missing::RULE,
    &limit_below_request::RULE,
    &limit_range_missing::RULE,
    &manifest_duplicate_key::RULE,
    &manifest_malformed::RULE,
    &memory_limit_missing::RULE,
    &memory_request_missing::RULE,
    &pdb_blocks_drain::RULE,
    &pdb_missing::RULE,
    &pdb_overlaps::RULE,
    &pvc_missing::RULE,
    &qos_not_guaranteed::RULE,
    &quantity_implausible::RULE,
    &quantity_invalid::RULE,
    &quota_missing::RULE,
    &secret_key_missing::RULE,
    &secret_missing::RULE,
    &selector_mismatch::RULE,
    &service_account_missing::RULE,
    &volume_multi_attach::RULE,
];
