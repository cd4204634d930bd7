//! `--write-baseline` accepts what is there today; `--baseline` counts what is new.

use std::fs;
use std::path::Path;

use snapbox::cmd::Command;
use snapbox::{IntoData, str};
use tempfile::TempDir;

use crate::check;

fn pod(name: &str, containers: &[&str]) -> String {
    let container = |name: &&str| format!("    - name: {name}\n      securityContext: {{privileged: true}}\n");
    let containers: String = containers.iter().map(container).collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  containers:\n{containers}"
    )
}

/// A folder with one pod, whose baseline is written.
fn started() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("web.yaml"), pod("web", &["app", "proxy"])).expect("it is written");
    run(folder.path(), &["--write-baseline"]).assert().success().stdout_eq("").stderr_eq(str![[r#"
wrote: 2 findings to hardline-baseline.json
notice: `hardline check --baseline hardline-baseline.json` counts what is new; so does `baseline: hardline-baseline.json` in hardline.yaml

"#]]);
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Command {
    check(arguments).current_dir(folder)
}

const USE: [&str; 4] = ["--baseline", "hardline-baseline.json", "-o", "concise"];

#[test]
fn what_was_there_is_not_counted_and_what_is_new_is() {
    let folder = started();
    run(folder.path(), &USE).assert().success().stdout_eq("").stderr_eq(str![[r#"
all clear: 1 resource (1 workload) in 1 file; 2 in the baseline; skipped 1 other document ([..] s)

"#]]);
    // Lines and files move, and one container is new.
    fs::remove_file(folder.path().join("web.yaml")).unwrap();
    fs::write(folder.path().join("moved.yaml"), format!("\n\n{}", pod("web", &["new", "app", "proxy"]))).unwrap();
    run(folder.path(), &USE).assert().code(1).stdout_eq(str![[r#"
moved.yaml:11:37: critical[container-privileged] container `new` runs privileged

"#]]);
}

#[test]
fn the_file_has_an_entry_on_a_line() {
    let folder = started();
    let text = fs::read_to_string(folder.path().join("hardline-baseline.json")).unwrap();
    snapbox::assert_data_eq!(text, str![[r#"
{
  "schema": "hardline.baseline/v1",
  "findings": [
    {"subject": "Pod shop/web", "rule": "container-privileged", "path": "/spec/containers[app]/securityContext/privileged", "count": 1},
    {"subject": "Pod shop/web", "rule": "container-privileged", "path": "/spec/containers[proxy]/securityContext/privileged", "count": 1}
  ]
}

"#]].raw());
}

#[test]
fn a_count_forgives_so_many_and_no_more() {
    let folder = started();
    // The same pod once more: each of its findings has the fingerprint of one that is forgiven.
    fs::write(folder.path().join("twice.yaml"), pod("web", &["app", "proxy"])).unwrap();
    run(folder.path(), &USE).assert().code(1).stdout_eq(str![[r#"
web.yaml:9:37: critical[container-privileged] container `app` runs privileged
web.yaml:11:37: critical[container-privileged] container `proxy` runs privileged

"#]]);
}

#[test]
fn entries_that_had_their_day_are_listed_where_they_were_looked_for() {
    let folder = started();
    fs::write(folder.path().join("web.yaml"), pod("web", &["app"])).unwrap();
    fs::write(folder.path().join("other.yaml"), pod("other", &[])).unwrap();
    let human = ["--baseline", "hardline-baseline.json"];
    run(folder.path(), &human).assert().success().stdout_eq(str![[r#"
mended, and still in the baseline:
  container-privileged:Pod shop/web:/spec/containers[proxy]/securityContext/privileged
  `--write-baseline` takes them out

all clear: 2 resources (2 workloads) in 2 files; 1 in the baseline; skipped 1 other document ([..] s)

"#]]);
    // Neither what was not read nor what did not run says anything.
    let elsewhere = ["--baseline", "hardline-baseline.json", "other.yaml"];
    run(folder.path(), &elsewhere).assert().success().stdout_eq(str![[r#"
all clear: 1 resource (1 workload) in 1 file ([..] s)

"#]]);
    let without = ["--baseline", "hardline-baseline.json", "--ignore", "container-privileged"];
    run(folder.path(), &without).assert().success().stdout_eq(str![[r#"
all clear: 2 resources (2 workloads) in 2 files; skipped 1 other document ([..] s)

"#]]);
    run(folder.path(), &["--write-baseline", "-q"]).assert().success();
    let text = fs::read_to_string(folder.path().join("hardline-baseline.json")).unwrap();
    assert!(!text.contains("proxy"), "{text}");
}

#[test]
fn hardline_yaml_names_it_beside_itself() {
    let folder = started();
    fs::write(folder.path().join("hardline.yaml"), "baseline: hardline-baseline.json\n").unwrap();
    run(folder.path(), &["-q"]).assert().success();
    run(folder.path(), &["-q", "--no-baseline"]).assert().code(1);
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    run(&below, &["-q", "../web.yaml"]).assert().success();
}

#[test]
fn what_is_no_baseline_is_neither_read_nor_replaced() {
    let folder = started();
    let at = |text: &str| fs::write(folder.path().join("other.json"), text).unwrap();
    let error = |arguments: &[&str]| {
        let output = run(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    at("{\"name\": \"package\"}\n");
    let read = ["--baseline", "other.json"];
    assert_eq!(error(&read), "error: other.json:1:1: no baseline: `schema` is not hardline.baseline/v1\n");
    assert!(error(&["--write-baseline=other.json"]).starts_with("error: the file is not replaced"));
    assert_eq!(fs::read_to_string(folder.path().join("other.json")).unwrap(), "{\"name\": \"package\"}\n");
    at("{\"schema\": \"hardline.baseline/v2\"}");
    assert!(error(&read).contains("other.json:1:12: `hardline.baseline/v2` is of another version of hardline"));
    at("{\"schema\": \"hardline.baseline/v1\",\n \"findings\": [\n  {\"subject\": \"Pod a\", \"rule\": 1},\n  3]}");
    assert_eq!(
        error(&read),
        "error: other.json:3:3: an entry needs a `rule`\nother.json:4:3: an entry needs a `subject`\n"
    );
    at("{\"schema\": ");
    assert!(error(&read).starts_with("error: other.json:1:"));
    assert!(error(&["--baseline", "missing.json"]).contains("`--write-baseline` writes one"));
}
