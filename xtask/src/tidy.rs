//! What the repository must hold to, as tests.

use std::collections::BTreeMap;
use std::process::Command;

use crate::{generated, root};

/// The only arrows between the product's crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("hardline", &["hardline-cluster", "hardline-core", "hardline-manifest", "hardline-server"]),
    ("hardline-server", &["hardline-cluster", "hardline-core", "hardline-manifest"]),
    ("hardline-cluster", &["hardline-core", "hardline-manifest"]),
    ("hardline-manifest", &["hardline-core"]),
    ("hardline-core", &[]),
    ("hardline-controlplane", &[]),
    ("hardline-e2e", &[]),
];

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let packages = metadata["packages"].as_array().expect("there are packages");
    let mut seen = 0;
    for package in packages.iter().filter(|package| package["name"] != "xtask") {
        let name = package["name"].as_str().expect("packages have names");
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the map of crates"));
        seen += 1;
        let dependencies = package["dependencies"].as_array().expect("there are dependencies");
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let dependency = dependency["name"].as_str().expect("dependencies have names");
            assert!(
                !dependency.starts_with("hardline") || allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
    assert_eq!(seen, ARROWS.len(), "a crate of the map does not exist");
}

#[test]
fn generated_files_are_up_to_date() {
    let stale: Vec<_> = generated::stale().expect("generated files can be compared").into_keys().collect();
    assert!(stale.is_empty(), "run `cargo xtask gen`: {stale:?}");
}
