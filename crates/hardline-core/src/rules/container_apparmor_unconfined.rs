use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security::SecurityContext;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods and containers that leave the AppArmor profile of their runtime.
    ///
    /// ## Why
    /// On nodes with AppArmor the default profile keeps containers from writing to `/proc` and
    /// `/sys` and from mounting filesystems. A program that misbehaves, or whoever took it over,
    /// finds those doors open without it.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    ///   annotations:
    ///     container.apparmor.security.beta.kubernetes.io/app: unconfined # finding
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       securityContext:
    ///         appArmorProfile:
    ///           type: Unconfined # finding
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
    ///         appArmorProfile:
    ///           type: RuntimeDefault
    /// ```
    "container-apparmor-unconfined" {
        summary: "confinement by AppArmor is switched off",
        help: "remove the profile, or set it to RuntimeDefault or Localhost",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "contexts.exists(context, context.?appArmorProfile.hasValue() && \
             !(context.appArmorProfile.?type.orValue('') in ['RuntimeDefault', 'Localhost'])) || \
             template.?metadata.?annotations.orValue({}).exists(key, \
             key.startsWith('container.apparmor.security.beta.kubernetes.io/') && \
             !(template.metadata.annotations[key] in ['', 'runtime/default']) && \
             !template.metadata.annotations[key].startsWith('localhost/'))",
        )),
    }
}

const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    for context in SecurityContext::all(workload) {
        let Some(profile) = context.get("appArmorProfile") else { continue };
        let kind = profile.get("type").map_or("", Value::raw);
        if !matches!(kind, "RuntimeDefault" | "Localhost") {
            let path = context.path().keys(&["appArmorProfile", "type"]);
            sink.report(path, format!("the AppArmor profile of {context} is `{kind}`"));
        }
    }
    let annotations = workload.template().and_then(|template| template.at(&["metadata", "annotations"]));
    for annotation in annotations.into_iter().flat_map(Value::entries) {
        let (key, profile) = (annotation.key.raw(), annotation.value.raw());
        let Some(container) = key.strip_prefix(ANNOTATION) else { continue };
        if !matches!(profile, "" | "runtime/default") && !profile.starts_with("localhost/") {
            let path = workload.template_path().keys(&["metadata", "annotations"]).key(key.to_owned());
            sink.report(path, format!("the AppArmor profile of container `{container}` is `{profile}`"));
        }
    }
}
