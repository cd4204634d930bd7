//! Renderers as `PATH` has them, or has not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use crate::check;

#[test]
fn without_helm_a_chart_is_an_error_that_says_what_to_do() {
    let chart = check(&["../../../hardline-manifest/tests/fixtures/shop"]).env("PATH", "/nowhere");
    chart.assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: chart ../../../hardline-manifest/tests/fixtures/shop cannot be rendered: helm is not installed
help: install Helm, https://helm.sh/docs/intro/install, or render the chart elsewhere and name the output: `hardline check RENDERED.yaml`

"#]]);
}

#[test]
fn without_helm_charts_in_a_folder_are_left_out_with_a_notice() {
    let folder = check(&["-o", "concise", "../../../hardline-manifest/tests/fixtures"]).env("PATH", "/nowhere");
    folder.assert().success().stderr_eq(str![[r#"
notice: chart ../../../hardline-manifest/tests/fixtures/broken-chart skipped: helm is not installed
notice: chart ../../../hardline-manifest/tests/fixtures/shop skipped: helm is not installed
all clear: 3 resources (1 workload) in 2 files; skipped 4 other documents ([..] s)

"#]]);
}

#[test]
fn without_kustomize_and_kubectl_a_kustomization_is_an_error_that_says_what_to_do() {
    let overlay = check(&["../../../hardline-manifest/tests/fixtures/overlay/production"]).env("PATH", "/nowhere");
    overlay.assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: kustomization ../../../hardline-manifest/tests/fixtures/overlay/production cannot be built: kustomize is not installed
help: install kubectl or kustomize, https://kubectl.docs.kubernetes.io/installation/kustomize, or build elsewhere and name the output: `hardline check BUILT.yaml`

"#]]);
}

#[test]
fn kubectl_builds_kustomizations_where_kustomize_is_not_installed() {
    let path = tempfile::tempdir().unwrap();
    let kubectl = path.path().join("kubectl");
    // As `kubectl kustomize DIR`; says by the name of the object how it was called.
    let script = "#!/bin/sh\necho '{apiVersion: v1, kind: Pod, metadata: {name: '$1'}, spec: {containers: [{name: a, securityContext: {privileged: true}}]}}'\n";
    fs::write(&kubectl, script).unwrap();
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
    let overlay = check(&["-o", "json", "../../../hardline-manifest/tests/fixtures/overlay/production"]);
    let output = overlay.env("PATH", path.path()).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"][0]["resource"]["name"], "kustomize");
}
