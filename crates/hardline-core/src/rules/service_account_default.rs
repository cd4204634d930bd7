use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that run as the service account `default`.
    ///
    /// ## Why
    /// Every pod of the namespace that names no account is the same identity. A right that one of
    /// them needs is given to all, and the audit log cannot tell them apart.
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
    ///     spec: # finding
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
    "service-account-default" {
        summary: "workload runs as the default service account",
        help: "create a service account for the workload",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "(pod.?serviceAccountName.orValue('') != '' ? pod.serviceAccountName : \
             pod.?serviceAccount.orValue('')) in ['', 'default']",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let name = |key| workload.pod(key).and_then(Value::str).filter(|name| !name.is_empty());
    let account = name("serviceAccountName").or_else(|| name("serviceAccount")).unwrap_or("default");
    if account == "default" && workload.pod_spec().is_some() {
        let message = "the pods share their identity with all others that name no account";
        sink.report(workload.pod_path().key("serviceAccountName"), message);
    }
}
