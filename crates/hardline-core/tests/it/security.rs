//! Security and images, beyond the examples of the rules.

use hardline_core::config::Version;
use hardline_core::rule::Rule;

use crate::support::{config, judgement, lines_of};

/// A pod with these lines below `spec`.
fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\nspec:\n{spec}")
}

/// How often a rule finds something at a version of Kubernetes.
fn count_at(rule: &str, minor: u16, text: &str) -> usize {
    let mut config = config();
    config.select = vec![Rule::find(rule).expect("the rule exists")];
    config.settings.kubernetes_version = Version::minor(minor);
    judgement(text, &config).findings.len()
}

#[test]
fn one_defect_of_root_is_one_finding() {
    let rules = ["container-may-run-as-root", "container-non-root-unenforced", "container-runs-as-root"];
    for (spec, found) in [
        ("  containers: [{name: a}, {name: b}]", [1, 0, 0]),
        ("  containers: [{name: a, securityContext: {runAsNonRoot: false}}, {name: b}]", [2, 0, 0]),
        ("  securityContext: {runAsUser: 0}\n  containers: [{name: a}, {name: b}]", [0, 0, 1]),
        ("  securityContext: {runAsUser: 7}\n  containers: [{name: a}, {name: b}]", [0, 1, 0]),
        ("  securityContext: {runAsUser: 7}\n  containers: [{name: a, securityContext: {runAsUser: 0}}]", [0, 0, 1]),
        ("  securityContext: {runAsNonRoot: true}\n  containers: [{name: a}]", [0, 0, 0]),
        ("  securityContext: {runAsNonRoot: false}\n  containers: [{name: a}]", [1, 0, 0]),
        (
            "  securityContext: {runAsNonRoot: false}\n  containers: [{name: a, securityContext: {runAsNonRoot: true}}]",
            [0, 1, 0],
        ),
    ] {
        let text = pod(spec);
        assert_eq!(rules.map(|rule| lines_of(rule, &text).len()), found, "{text}");
    }
}

#[test]
fn versions_change_what_is_refused() {
    let user_namespace = pod("  hostUsers: false\n  containers: [{name: a, securityContext: {procMount: Unmasked}}]");
    assert_eq!(count_at("container-proc-unmasked", 34, &user_namespace), 1);
    assert_eq!(count_at("container-proc-unmasked", 35, &user_namespace), 0);
    assert_eq!(count_at("container-may-run-as-root", 34, &user_namespace), 1);
    assert_eq!(count_at("container-may-run-as-root", 35, &user_namespace), 0);
    let windows = pod("  os: {name: windows}\n  containers: [{name: a}]");
    for rule in ["container-capabilities-kept", "container-privilege-escalation", "container-seccomp-missing"] {
        assert_eq!(count_at(rule, 24, &windows), 1, "{rule}");
        assert_eq!(count_at(rule, 25, &windows), 0, "{rule}");
    }
    let sysctl = pod("  securityContext: {sysctls: [{name: net.ipv4.tcp_rmem}]}");
    assert_eq!(count_at("pod-sysctl-unsafe", 31, &sysctl), 1);
    assert_eq!(count_at("pod-sysctl-unsafe", 32, &sysctl), 0);
}

#[test]
fn templates_and_all_kinds_of_containers_count() {
    let job = "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          \
               containers:\n          - securityContext: {privileged: true}\n          \
               ephemeralContainers:\n          - securityContext: {privileged: true}\n          \
               initContainers:\n          - securityContext: {privileged: true}\n";
    assert_eq!(lines_of("container-privileged", job), [9, 11, 13]);
}

#[test]
fn fields_of_a_wrong_type_are_survived() {
    for wrong in ["7", "text", "[1, {a: b}, null]", "{a: [b]}", "true", "null"] {
        for field in ["securityContext", "containers", "volumes", "initContainers", "hostNetwork", "os", "hostUsers"] {
            let mut config = config();
            config.profile = hardline_core::profile::Profile::Critical;
            assert!(judgement(&pod(&format!("  {field}: {wrong}\n")), &config).unevaluated.is_empty());
        }
        for field in ["securityContext", "image", "ports", "env", "args", "volumeMounts", "livenessProbe"] {
            let text = pod(&format!(
                "  containers:\n  - {{{field}: {wrong}, name: {wrong}}}\n  - securityContext: {{readOnlyRootFilesystem: \
                 true, capabilities: {wrong}, seccompProfile: {wrong}}}\n    {field}: {wrong}\n"
            ));
            let mut config = config();
            config.profile = hardline_core::profile::Profile::PodSecurityRestricted;
            assert!(judgement(&text, &config).unevaluated.is_empty(), "{text}");
        }
    }
}

#[test]
fn a_volume_must_be_writable_to_cover_a_path() {
    let text = |mounts: &str| {
        pod(&format!(
            "  containers:\n  - env: [{{name: TMPDIR, value: /var/run/app/tmp}}]\n    \
             securityContext: {{readOnlyRootFilesystem: true}}\n    volumeMounts: [{mounts}]\n  \
             volumes: [{{name: empty, emptyDir: {{}}}}, {{name: config, configMap: {{name: x}}}}]\n"
        ))
    };
    for (mounts, found) in [
        ("", 1),
        ("{name: empty, mountPath: /run/app}", 0),
        ("{name: empty, mountPath: /run/application}", 1),
        ("{name: empty, mountPath: /run, readOnly: true}", 1),
        ("{name: config, mountPath: /run}", 1),
        ("{name: config, mountPath: /run}, {name: empty, mountPath: /var/run/app/tmp/}", 0),
        ("{name: empty, mountPath: /run}, {name: config, mountPath: /run/app}", 1),
        ("{name: claimed, mountPath: /}", 0),
    ] {
        assert_eq!(lines_of("container-writable-volume-missing", &text(mounts)).len(), found, "{mounts}");
    }
}

#[test]
fn an_image_left_out_is_missing_unless_the_workload_is_a_patch() {
    let deployment = |selector: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nspec:\n  {selector}\n  template: {{spec: {{containers: [{{name: a}}]}}}}\n"
        )
    };
    assert_eq!(lines_of("image-reference-invalid", &pod("  containers: [{name: a}]")).len(), 1);
    assert_eq!(lines_of("image-reference-invalid", &deployment("selector: {}")).len(), 1);
    assert_eq!(lines_of("image-reference-invalid", &deployment("replicas: 3")).len(), 0);
}

#[test]
fn forbidden_tags_are_words() {
    let tags = |tag: &str| {
        let mut config = config();
        config.select = vec![Rule::find("image-tag-forbidden").expect("the rule exists")];
        config.settings.forbidden_tags = ["debug", "dont-push", "rc*"].map(str::to_owned).to_vec();
        let judgement = judgement(&pod(&format!("  containers: [{{name: a, image: \"x:{tag}\"}}]")), &config);
        judgement.findings.into_iter().map(|judged| judged.finding.message.to_string()).collect::<Vec<_>>()
    };
    for tag in ["debug", "1.0-Debug", "debug_2", "x.dont.push", "DONT_PUSH-1", "1.0-rc1"] {
        assert_eq!(tags(tag).len(), 1, "{tag}");
    }
    for tag in ["debugger-1.0", "nodebug", "dont", "push-dont", "1.0", "arc1"] {
        assert_eq!(tags(tag), [""; 0], "{tag}");
    }
    assert_eq!(
        tags("v1.2.3-debug-DONT-PUSH"),
        ["the image of container `a` has the tag `v1.2.3-debug-DONT-PUSH`, which says `debug` and `dont-push`"]
    );
}
