use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security::SecurityContext;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags Windows pods and containers that run as processes of their node.
    ///
    /// ## Why
    /// A HostProcess container is no container: it runs on the Windows node itself, as a user of
    /// the node, and may do there what that user may. Whoever gets into it owns the node.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   os:
    ///     name: windows
    ///   hostNetwork: true
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       securityContext:
    ///         windowsOptions:
    ///           hostProcess: true # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   os:
    ///     name: windows
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-host-process" {
        summary: "container runs as a process of its Windows node",
        help: "remove `hostProcess`; only agents that manage the node need it",
        category: Category::Security,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags("contexts.exists(context, context.?windowsOptions.?hostProcess.orValue(false))")),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for context in SecurityContext::all(workload) {
        if context.at(&["windowsOptions", "hostProcess"]).and_then(Value::bool) == Some(true) {
            let path = context.path().keys(&["windowsOptions", "hostProcess"]);
            sink.report(path, format!("{context} runs as a process of its node"));
        }
    }
}
