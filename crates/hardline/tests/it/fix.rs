//! `hardline check --fix`, `--diff` and `--unsafe-fixes`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snapbox::str;
use tempfile::TempDir;

use crate::hardline;

/// A copy of a folder's manifests, which may be changed.
fn copy(folder: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let to = tempfile::tempdir().expect("a folder for the copy");
    for path in files(&from) {
        let copy = to.path().join(path.strip_prefix(&from).expect("the walk stays below its root"));
        fs::create_dir_all(copy.parent().expect("a file is in a folder")).expect("a folder for the file");
        fs::write(copy, fs::read(path).expect("the file is there")).expect("the copy can be written");
    }
    to
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    ignore::Walk::new(folder).filter_map(Result::ok).map(ignore::DirEntry::into_path).filter(|path| path.is_file())
}

fn run(folder: &TempDir, arguments: &[&str]) -> std::process::Output {
    let command = hardline(&["check"]).args(arguments).arg(".").current_dir(folder.path());
    command.output().expect("the binary runs")
}

fn texts(folder: &TempDir) -> BTreeMap<PathBuf, String> {
    files(folder.path()).filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?))).collect()
}

#[test]
fn what_only_a_human_can_know_is_left_of_the_night_at_3_am() {
    let folder = copy("examples/3am");
    let critical = ["--profile", "critical", "--fix", "--unsafe-fixes", "-o", "json"];
    let report: Value = serde_json::from_slice(&run(&folder, &critical).stdout).unwrap();
    let left = report["findings"].as_array().unwrap().iter().map(|finding| {
        format!("{} {}", finding["location"]["file"].as_str().unwrap(), finding["rule"].as_str().unwrap())
    });
    let mut left: Vec<String> = left.collect();
    left.sort();
    let expected = [
        "checkout.yaml image-digest-missing",
        "checkout.yaml image-tag-forbidden",
        "checkout.yaml network-admin-port-open",
        "checkout.yaml priority-class-missing",
        "checkout.yaml volume-multi-attach",
        "network.yaml network-allow-one-sided",
        "network.yaml network-policy-allows-everything",
        "orders-db.yaml priority-class-missing",
        "orders-db.yaml replicas-single",
    ];
    assert_eq!(left, expected);

    let before = texts(&folder);
    run(&folder, &critical);
    assert_eq!(texts(&folder), before, "a second run changes nothing");
    let diff = run(&folder, &["--profile", "critical", "--diff", "--unsafe-fixes"]);
    assert_eq!((diff.status.code(), diff.stdout.len()), (Some(0), 0));
}

#[test]
fn a_diff_changes_nothing_and_exits_with_1() {
    let folder = copy("examples/3am");
    let before = texts(&folder);
    let output = run(&folder, &["--diff"]);
    assert_eq!(output.status.code(), Some(1));
    let diff = String::from_utf8(output.stdout).unwrap();
    assert!(
        diff.contains("--- /dev/null\n+++ checkout-pdb.yaml\n@@ -0,0 +1,11 @@\n+apiVersion: policy/v1\n"),
        "{diff}"
    );
    let grace = "-      terminationGracePeriodSeconds: 30\n+      terminationGracePeriodSeconds: 60\n";
    assert!(diff.contains(grace), "{diff}");
    assert_eq!(texts(&folder), before);
}

#[test]
fn a_fixed_standard_input_goes_to_standard_output() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a # the only one\n      securityContext: {privileged: true}\n";
    let fix = ["check", "--select", "container-privileged", "--fix", "-q", "-"];
    hardline(&fix).arg("--unsafe-fixes").stdin(pod).assert().success().stdout_eq(str![[r#"
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
    - name: a # the only one
      securityContext: {}

"#]]);
    // Without leave for unsafe fixes the text comes out as it went in.
    hardline(&fix).stdin(pod).assert().code(1).stdout_eq(pod);
}

#[test]
fn what_cannot_be_edited_is_said_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a\n      securityContext: &shared {privileged: true}\n    - name: b\n      securityContext: *shared\n";
    fs::write(folder.path().join("pod.yaml"), pod).unwrap();
    let fix = ["--select", "container-privileged", "--fix", "--unsafe-fixes", "-q"];
    let output = run(&folder, &fix);
    let notices = String::from_utf8(output.stderr).unwrap();
    assert_eq!(notices.matches("cannot be edited in place").count(), 2, "{notices}");
    assert_eq!(fs::read_to_string(folder.path().join("pod.yaml")).unwrap(), pod);
}

#[test]
fn a_file_that_exists_is_not_overwritten_by_a_new_resource() {
    let folder = copy("examples/3am");
    fs::write(folder.path().join("checkout-pdb.yaml"), "# mine\n").unwrap();
    let output = run(&folder, &["--fix", "-q"]);
    let notices = String::from_utf8(output.stderr).unwrap();
    assert!(notices.contains("checkout-pdb.yaml exists already"), "{notices}");
    assert_eq!(fs::read_to_string(folder.path().join("checkout-pdb.yaml")).unwrap(), "# mine\n");
}

#[test]
fn unsafe_fixes_are_made_only_when_fixes_are_asked_for() {
    hardline(&["check", "--unsafe-fixes", "good.yaml"]).assert().code(2);
    hardline(&["check", "--fix", "--diff", "good.yaml"]).assert().code(2);
}

/// What a fix may uncover in a file that had no finding of the rule.
const UNCOVERED: [&str; 3] = [
    // Beside `privileged: true`, capabilities mean nothing.
    "container-capability-added",
    // A root filesystem that is read-only asks where the program writes its data.
    "container-writable-volume-missing",
    // A policy that denies by default closes what no policy opens yet.
    "network-service-unreachable",
];

/// Each project of the corpus, as it is checked out.
#[test]
fn fixes_of_the_corpus_end_and_bring_no_other_finding() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let (mut before, mut after, mut changed) = (0, 0, 0);
    for project in fs::read_dir(corpus).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        let folder = copy(&format!("../shared/corpus/{}", project.file_name().display()));
        // Charts are rendered and not edited; without Helm they are left out.
        let count = |arguments: &[&str]| -> BTreeMap<(String, String), usize> {
            let output = hardline(&["check", "-o", "json"]).args(arguments).arg(".").env("PATH", "/nowhere");
            let output = output.current_dir(folder.path()).output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
            let mut counts = BTreeMap::new();
            for finding in report["findings"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                *counts.entry((text(&finding["location"]["file"]), text(&finding["rule"]))).or_insert(0) += 1;
            }
            counts
        };
        let old = count(&[]);
        let texts_before = texts(&folder);
        let new = count(&["--fix", "--unsafe-fixes"]);
        let fixed = texts(&folder);
        changed += fixed.iter().filter(|(name, text)| texts_before.get(*name) != Some(text)).count();
        assert_eq!(count(&["--fix", "--unsafe-fixes"]), new, "{}: the same is left", project.path().display());
        assert_eq!(texts(&folder), fixed, "{}: a second run changes nothing", project.path().display());
        let brought: Vec<_> = new.keys().filter(|key| !old.contains_key(*key)).collect();
        assert!(brought.iter().all(|(_, rule)| UNCOVERED.contains(&rule.as_str())), "{brought:?}");
        println!(
            "{}: {} -> {}, new {brought:?}",
            project.file_name().display(),
            old.values().sum::<usize>(),
            new.values().sum::<usize>()
        );
        (before, after) = (before + old.values().sum::<usize>(), after + new.values().sum::<usize>());
    }
    println!("corpus: {before} findings before, {after} after, {changed} files changed");
    assert!(changed > 100, "{changed} files changed");
}
