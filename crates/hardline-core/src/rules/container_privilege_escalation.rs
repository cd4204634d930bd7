use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers whose processes may gain more privileges than their parent has.
    ///
    /// ## Why
    /// Unless `allowPrivilegeEscalation` is false, a set-user-ID program in the image, such as
    /// `su`, `mount` or `ping`, makes root of an intruder who got in as an unprivileged user. The
    /// field sets `no_new_privs`, which costs nothing and breaks only programs that rely on such
    /// files.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app # finding
    ///       image: example.com/app:1.4
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
    ///       securityContext:
    ///         allowPrivilegeEscalation: false
    /// ```
    "container-privilege-escalation" {
        summary: "container may gain privileges",
        help: "set `securityContext.allowPrivilegeEscalation: false`",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Production,
        standard: Some(Standard::Restricted),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "pod.?os.?name.orValue('') != 'windows' && \
             !container.?securityContext.?privileged.orValue(false) && !('SYS_ADMIN' in \
             container.?securityContext.?capabilities.?add.orValue([])) && \
             container.?securityContext.?allowPrivilegeEscalation.orValue(true)",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if !security::since(sink, 8) || security::exempts_windows(&container.workload, sink) {
        return;
    }
    // Kubernetes refuses `false` beside these two, and other rules report both.
    let added = container.at(&["securityContext", "capabilities", "add"]).into_iter().flat_map(Value::items);
    if container.is_privileged() || added.into_iter().any(|capability| capability.raw() == "SYS_ADMIN") {
        return;
    }
    let name = container.name();
    let message = match container.security("allowPrivilegeEscalation").and_then(Value::bool) {
        Some(false) => return,
        Some(true) => format!("container `{name}` allows privilege escalation"),
        None => format!("container `{name}` does not forbid privilege escalation, which is allowed by default"),
    };
    let path = container.path().keys(&["securityContext", "allowPrivilegeEscalation"]);
    let edits = vec![Edit::set(path.clone(), false)];
    sink.report(path, message).fix(Safety::Unsafe, "set `allowPrivilegeEscalation: false`", edits);
}
