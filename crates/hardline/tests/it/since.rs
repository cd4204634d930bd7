//! `--since`: only what has changed in a Git repository.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

use snapbox::cmd::Command;
use snapbox::str;
use tempfile::TempDir;

use crate::hardline;

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  containers:\n    - name: app\n      securityContext:\n        privileged: true\n"
    )
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Process::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false"])
        .args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(folder: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("it is made");
    fs::write(path, text).expect("it is written");
}

/// A repository whose branch `main` has two pods, and whose branch `topic` is checked out.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    git(at, &["init", "-q"]);
    write(at, "deploy/two.yaml", format!("{}---\n{}", pod("a"), pod("b")));
    write(at, ".gitignore", "ignored.yaml\n");
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "first"]);
    git(at, &["checkout", "-qb", "topic"]);
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Command {
    hardline(&["check", "-q", "-o", "concise", "--select", "container-privileged,manifest-malformed"])
        .args(arguments)
        .current_dir(folder)
}

#[test]
fn a_resource_has_changed_when_its_value_has() {
    let folder = repository();
    let at = folder.path();
    check(at, &["--since", "main"]).assert().success().stdout_eq("");
    // Lines, comments and order are no value; a label is.
    let changed = pod("b").replace("name: b\n", "name: b\n  labels: {new: yes}\n");
    write(
        at,
        "deploy/two.yaml",
        format!("# moved\n\n{changed}---\n{}", pod("a").replace("name: a\n", "name: \"a\"\n")),
    );
    let expected = "deploy/two.yaml:12:21: critical[container-privileged] container `app` runs privileged\n";
    check(at, &["--since", "main"]).assert().code(1).stdout_eq(expected);
    // Committed, it is a change all the same.
    git(at, &["commit", "-qam", "second"]);
    check(at, &["--since", "main"]).assert().code(1).stdout_eq(expected);
    check(at, &["--since", "HEAD"]).assert().success().stdout_eq("");
    // A file that moves changes nothing.
    git(at, &["mv", "deploy/two.yaml", "deploy/moved.yaml"]);
    check(at, &["--since", "HEAD"]).assert().success().stdout_eq("");
}

#[test]
fn files_that_git_does_not_know_are_new() {
    let folder = repository();
    let at = folder.path();
    write(at, "deploy/new.yaml", pod("new"));
    write(at, "deploy/ignored.yaml", pod("ignored"));
    check(at, &["--since", "main"]).assert().code(1).stdout_eq(str![[r#"
deploy/new.yaml:9:21: critical[container-privileged] container `app` runs privileged

"#]]);
    check(&at.join("deploy"), &["--since", "main", "two.yaml"]).assert().success();
    check(&at.join("deploy"), &["--since", "main"]).assert().code(1).stdout_eq(str![[r#"
new.yaml:9:21: critical[container-privileged] container `app` runs privileged

"#]]);
}

#[test]
fn what_main_did_meanwhile_is_not_ours() {
    let folder = repository();
    let at = folder.path();
    git(at, &["checkout", "-q", "main"]);
    write(at, "deploy/theirs.yaml", pod("theirs"));
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "theirs"]);
    git(at, &["checkout", "-q", "topic"]);
    check(at, &["--since", "main"]).assert().success().stdout_eq("");
}

#[test]
fn broken_text_that_was_broken_before_is_not_reported() {
    let folder = repository();
    let at = folder.path();
    write(at, "broken.yaml", "apiVersion: v1\nkind: [\n");
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "broken"]);
    write(at, "broken.yaml", format!("{}---\napiVersion: v1\nkind: [\n", pod("fine").replace("true", "false")));
    check(at, &["--since", "HEAD"]).assert().success().stdout_eq("");
    write(at, "broken.yaml", "apiVersion: v1\nkind: {\n");
    check(at, &["--since", "HEAD"]).assert().code(1);
}

#[test]
fn rules_see_what_has_not_changed() {
    let folder = repository();
    let at = folder.path();
    write(at, "web.yaml", SCALED);
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "scaled"]);
    write(at, "hpa.yaml", AUTOSCALER);
    let rules = ["--select", "hpa-target-missing"];
    hardline(&["check", "-q", "--since", "HEAD"]).args(rules).current_dir(at).assert().success();
    fs::remove_file(at.join("web.yaml")).unwrap();
    hardline(&["check", "-q", "--since", "HEAD", "--assume-complete"]).args(rules).current_dir(at).assert().code(1);
}

#[test]
fn of_much_only_what_lies_beside_is_read() {
    let folder = repository();
    let at = folder.path();
    for file in 0..2_001 {
        write(at, &format!("much/{}/{file}.yaml", file % 20), pod(&format!("p{file}")));
    }
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "much"]);
    write(at, "deploy/new.yaml", format!("{}---\n{}", pod("new"), SCALED.replace("spec:\n", "spec:\n  replicas: 2\n")));
    write(at, "deploy/.hidden/new.yaml", pod("hidden"));
    let output = hardline(&["check", "--since", "HEAD", "-o", "json"]).current_dir(at).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["summary"]["resources"], 4);
    let notice = String::from_utf8(output.stderr).unwrap();
    assert!(notice.contains("2 of 4 resources have changed since HEAD ("), "{notice}");
    assert!(notice.contains("what lies elsewhere is not read"), "{notice}");
    let files: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|it| it["location"]["file"].as_str().unwrap()).collect();
    assert!(!files.is_empty() && files.iter().all(|file| *file == "deploy/new.yaml"), "{files:?}");
    // Nothing is claimed of what is not read.
    assert!(report["notEvaluated"].as_array().is_some_and(|lacking| !lacking.is_empty()));
}

#[test]
fn what_git_cannot_tell_is_an_error_with_a_way_out() {
    let folder = repository();
    let at = folder.path();
    let error = |folder: &Path, arguments: &[&str]| {
        let output = check(folder, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        error(at, &["--since", "nowhere"]),
        "error: `nowhere` is no commit of this repository\nhelp: fetch it first, as in `git fetch origin main`, and name it `origin/main`\n"
    );
    assert!(error(at, &["--since=--output=x"]).starts_with("error: `--output=x` is no commit"));
    assert!(error(at, &["--since", "main", "-"]).contains("standard input has no history"));
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "a.yaml", pod("a"));
    assert!(error(outside.path(), &["--since", "main"]).contains("is not in a Git repository"));
    // A clone that holds the tips alone.
    git(at, &["commit", "-q", "--allow-empty", "-m", "ours"]);
    git(at, &["checkout", "-q", "main"]);
    git(at, &["commit", "-q", "--allow-empty", "-m", "theirs"]);
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", at.display());
    git(clone.path(), &["clone", "-q", "--depth", "1", "--no-single-branch", "-b", "topic", &url, "."]);
    let shallow = error(clone.path(), &["--since", "origin/main"]);
    assert!(shallow.contains("as far as this shallow clone goes\nhelp: fetch more"), "{shallow}");
    let orphan = repository();
    git(orphan.path(), &["checkout", "-q", "--orphan", "orphan"]);
    git(orphan.path(), &["commit", "-qm", "alone"]);
    assert!(error(orphan.path(), &["--since", "main"]).contains("have no commit in common"));
}

#[test]
fn many_changed_files_are_read_from_git() {
    let folder = repository();
    let at = folder.path();
    let mut text = String::new();
    for file in 0..400 {
        write(at, &format!("many/{file}.yaml"), pod(&format!("p{file}")));
        let _ = writeln!(text, "{}---", pod(&format!("p{file}")));
    }
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "many"]);
    // All of them in one file: nothing has changed but one.
    fs::remove_dir_all(at.join("many")).unwrap();
    write(at, "all.yaml", text.replace("name: p7\n", "name: p7x\n"));
    let output = check(at, &["--since", "HEAD"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

const SCALED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: example.com/web:1}]}
";

const AUTOSCALER: &str = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
";
