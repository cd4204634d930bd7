use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that see all of `/proc`, in a user namespace of their own.
    ///
    /// ## Why
    /// In a user namespace (`hostUsers: false`) the kernel guards most of what the runtime would
    /// hide, and builds of containers in containers need `procMount: Unmasked`. The restricted
    /// level of the Pod Security Standards refuses it all the same, since Kubernetes 1.35: what
    /// remains visible tells an intruder much about the node.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   hostUsers: false
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
    ///   hostUsers: false
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-proc-unmasked-in-user-namespace" {
        summary: "container in a user namespace sees all of /proc",
        help: "remove `procMount`",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        standard: Some(Standard::Restricted),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?securityContext.?procMount.orValue('Default') != 'Default' && \
             (variables.kubernetes >= 35 && !pod.?hostUsers.orValue(true))",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(mount) = container.security("procMount").map(Value::raw) else { return };
    if mount != "Default" && security::exempts_root(&container.workload, sink) {
        let path = container.path().keys(&["securityContext", "procMount"]);
        sink.report(path, format!("container `{}` sets `procMount: {mount}`", container.name()));
    }
}
