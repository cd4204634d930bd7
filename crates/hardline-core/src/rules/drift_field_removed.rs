use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags fields of the source that somebody has removed in the cluster.
    ///
    /// ## Why
    /// Nothing in the cluster shows that a limit, a probe or a variable was there: Kubernetes keeps
    /// no trace of who removed a field. Deployments that only send what has changed since the last
    /// one, as Helm 3 does, never put it back.
    "drift-field-removed" {
        summary: "a field was removed in the cluster",
        help: "restore it with `hardline drift --remediate`, or take the removal into the source with `--codify`",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
