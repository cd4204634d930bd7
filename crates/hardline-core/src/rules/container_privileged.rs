use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::workload::Container;

declare_rule! {
    /// Flags containers that run with `privileged: true`.
    ///
    /// ## Why
    /// A privileged container has every capability, sees every device of its node and is held by
    /// no seccomp or AppArmor profile. Whoever gets into it owns the node and all pods on it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: agent
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: example.com/agent:1.4
    ///       securityContext:
    ///         privileged: true # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: agent
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: example.com/agent:1.4
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [NET_BIND_SERVICE]
    /// ```
    "container-privileged" {
        summary: "container runs privileged",
        help: "remove `privileged: true`; add the single capability or device that is needed instead",
        category: Category::Security,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Container(check),
        cel: Some(Cel::flags("container.?securityContext.?privileged.orValue(false)")),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if container.is_privileged() {
        let path = container.path().keys(&["securityContext", "privileged"]);
        sink.report(path.clone(), format!("container `{}` runs privileged", container.name())).fix(
            Safety::Unsafe,
            "remove `privileged: true`",
            vec![Edit::remove(path)],
        );
    }
}
