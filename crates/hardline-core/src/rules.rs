//! The rules, one file each. The file's name is the rule's id.
//!
//! To add one, see "Adding a rule" in CONTRIBUTING.md.

use crate::rule::Rule;

mod api_version_deprecated;
mod api_version_removed;
mod api_version_unknown;
mod binding_anonymous;
mod binding_cluster_admin;
mod binding_cluster_admin_person;
mod binding_role_missing;
mod binding_role_reserved;
mod configmap_holds_secret;
mod configmap_key_missing;
mod configmap_missing;
mod container_apparmor_unconfined;
mod container_capabilities_kept;
mod container_capability_added;
mod container_host_port;
mod container_host_process;
mod container_may_run_as_root;
mod container_non_root_unenforced;
mod container_port_privileged;
mod container_port_ssh;
mod container_privilege_escalation;
mod container_privileged;
mod container_proc_unmasked;
mod container_proc_unmasked_in_user_namespace;
mod container_root_filesystem_writable;
mod container_runs_as_root;
mod container_runs_as_root_group;
mod container_seccomp_missing;
mod container_seccomp_unconfined;
mod container_selinux_custom;
mod container_writable_volume_missing;
mod cpu_limit_throttles;
mod cpu_request_missing;
mod cronjob_deadline_missing;
mod cronjob_failures_forgotten;
mod cronjob_hang_stops_schedule;
mod cronjob_never_runs;
mod cronjob_overlaps;
mod drift_field_added;
mod drift_field_changed;
mod drift_field_removed;
mod drift_object_missing;
mod drift_object_orphaned;
mod exemption_expired;
mod exemption_invalid;
mod exemption_unused;
mod finalizer_unqualified;
mod grace_period_too_short;
mod headless_service_missing;
mod heap_exceeds_limit;
mod heap_exceeds_request;
mod heap_headroom_small;
mod hpa_cannot_scale;
mod hpa_target_missing;
mod image_digest_missing;
mod image_pull_secret_missing;
mod image_pull_stale;
mod image_reference_invalid;
mod image_registry_forbidden;
mod image_registry_retired;
mod image_tag_forbidden;
mod image_tag_latest;
mod ingress_backend_missing;
mod ingress_snippet;
mod ingress_tls_missing;
mod job_deadline_missing;
mod job_never_removed;
mod label_invalid;
mod limit_below_request;
mod limit_range_missing;
mod manifest_duplicate_key;
mod manifest_key_converted;
mod manifest_malformed;
mod memory_limit_missing;
mod memory_request_missing;
mod name_invalid;
mod namespace_default;
mod network_admin_port_open;
mod network_allow_one_sided;
mod network_allow_unused;
mod network_database_open;
mod network_default_deny_missing;
mod network_dns_blocked;
mod network_egress_anywhere;
mod network_metadata_reachable;
mod network_pod_unrestricted;
mod network_policy_allows_everything;
mod network_policy_invalid;
mod network_policy_selects_nothing;
mod network_production_mixed;
mod network_service_unreachable;
mod owner_reference_broken;
mod pdb_blocks_drain;
mod pdb_keeps_unhealthy;
mod pdb_missing;
mod pdb_overlaps;
mod pdb_selects_nothing;
mod pod_bare;
mod pod_host_namespace;
mod pod_pinned_to_node;
mod pod_sysctl_unsafe;
mod priority_class_missing;
mod priority_class_unknown;
mod probe_exec_timeout_short;
mod probe_host_set;
mod probe_invalid;
mod probe_kills_starting_container;
mod probe_liveness_calls_dependency;
mod probe_liveness_equals_readiness;
mod probe_liveness_impatient;
mod probe_liveness_shares_traffic;
mod probe_port_name_unknown;
mod probe_port_undeclared;
mod probe_readiness_missing;
mod probe_readiness_slow;
mod probe_timeout_exceeds_period;
mod pvc_missing;
mod qos_not_guaranteed;
mod quantity_implausible;
mod quantity_invalid;
mod quota_blocks_rollout;
mod quota_missing;
mod replicas_below_minimum;
mod replicas_not_spread;
mod replicas_owned_by_hpa;
mod replicas_pinned_to_zone;
mod replicas_single;
mod resource_duplicate;
mod restart_policy_refused;
mod role_creates_pods;
mod role_enters_pods;
mod role_escalates;
mod role_manages_webhooks;
mod role_reaches_nodes;
mod role_reads_namespace_secrets;
mod role_reads_secrets;
mod role_wildcard;
mod role_wildcard_partial;
mod rollout_stops_all;
mod rollout_unverified;
mod schema_field_required_missing;
mod schema_field_unknown;
mod schema_type_wrong;
mod schema_value_invalid;
mod secret_key_missing;
mod secret_missing;
mod selector_mismatch;
mod service_account_default;
mod service_account_field_deprecated;
mod service_account_missing;
mod service_account_token_mounted;
mod service_external_ips;
mod service_node_port;
mod service_port_name_unknown;
mod service_port_undeclared;
mod service_selects_nothing;
mod shutdown_drops_requests;
mod spread_selects_others;
mod threads_exceed_cpu_limit;
mod update_strategy_partial;
mod variable_duplicate;
mod variable_from_secret;
mod variable_holds_secret;
mod volume_count_exceeds_node;
mod volume_deleted_with_claim;
mod volume_deleted_with_set;
mod volume_host_path;
mod volume_host_path_sensitive;
mod volume_multi_attach;
mod volume_runtime_socket;
mod volume_type_restricted;
mod webhook_blocks_cluster;
mod webhook_timeout_long;

// Reported by those who read documents and exemptions or compare, not by the engine's traversal.
pub use drift_field_added::RULE as DRIFT_FIELD_ADDED;
pub use drift_field_changed::RULE as DRIFT_FIELD_CHANGED;
pub use drift_field_removed::RULE as DRIFT_FIELD_REMOVED;
pub use drift_object_missing::RULE as DRIFT_OBJECT_MISSING;
pub use drift_object_orphaned::RULE as DRIFT_OBJECT_ORPHANED;
pub use exemption_expired::RULE as EXEMPTION_EXPIRED;
pub use exemption_invalid::RULE as EXEMPTION_INVALID;
pub use exemption_unused::RULE as EXEMPTION_UNUSED;
pub use manifest_duplicate_key::RULE as MANIFEST_DUPLICATE_KEY;
pub use manifest_key_converted::RULE as MANIFEST_KEY_CONVERTED;
pub use manifest_malformed::RULE as MANIFEST_MALFORMED;

// Reported by one walk, in `schema`.
pub use api_version_deprecated::RULE as API_VERSION_DEPRECATED;
pub use api_version_removed::RULE as API_VERSION_REMOVED;
pub use api_version_unknown::RULE as API_VERSION_UNKNOWN;
pub use quantity_invalid::RULE as QUANTITY_INVALID;
pub use schema_field_required_missing::RULE as SCHEMA_FIELD_REQUIRED_MISSING;
pub use schema_field_unknown::RULE as SCHEMA_FIELD_UNKNOWN;
pub use schema_type_wrong::RULE as SCHEMA_TYPE_WRONG;
pub use schema_value_invalid::RULE as SCHEMA_VALUE_INVALID;

/// All rules, by id.
pub static RULES: &[&Rule] = &[
    &api_version_deprecated::RULE,
    &api_version_removed::RULE,
    &api_version_unknown::RULE,
    &binding_anonymous::RULE,
    &binding_cluster_admin::RULE,
    &binding_cluster_admin_person::RULE,
    &binding_role_missing::RULE,
    &binding_role_reserved::RULE,
    &configmap_holds_secret::RULE,
    &configmap_key_missing::RULE,
    &configmap_missing::RULE,
    &container_apparmor_unconfined::RULE,
    &container_capabilities_kept::RULE,
    &container_capability_added::RULE,
    &container_host_port::RULE,
    &container_host_process::RULE,
    &container_may_run_as_root::RULE,
    &container_non_root_unenforced::RULE,
    &container_port_privileged::RULE,
    &container_port_ssh::RULE,
    &container_privilege_escalation::RULE,
    &container_privileged::RULE,
    &container_proc_unmasked::RULE,
    &container_proc_unmasked_in_user_namespace::RULE,
    &container_root_filesystem_writable::RULE,
    &container_runs_as_root::RULE,
    &container_runs_as_root_group::RULE,
    &container_seccomp_missing::RULE,
    &container_seccomp_unconfined::RULE,
    &container_selinux_custom::RULE,
    &container_writable_volume_missing::RULE,
    &cpu_limit_throttles::RULE,
    &cpu_request_missing::RULE,
    &cronjob_deadline_missing::RULE,
    &cronjob_failures_forgotten::RULE,
    &cronjob_hang_stops_schedule::RULE,
    &cronjob_never_runs::RULE,
    &cronjob_overlaps::RULE,
    &drift_field_added::RULE,
    &drift_field_changed::RULE,
    &drift_field_removed::RULE,
    &drift_object_missing::RULE,
    &drift_object_orphaned::RULE,
    &exemption_expired::RULE,
    &exemption_invalid::RULE,
    &exemption_unused::RULE,
    &finalizer_unqualified::RULE,
    &grace_period_too_short::RULE,
    &headless_service_missing::RULE,
    &heap_exceeds_limit::RULE,
    &heap_exceeds_request::RULE,
    &heap_headroom_small::RULE,
    &hpa_cannot_scale::RULE,
    &hpa_target_missing::RULE,
    &image_digest_missing::RULE,
    &image_pull_secret_missing::RULE,
    &image_pull_stale::RULE,
    &image_reference_invalid::RULE,
    &image_registry_forbidden::RULE,
    &image_registry_retired::RULE,
    &image_tag_forbidden::RULE,
    &image_tag_latest::RULE,
    &ingress_backend_missing::RULE,
    &ingress_snippet::RULE,
    &ingress_tls_missing::RULE,
    &job_deadline_missing::RULE,
    &job_never_removed::RULE,
    &label_invalid::RULE,
    &limit_below_request::RULE,
    &limit_range_missing::RULE,
    &manifest_duplicate_key::RULE,
    &manifest_key_converted::RULE,
    &manifest_malformed::RULE,
    &memory_limit_missing::RULE,
    &memory_request_missing::RULE,
    &name_invalid::RULE,
    &namespace_default::RULE,
    &network_admin_port_open::RULE,
    &network_allow_one_sided::RULE,
    &network_allow_unused::RULE,
    &network_database_open::RULE,
    &network_default_deny_missing::RULE,
    &network_dns_blocked::RULE,
    &network_egress_anywhere::RULE,
    &network_metadata_reachable::RULE,
    &network_pod_unrestricted::RULE,
    &network_policy_allows_everything::RULE,
    &network_policy_invalid::RULE,
    &network_policy_selects_nothing::RULE,
    &network_production_mixed::RULE,
    &network_service_unreachable::RULE,
    &owner_reference_broken::RULE,
    &pdb_blocks_drain::RULE,
    &pdb_keeps_unhealthy::RULE,
    &pdb_missing::RULE,
    &pdb_overlaps::RULE,
    &pdb_selects_nothing::RULE,
    &pod_bare::RULE,
    &pod_host_namespace::RULE,
    &pod_pinned_to_node::RULE,
    &pod_sysctl_unsafe::RULE,
    &priority_class_missing::RULE,
    &priority_class_unknown::RULE,
    &probe_exec_timeout_short::RULE,
    &probe_host_set::RULE,
    &probe_invalid::RULE,
    &probe_kills_starting_container::RULE,
    &probe_liveness_calls_dependency::RULE,
    &probe_liveness_equals_readiness::RULE,
    &probe_liveness_impatient::RULE,
    &probe_liveness_shares_traffic::RULE,
    &probe_port_name_unknown::RULE,
    &probe_port_undeclared::RULE,
    &probe_readiness_missing::RULE,
    &probe_readiness_slow::RULE,
    &probe_timeout_exceeds_period::RULE,
    &pvc_missing::RULE,
    &qos_not_guaranteed::RULE,
    &quantity_implausible::RULE,
    &quantity_invalid::RULE,
    &quota_blocks_rollout::RULE,
    &quota_missing::RULE,
    &replicas_below_minimum::RULE,
    &replicas_not_spread::RULE,
    &replicas_owned_by_hpa::RULE,
    &replicas_pinned_to_zone::RULE,
    &replicas_single::RULE,
    &resource_duplicate::RULE,
    &restart_policy_refused::RULE,
    &role_creates_pods::RULE,
    &role_enters_pods::RULE,
    &role_escalates::RULE,
    &role_manages_webhooks::RULE,
    &role_reaches_nodes::RULE,
    &role_reads_namespace_secrets::RULE,
    &role_reads_secrets::RULE,
    &role_wildcard::RULE,
    &role_wildcard_partial::RULE,
    &rollout_stops_all::RULE,
    &rollout_unverified::RULE,
    &schema_field_required_missing::RULE,
    &schema_field_unknown::RULE,
    &schema_type_wrong::RULE,
    &schema_value_invalid::RULE,
    &secret_key_missing::RULE,
    &secret_missing::RULE,
    &selector_mismatch::RULE,
    &service_account_default::RULE,
    &service_account_field_deprecated::RULE,
    &service_account_missing::RULE,
    &service_account_token_mounted::RULE,
    &service_external_ips::RULE,
    &service_node_port::RULE,
    &service_port_name_unknown::RULE,
    &service_port_undeclared::RULE,
    &service_selects_nothing::RULE,
    &shutdown_drops_requests::RULE,
    &spread_selects_others::RULE,
    &threads_exceed_cpu_limit::RULE,
    &update_strategy_partial::RULE,
    &variable_duplicate::RULE,
    &variable_from_secret::RULE,
    &variable_holds_secret::RULE,
    &volume_count_exceeds_node::RULE,
    &volume_deleted_with_claim::RULE,
    &volume_deleted_with_set::RULE,
    &volume_host_path::RULE,
    &volume_host_path_sensitive::RULE,
    &volume_multi_attach::RULE,
    &volume_runtime_socket::RULE,
    &volume_type_restricted::RULE,
    &webhook_blocks_cluster::RULE,
    &webhook_timeout_long::RULE,
];

/// Names as text: `a`, `b` and 3 more.
fn list<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 3;
    let total = names.len();
    let mut shown: Vec<String> = names.take(SHOWN).map(|name| format!("`{name}`")).collect();
    if total > SHOWN {
        shown.push(format!("{} more", total - SHOWN));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}
