//! Arguments of `hardline check`, and its exit codes.

use snapbox::str;

use crate::{check, hardline};

#[test]
fn findings_that_the_profile_denies_exit_with_1() {
    check(&["shop/checkout.yaml"]).assert().code(1);
    check(&["--ignore", "container-privileged,manifest-malformed", "shop"]).assert().success();
}

#[test]
fn fail_on_sets_what_fails() {
    let medium = ["--ignore", "container-privileged", "shop/checkout.yaml", "--fail-on"];
    for (fail_on, code) in [("never", 0), ("critical", 0), ("high", 0), ("medium", 1), ("low", 1)] {
        check(&medium).arg(fail_on).assert().code(code);
    }
}

#[test]
fn the_profile_decides_what_fails() {
    let medium = ["--ignore", "container-privileged", "shop/checkout.yaml", "--profile"];
    check(&medium).arg("critical").assert().code(1);
    check(&medium).arg("production").assert().success();
}

#[test]
fn pod_security_profiles_judge_their_standard_only() {
    let profile = ["check", "--profile", "pod-security-baseline", "--format", "concise", "-q"];
    hardline(&profile).args(["shop/checkout.yaml"]).assert().code(1).stdout_eq(str![[r#"
shop/checkout.yaml:19:25: critical[container-privileged] container `checkout` runs privileged

"#]]);
    hardline(&profile).args(["good.yaml"]).assert().success().stdout_eq("");
}

#[test]
fn standard_input_is_a_dash() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, securityContext: {privileged: true}}]}\n";
    check(&["-o", "concise", "-q", "-"]).stdin(text).assert().code(1).stdout_eq(str![[r#"
-:4:61: critical[container-privileged] container `a` runs privileged

"#]]);
}

#[test]
fn what_cannot_be_judged_exits_with_2_and_says_why() {
    check(&["missing.yaml"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: missing.yaml: no such file or directory

"#]]);
    check(&["shop/values.yaml"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: nothing to judge: no Kubernetes object in the input
help: name the file or folder that holds the manifests

"#]]);
    check(&["-"]).stdin("").assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: nothing to judge: no Kubernetes object in the input
help: name the file or folder that holds the manifests

"#]]);
}

#[test]
fn mistyped_names_are_corrected() {
    hardline(&["check", "--select", "container-privilegd"]).assert().code(2).stderr_eq(str![[r#"
error: no rule is called `container-privilegd`; did you mean `container-privileged`?

`hardline explain` lists all rules.

"#]]);
    hardline(&["check", "--ignore", "privleged"]).assert().code(2).stderr_eq(str![[r#"
error: no rule is called `privleged`; did you mean `container-port-privileged` or `container-privileged`?

`hardline explain` lists all rules.

"#]]);
    hardline(&["check", "--profile", "prod"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'prod' for '--profile <PROFILE>'
  [possible values: baseline, production, critical, pod-security-baseline, pod-security-restricted]

  tip: a similar value exists: 'production'

For more information, try '--help'.

"#]]);
    hardline(&["check", "--formt", "json"]).assert().code(2).stderr_eq(str![[r#"
error: unexpected argument '--formt' found

  tip: a similar argument exists: '--format'

Usage: hardline check --format <FORMAT> [PATH]...

For more information, try '--help'.

"#]]);
    hardline(&["chek"]).assert().code(2).stderr_eq(str![[r#"
error: unrecognized subcommand 'chek'

  tip: a similar subcommand exists: 'check'

Usage: hardline [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]]);
    hardline(&["check", "--kubernetes-version", "2"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value '2' for '--kubernetes-version <VERSION>': `2` is not a version of Kubernetes such as v1.37

For more information, try '--help'.

"#]]);
    hardline(&["check", "--report", "x.sarif"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'x.sarif' for '--report <FORMAT=FILE>': write the format and the file, such as `sarif=hardline.sarif`

For more information, try '--help'.

"#]]);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let output = check(&["-o", "concise", "-q", "truncated.yaml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("high[manifest-malformed]"), "{text}");
    assert!(text.contains("container `agent` runs privileged"), "{text}");
}

#[test]
fn reports_are_written_to_files_beside_the_one_printed() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports.json");
    let report = format!("json={}", file.display());
    check(&["--report", &report, "-o", "concise", "-q", "good.yaml"]).assert().success().stdout_eq("");
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(written["schema"], "hardline.report/v1");
    check(&["--report", "json=/does/not/exist", "good.yaml"]).assert().code(2).stderr_eq(str![[r#"
error: cannot write the report to `/does/not/exist`: No such file or directory (os error 2)

"#]]);
}

#[test]
fn the_namespace_is_that_of_manifests_which_name_none() {
    let output = check(&["-n", "ops", "-o", "json", "shop/broken.yaml"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let privileged = &report["findings"].as_array().unwrap()[1];
    assert_eq!(privileged["resource"]["namespace"], "ops");
}
