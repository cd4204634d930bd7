//! The reader against Kubernetes' own, on thousands of real documents.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::{by_value, documents, shared, yaml_files};

/// A line that the oracle prints.
#[derive(Debug, serde::Deserialize)]
struct Judged {
    file: PathBuf,
    #[serde(default)]
    json: Option<Json>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    strict: Option<String>,
}

/// Files that Kubernetes reads in another way than this reader does on purpose, and why.
const ARGUED: &[(&str, &str)] = &[];

#[test]
fn documents_are_what_kubernetes_reads() {
    let folders = ["corpus", "fixtures/broken", "fixtures/psa", "fixtures/kube-linter", "fixtures/polaris"];
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| yaml_files(&shared(folder))).collect();
    let mut judged: BTreeMap<PathBuf, Vec<Judged>> = BTreeMap::new();
    for document in ask_oracle(&files) {
        judged.entry(document.file.clone()).or_default().push(document);
    }

    let (mut same, mut total, mut refused, mut wrong) = (0, 0, 0, Vec::new());
    for file in &files {
        // The oracle takes bytes that are no UTF-8 for a syntax error; so does the reader of files.
        let Ok(text) = String::from_utf8(std::fs::read(file).unwrap()) else { continue };
        let documents = documents(text);
        let mut ours: Vec<(u32, Option<Json>)> =
            documents.problems.iter().map(|problem| (problem.span.start, None)).collect();
        ours.extend(documents.tree.roots().map(|root| (root.span().start, Some(by_value(&root.to_json())))));
        ours.sort_by_key(|&(start, _)| start);
        let theirs = judged.remove(file).unwrap_or_default();
        let strict = theirs.iter().find_map(|judged| judged.strict.as_deref());
        let theirs: Vec<&Judged> =
            theirs.iter().filter(|judged| judged.json.is_some() || judged.error.is_some()).collect();
        total += theirs.len().max(ours.len());
        refused += theirs.iter().filter(|judged| judged.error.is_some()).count();
        if ARGUED.iter().any(|(argued, _)| file.ends_with(argued)) {
            continue;
        }
        for at in 0..theirs.len().max(ours.len()) {
            let their = theirs.get(at).map(|judged| judged.json.as_ref().map(by_value));
            let our = ours.get(at).map(|(_, json)| json.clone());
            if their == our {
                same += 1;
            } else {
                let error = theirs.get(at).and_then(|judged| judged.error.as_deref());
                let problem = documents.problems.first().map(|problem| problem.message.as_str());
                wrong.push(format!("{}#{at}: Kubernetes: {error:?}, here: {problem:?}", file.display()));
            }
        }
        if strict.is_some() == documents.duplicates.is_empty() {
            let ours = &documents.duplicates;
            wrong.push(format!("{}: Kubernetes: {strict:?}, here: {ours:?}", file.display()));
        }
    }
    println!("oracle: {same} of {total} documents in {} files as Kubernetes reads them", files.len());
    println!("oracle: {refused} of them refused by both, {} argued", ARGUED.len());
    assert!(total > 2_000, "the folders hold {total} documents");
    assert!(wrong.is_empty(), "{} documents differ\n{}", wrong.len(), wrong.join("\n"));
}

/// Builds `tools/yaml-oracle` and has it read the files.
fn ask_oracle(files: &[PathBuf]) -> Vec<Judged> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let oracle = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yaml-oracle");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&oracle)
        .arg(".")
        .current_dir(repository.join("tools/yaml-oracle"))
        .status()
        .expect("this test compares with Kubernetes' own reader: install Go 1.26 or newer (https://go.dev/dl)");
    assert!(built.success(), "tools/yaml-oracle does not build: go needs GOPROXY or a filled module cache");

    let mut child = Command::new(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut names = child.stdin.take().unwrap();
    let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let writer = std::thread::spawn(move || names.write_all(list.join("\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the oracle failed");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
