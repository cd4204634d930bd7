use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that see all of `/proc`.
    ///
    /// ## Why
    /// The runtime hides files of `/proc` that leak or change the kernel's state, such as
    /// `/proc/kcore` and `/proc/sysrq-trigger`. With `procMount: Unmasked` the container sees the
    /// kernel's own. Since Kubernetes 1.35 the rule lets pass what runs in a user namespace
    /// (`hostUsers: false`); `container-proc-unmasked-in-user-namespace` reports it there.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       securityContext:
    ///         procMount: Unmasked # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-proc-unmasked" {
        summary: "container sees all of /proc",
        help: "remove `procMount`",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?securityContext.?procMount.orValue('Default') != 'Default' && \
             !(variables.kubernetes >= 35 && !pod.?hostUsers.orValue(true))",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(mount) = container.security("procMount").map(Value::raw) else { return };
    if mount != "Default" && !security::exempts_root(&container.workload, sink) {
        let path = container.path().keys(&["securityContext", "procMount"]);
        sink.report(path, format!("container `{}` sets `procMount: {mount}`", container.name()));
    }
}
