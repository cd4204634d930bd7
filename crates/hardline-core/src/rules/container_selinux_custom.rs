use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security::{self, SecurityContext};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods and containers that choose an SELinux user, a role, or a type that is not made
    /// for containers.
    ///
    /// ## Why
    /// On nodes with SELinux the type is what keeps a container from the files of the node and of
    /// other containers. Types such as `spc_t` switch that off. Types made for containers pass:
    /// `container_t`, `container_init_t`, `container_kvm_t` and, since Kubernetes 1.31,
    /// `container_engine_t`.
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
    ///         seLinuxOptions:
    ///           type: spc_t # finding
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
    ///         seLinuxOptions:
    ///           level: s0:c123,c456
    /// ```
    "container-selinux-custom" {
        summary: "SELinux options weaken confinement",
        help: "remove `user` and `role`, and leave `type` to the runtime",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "contexts.exists(context, context.?seLinuxOptions.?user.orValue('') != '' || \
             context.?seLinuxOptions.?role.orValue('') != '' || \
             !(context.?seLinuxOptions.?type.orValue('') in variables.selinuxTypes + ['', \
             variables.kubernetes >= 31 ? 'container_engine_t' : '']))",
        )
        .with(&[("selinuxTypes", &TYPES)])),
    }
}

const TYPES: [&str; 3] = ["container_t", "container_init_t", "container_kvm_t"];

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let engine = security::since(sink, 31);
    for context in SecurityContext::all(workload) {
        for field in ["type", "user", "role"] {
            let value = context.at(&["seLinuxOptions", field]).map_or("", Value::raw);
            let allowed = value.is_empty()
                || (field == "type" && (TYPES.contains(&value) || (engine && value == "container_engine_t")));
            if !allowed {
                let path = context.path().keys(&["seLinuxOptions", field]);
                sink.report(path, format!("{context} sets the SELinux {field} `{value}`"));
            }
        }
    }
}
