use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security::{self, SecurityContext};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods and containers that switch off the filter of system calls.
    ///
    /// ## Why
    /// The runtime's default seccomp profile blocks some 60 system calls that containers have no
    /// use for. Several escapes of the last years, such as CVE-2022-0185, fail against it and work
    /// without it. Before Kubernetes 1.19 the profile was set by annotations, which the rule reads
    /// for those versions.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     seccompProfile:
    ///       type: Unconfined # finding
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
    "container-seccomp-unconfined" {
        summary: "seccomp is switched off",
        help: "set `seccompProfile.type` to RuntimeDefault, or to Localhost with a profile of your own",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "contexts.exists(context, context.?seccompProfile.hasValue() && \
             !(context.seccompProfile.?type.orValue('') in ['RuntimeDefault', 'Localhost']))",
        )),
    }
}

const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if security::since(sink, 19) {
        check_fields(workload, sink);
    } else {
        check_annotations(workload, sink);
    }
}

fn check_fields(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for context in SecurityContext::all(workload) {
        let Some(profile) = context.get("seccompProfile") else { continue };
        let kind = profile.get("type").map_or("", Value::raw);
        if !matches!(kind, "RuntimeDefault" | "Localhost") {
            let path = context.path().keys(&["seccompProfile", "type"]);
            sink.report(path, format!("the seccomp profile of {context} is `{kind}`"));
        }
    }
}

fn check_annotations(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let of_containers = workload.containers().map(|container| format!("{CONTAINER_ANNOTATION}{}", container.name()));
    for annotation in std::iter::once(POD_ANNOTATION.to_owned()).chain(of_containers) {
        let Some(profile) = workload.pod_annotation(&annotation) else { continue };
        let confined = matches!(profile, "runtime/default" | "docker/default") || profile.starts_with("localhost/");
        if !confined {
            let path = workload.template_path().keys(&["metadata", "annotations"]).key(annotation);
            sink.report(path, format!("the seccomp profile is `{profile}`"));
        }
    }
}
