use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Severity};

declare_rule! {
    /// Flags documents that cannot be read as a Kubernetes object: broken YAML or JSON, a missing
    /// `apiVersion`, `kind` or name, text that is not UTF-8.
    ///
    /// ## Why
    /// What cannot be read cannot be judged, and a manifest that no check looks at is the one that
    /// reaches the cluster by hand. The other documents, also of the same file, are judged all the
    /// same.
    "manifest-malformed" {
        summary: "document cannot be read",
        help: "correct the text; `kubectl apply --dry-run=client -f FILE` reads it the same way",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
    }
}
