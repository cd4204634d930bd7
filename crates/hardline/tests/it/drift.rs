//! `hardline drift`.

#![allow(clippy::unwrap_used, reason = "a report of another form fails the test")]

use std::fs;
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
fn without_managed_fields_nothing_is_claimed_to_be_added_by_hand() {
    let observed = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "2", "b": "2"},
        "metadata": {"name": "web", "namespace": "shop"}});
    let case = Case::new(&config_map(&json!({"a": "1"}), &json!([])), &observed);
    let report = case.drift(&["--desired", "desired.yaml"]);
    let told = [("data.a".to_owned(), "changed".to_owned()), ("data.b".to_owned(), "unattributed".to_owned())];
    assert_eq!(classes(&report), told);
    assert!(report["notices"].to_string().contains("--show-managed-fields"), "{report}");
}
