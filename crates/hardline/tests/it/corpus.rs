//! Real projects' manifests, judged whole.

#![allow(clippy::unwrap_used, reason = "a report of another form fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use snapbox::{assert_data_eq, file};

use crate::hardline;

fn report(folder: &str) -> serde_json::Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    assert!(folder.is_dir(), "{} holds the manifests that this test judges", folder.display());
    let output = hardline(&["check", "--no-config", "--format", "json"]).arg(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn findings(report: &serde_json::Value) -> impl Iterator<Item = (&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|it| (it["rule"].as_str().unwrap(), it["location"]["file"].as_str().unwrap()))
}

#[test]
fn the_corpus_is_judged_whole() {
    let report = report("corpus");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (rule, _) in findings(&report) {
        *counts.entry(rule).or_default() += 1;
    }
    assert_eq!(counts.get("manifest-malformed"), None, "what these projects ship can be read");
    let mut text = String::new();
    for (rule, count) in counts {
        writeln!(text, "{count:5} {rule}").unwrap();
    }
    for key in ["files", "documents", "resources", "workloads"] {
        writeln!(text, "{:5} {key}", report["summary"][key]).unwrap();
    }
    assert_data_eq!(text, file!["snapshots/corpus.txt"]);
}

#[test]
fn broken_files_each_have_a_finding() {
    let report = report("fixtures/broken");
    let found: BTreeSet<_> = findings(&report).map(|(_, file)| file).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/broken");
    let mut files = 0;
    for entry in ignore::Walk::new(&folder).map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        files += 1;
        let name = entry.path().file_name().unwrap().to_str().unwrap();
        assert!(found.iter().any(|file| file.ends_with(name)), "{name} passes in silence");
    }
    assert!(files >= 12, "{files} files");
}
