use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::Workload;

declare_rule! {
    /// Flags `serviceAccount`, the deprecated name of `serviceAccountName`.
    ///
    /// ## Why
    /// Tools that set or read `serviceAccountName` do not see it. Where both are written and differ,
    /// the newer one counts.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       serviceAccount: web # finding
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       serviceAccountName: web
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    "service-account-field-deprecated" {
        summary: "service account is named by a deprecated field",
        help: "rename the field to `serviceAccountName`",
        category: Category::Manifest,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if workload.pod("serviceAccount").is_some() && workload.pod("serviceAccountName").is_none() {
        let path = workload.pod_path().key("serviceAccount");
        let edits = vec![Edit::rename(path.clone(), "serviceAccountName")];
        sink.report(path, "`serviceAccount` is deprecated").fix(Safety::Safe, "name it `serviceAccountName`", edits);
    }
}
