use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags containers for which no seccomp profile is set.
    ///
    /// ## Why
    /// Without one a container runs unfiltered, unless the kubelet is configured with
    /// `seccompDefault`. The runtime's default profile blocks some 60 system calls that containers
    /// have no use for, and with them several escapes of the last years.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec: # finding
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     seccompProfile:
    ///       type: RuntimeDefault
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-seccomp-missing" {
        summary: "container has no seccomp profile",
        help: "set `seccompProfile: {type: RuntimeDefault}` in the pod's `securityContext`",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        standard: Some(Standard::Restricted),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "pod.?os.?name.orValue('') != 'windows' && \
             !pod.?securityContext.?seccompProfile.hasValue() && containers.exists(h, \
             !h.?securityContext.?seccompProfile.hasValue() && \
             !h.?securityContext.?privileged.orValue(false))",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let restricted = security::since(sink, 19) && !security::exempts_windows(workload, sink);
    // A profile that confines nothing is the matter of `container-seccomp-unconfined`.
    if !restricted || workload.security("seccompProfile").is_some() {
        return;
    }
    let unset = |container: &Container<'_>| container.security("seccompProfile").is_none();
    let bare: Vec<Container<'_>> =
        workload.containers().filter(|container| unset(container) && !container.is_privileged()).collect();
    if !bare.is_empty() {
        let path = workload.pod_path().keys(&["securityContext", "seccompProfile"]);
        let edits = vec![Edit::set(path.clone().key("type"), "RuntimeDefault")];
        sink.report(path, format!("no seccomp profile is set for {}", security::name_all(&bare))).fix(
            Safety::Unsafe,
            "set the profile `RuntimeDefault`",
            edits,
        );
    }
}
