//! `hardline drift`.

#![allow(clippy::unwrap_used, reason = "a report of another form fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use serde_json::{Value, json};
use snapbox::str;

use crate::hardline;

fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/drift").join(file);
    path.canonicalize().unwrap().display().to_string()
}

#[test]
fn the_debug_image_is_shown_with_who_when_why_and_what_restores_it() {
    let dump = format!("dump:{}", example("live.yaml"));
    hardline(&["drift", "--no-config", "--quiet", "--observed", &dump]).assert().code(1).stderr_eq("").stdout_eq(str![[r#"
Deployment shop/checkout
  critical spec.template.spec.containers[name=checkout].image changed in the cluster
    source registry.example.com/shop/checkout:v1.2.2
      live registry.example.com/shop/checkout:v1.2.3-debug-DONT-PUSH
       who kubectl-set (Update), at 2026-11-24T03:12:41Z
    breaks image-tag-forbidden: the image of container `checkout` has the tag `v1.2.3-debug-DONT-PUSH`, which says `debug` and `dont-push`
   restore kubectl -n shop patch deployment/checkout --type=json --field-manager=helm -p '[{"op":"test","path":"/spec/template/spec/containers/0/image","value":"registry.example.com/shop/checkout:v1.2.3-debug-DONT-PUSH"},{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.example.com/shop/checkout:v1.2.2"}]'


"#]]);
}

#[test]
fn the_debug_image_is_drift_from_the_manifests_as_well_and_can_be_taken_into_them() {
    let dump = format!("dump:{}", example("live.yaml"));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deploy")).unwrap();
    let file = folder.path().join("deploy/checkout.yaml");
    let before = fs::read_to_string(example("deploy/checkout.yaml")).unwrap();
    fs::write(&file, &before).unwrap();
    let drift = |arguments: &[&str], code: i32| {
        let arguments =
            [&["drift", "--no-config", "-q", "-n", "shop", "--desired", "deploy", "--observed", &dump], arguments];
        let output = hardline(&arguments.concat()).current_dir(folder.path()).assert().code(code).get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = drift(&[], 1);
    assert!(shown.contains("who kubectl-set (Update), at 2026-11-24T03:12:41Z"), "{shown}");
    assert!(shown.contains("release registry.example.com/shop/checkout:v1.2.2\n"), "{shown}");
    fs::write(folder.path().join("codify.patch"), drift(&["--codify"], 0)).unwrap();
    let applied = Process::new("git").args(["apply", "codify.patch"]).current_dir(folder.path()).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let after = before.replace("checkout:v1.2.2\n", "checkout:v1.2.3-debug-DONT-PUSH\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), after, "comments stay");
    let shown = drift(&[], 0);
    assert!(shown.contains("codified spec.template.spec.containers[name=checkout].image"), "{shown}");
}

#[test]
fn every_format_carries_drift_as_a_finding() {
    let dump = format!("dump:{}", example("live.yaml"));
    let output = hardline(&["drift", "--no-config", "-o", "sarif", "--observed", &dump]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["runs"][0]["results"][0]["ruleId"], "drift-field-changed");
    let timeline = hardline(&["drift", "--no-config", "-q", "--timeline", "--observed", &dump]).output().unwrap();
    let timeline = String::from_utf8(timeline.stdout).unwrap();
    assert!(timeline.starts_with("2026-11-24T03:12:41Z  kubectl-set changed spec.template"), "{timeline}");
}

/// A folder with what is desired and what is observed.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(desired: &Value, observed: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder };
        case.write("desired.yaml", desired);
        case.write("observed.yaml", observed);
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn drift(&self, arguments: &[&str]) -> Value {
        let output = hardline(&["drift", "--no-config", "-o", "json"])
            .arg("--observed")
            .arg(self.path("observed.yaml"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn config_map(data: &Value, managers: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": "web", "namespace": "shop", "managedFields": managers}})
}

fn manager(name: &str, time: &str, fields: &Value) -> Value {
    json!({"manager": name, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": fields}})
}

/// The path and class of each difference.
fn classes(report: &Value) -> Vec<(String, String)> {
    let differences = report["objects"].as_array().unwrap().iter().flat_map(|it| it["differences"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    differences.map(|it| (text(&it["path"]), text(&it["class"]))).collect()
}

#[test]
fn a_git_revision_is_compared_with_what_runs() {
    let observed = json!([
        manager("kubectl-client-side-apply", "2026-01-01T00:00:00Z", &json!({".": {}, "f:a": {}})),
        manager("kubectl-edit", "2026-01-02T00:00:00Z", &json!({"f:b": {}}))
    ]);
    let case =
        Case::new(&config_map(&json!({"a": "1"}), &json!([])), &config_map(&json!({"a": "1", "b": "2"}), &observed));
    let git = |arguments: &[&str]| {
        let done = Process::new("git").args(arguments).current_dir(case.folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "desired.yaml"]);
    git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "a"]);
    fs::remove_file(case.path("desired.yaml")).unwrap();
    let report = case.drift(&["--desired", "git:.@main:desired.yaml"]);
    assert_eq!(classes(&report), [("data.b".to_owned(), "added".to_owned())]);
    assert_eq!(report["objects"][0]["differences"][0]["blame"]["authors"][0]["manager"], "kubectl-edit");
    let patch = json!([{"op": "test", "path": "/data/b", "value": "2"}, {"op": "remove", "path": "/data/b"}]);
    assert_eq!(report["objects"][0]["restore"]["patch"], patch);
}

#[test]
fn secrets_are_compared_and_not_shown() {
    let secret = |value: &str, managers: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"password": value},
            "metadata": {"name": "db", "namespace": "shop", "managedFields": managers}})
    };
    let managers = json!([
        manager("helm", "2026-01-01T00:00:00Z", &json!({".": {}})),
        manager("kubectl-edit", "2026-01-02T00:00:00Z", &json!({"f:password": {}}))
    ]);
    let observed = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "b3RoZXItc2VjcmV0"},
        "metadata": {"name": "db", "namespace": "shop", "managedFields": managers}});
    let case = Case::new(&secret("first-secret", json!([])), &observed);
    let report = case.drift(&["--desired", "desired.yaml"]);
    assert_eq!(classes(&report), [("data.password".to_owned(), "changed".to_owned())]);
    let text = report.to_string();
    for secret in ["first-secret", "other-secret", "b3RoZXItc2VjcmV0", "Zmlyc3Qtc2VjcmV0"] {
        assert!(!text.contains(secret), "{text}");
    }
    for format in ["human", "concise", "sarif", "markdown"] {
        let output = hardline(&["drift", "--no-config", "-o", format])
            .args(["--desired", "desired.yaml", "--observed", "observed.yaml"])
            .current_dir(case.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("password"), "{text}");
        assert!(!text.contains("b3RoZXItc2VjcmV0"), "{format}: {text}");
    }
}

#[test]
fn what_looks_like_a_secret_is_in_no_message() {
    let managers = json!([
        manager("helm", "2026-01-01T00:00:00Z", &json!({".": {}})),
        manager("kubectl-edit", "2026-01-02T00:00:00Z", &json!({"f:password": {}}))
    ]);
    let case = Case::new(
        &config_map(&json!({"password": "first-secret"}), &json!([])),
        &config_map(&json!({"password": "other-secret"}), &managers),
    );
    for format in ["human", "concise", "json", "sarif", "markdown"] {
        let output = hardline(&["drift", "--no-config", "-o", format])
            .args(["--desired", "desired.yaml", "--observed", "dump:observed.yaml"])
            .current_dir(case.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("data.password"), "{format}: {text}");
        assert!(!text.contains("-secret"), "{format}: {text}");
    }
}

#[test]
fn without_managed_fields_nothing_is_claimed_to_be_added_by_hand() {
    let observed = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "2", "b": "2"},
        "metadata": {"name": "web", "namespace": "shop"}});
    let case = Case::new(&config_map(&json!({"a": "1"}), &json!([])), &observed);
    let report = case.drift(&["--desired", "desired.yaml"]);
    let told = [("data.a".to_owned(), "changed".to_owned()), ("data.b".to_owned(), "unattributed".to_owned())];
    assert_eq!(classes(&report), told);
    assert!(report["notices"].to_string().contains("--show-managed-fields"), "{report}");
}

/// A map that is deployed with `a` and `b`, and both changed by a person, `c` added by another.
fn changed_by_hand() -> Case {
    let managers = json!([
        manager("kubectl-client-side-apply", "2026-01-01T00:00:00Z", &json!({".": {}})),
        manager("kubectl-edit", "2026-01-02T00:00:00Z", &json!({"f:a": {}, "f:b": {}})),
        manager("feature-flags", "2026-01-02T00:00:00Z", &json!({"f:c": {}}))
    ]);
    Case::new(
        &config_map(&json!({"a": "1", "b": "1"}), &json!([])),
        &config_map(&json!({"a": "2", "b": "2", "c": "2"}), &managers),
    )
}

/// The path and reason of each difference, as the configuration has it.
fn configured(case: &Case, config: &str, desired: &str, arguments: &[&str]) -> (Value, Vec<(String, String)>) {
    fs::write(case.path("hardline.yaml"), config).unwrap();
    let output = hardline(&["drift", "-o", "json", "--desired", desired, "--observed", "dump:observed.yaml"])
        .args(arguments)
        .current_dir(case.folder.path())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let told = classes(&report);
    (report, told)
}

#[test]
fn what_is_expected_is_told_only_when_asked_for_and_with_its_reason() {
    let case = changed_by_hand();
    let expected = "expectedDrift:
  - kinds: [ConfigMap]
    namespaces: [sh*]
    paths: [data.a]
    reason: tuned by load
    until: 2999-12-31
  - managers: [feature-*]
    reason: flags are switched at run time
  - paths: [data.b]
    reason: was tried out
    until: 2026-01-01
  - desired: ['cluster:staging']
    paths: [data.b]
    reason: staging is smaller
";
    let (report, told) = configured(&case, expected, "desired.yaml", &[]);
    assert_eq!(told, [("data.b".to_owned(), "changed".to_owned())]);
    assert!(report["notices"][0].as_str().unwrap().contains("hardline.yaml:9 has ended on 2026-01-01"), "{report}");
    let (report, told) = configured(&case, expected, "desired.yaml", &["--explain-suppressed"]);
    let classes: Vec<_> = told.iter().map(|(path, class)| format!("{path} {class}")).collect();
    assert_eq!(classes, ["data.a expected", "data.b changed", "data.c expected"]);
    let reason = &report["objects"][0]["differences"][0]["reason"];
    assert_eq!(reason, "expected: tuned by load (hardline.yaml:2)");
    assert!(report["objects"][0]["restore"]["patch"].to_string().find("/data/a").is_none(), "{report}");
}

#[test]
fn staging_may_differ_from_production_where_that_is_declared() {
    let case = changed_by_hand();
    fs::rename(case.path("desired.yaml"), case.path("staging.yaml")).unwrap();
    let config = "expectedDrift:
  - desired: ['dump:staging*']
    paths: ['data.*']
    reason: staging is smaller
";
    let (_, told) = configured(&case, config, "dump:staging.yaml", &[]);
    assert_eq!(told, []);
}

#[test]
fn rules_of_argo_cd_and_flux_are_taken_over_from_a_file() {
    let case = changed_by_hand();
    let rules = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"},
    "spec": {"ignoreDifferences": [
        {"kind": "ConfigMap", "jsonPointers": ["/data/a"]},
        {"group": "apps", "kind": "*", "jqPathExpressions": [".data.b"]},
        {"kind": "ConfigMap", "managedFieldsManagers": ["feature-flags"]}
    ]}});
    fs::write(case.path("application.yaml"), rules.to_string()).unwrap();
    let report = case.drift(&["--desired", "desired.yaml", "--ignored-by", "application.yaml", "--explain-suppressed"]);
    let differences = report["objects"][0]["differences"].as_array().unwrap();
    let told: Vec<_> = differences.iter().map(|it| it["reason"].as_str().unwrap()).collect();
    let ignored = "expected: Argo CD ignores the difference (Application default/shop)";
    assert_eq!(told, [ignored, "changed in the cluster", ignored]);
    let refused = hardline(&["drift", "--desired", "desired.yaml", "--observed", "dump:observed.yaml"])
        .args(["--ignored-by", "desired.yaml"])
        .current_dir(case.folder.path())
        .assert()
        .code(2)
        .get_output()
        .clone();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds no rules to ignore by"));
}

#[test]
fn what_a_chart_makes_anew_each_time_is_no_drift() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("chart")).unwrap();
    fs::write(folder.path().join("chart/Chart.yaml"), "{apiVersion: v2, name: db, version: 1.0.0}\n").unwrap();
    // A chart with passwords made by `randAlphaNum`: no two processes have the same number.
    let template = "---
# Source: db/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {name: db, annotations: {made: 'at-$$'}}
stringData: {password: 'secret-$$', user: shop}
";
    let path = folder.path().join("bin");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("helm"), format!("#!/bin/sh\n/bin/cat <<end\n{template}end\n")).unwrap();
    fs::set_permissions(path.join("helm"), fs::Permissions::from_mode(0o755)).unwrap();
    let observed = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "Zmlyc3Q=", "user": "cm9vdA=="},
    "metadata": {"name": "db", "namespace": "default", "annotations": {"made": "1"}, "managedFields": [
        manager("helm", "2026-01-01T00:00:00Z", &json!({".": {}, "f:password": {}})),
        manager("kubectl-edit", "2026-01-02T00:00:00Z", &json!({"f:user": {}}))
    ]}});
    fs::write(folder.path().join("observed.yaml"), observed.to_string()).unwrap();
    let output = hardline(&["drift", "--no-config", "-o", "json", "--desired", "chart:chart", "--explain-suppressed"])
        .args(["--observed", "dump:observed.yaml"])
        .current_dir(folder.path())
        .env("PATH", &path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let told: Vec<_> = classes(&report).into_iter().map(|(path, class)| format!("{path} {class}")).collect();
    assert_eq!(told, ["metadata.annotations.made expected", "data.password expected", "data.user changed"]);
    let reason = report["objects"][0]["differences"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "expected: every rendering has another value (chart/templates/secret.yaml)");
}

#[test]
fn an_earlier_revision_can_be_compared_with() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/drift/helm/v3");
    let drift = |revision: &str| {
        hardline(&["drift", "--no-config", "-o", "json", "--desired", "helm:web", "--observed"])
            .arg(format!("dump:{}", fixtures.display()))
            .args(["--revision", revision])
            .output()
            .unwrap()
    };
    let missing = drift("9");
    assert_eq!(missing.status.code(), Some(2));
    let message = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(message.contains("the release has no revision 9") && message.contains("1, 2"), "{message}");
    for revision in ["1", "2"] {
        let output = drift(revision);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["summary"]["objects"].as_u64().unwrap() > 1, "{report}");
    }
}
