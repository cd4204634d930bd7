//! Where the programs that tests run are. `cargo xtask` builds them, which takes minutes once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Finds a program of a control plane: of the newest Kubernetes, or of another version such as `1.34`.
///
/// The newest may be a user's own, in the folder that `KUBEBUILDER_ASSETS` names, as for tests of
/// controllers written in Go.
///
/// # Errors
/// When it is not there and cannot be built.
pub fn program(name: &str, version: Option<&str>) -> anyhow::Result<PathBuf> {
    match (version, env::var_os("KUBEBUILDER_ASSETS")) {
        (None, Some(folder)) => {
            let program = Path::new(&folder).join(name);
            ensure!(program.exists(), "`KUBEBUILDER_ASSETS` is {}, which has no {name}", folder.display());
            Ok(program)
        }
        (None, None) => built(&format!("controlplane/{name}"), &["controlplane", "--build-only"]),
        (Some(version), _) => {
            let build = ["controlplane", "--build-only", "--kubernetes", version];
            built(&format!("controlplane/{version}/{name}"), &build)
        }
    }
}

/// Finds Helm, Kustomize, or another of the programs that `cargo xtask tools` builds.
///
/// # Errors
/// When it is not there and cannot be built.
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    built(&format!("tools/{name}"), &["tools"])
}

/// Cargo in the root of the repository, as if started outside of a test: of what Cargo tells a test
/// about its package, build scripts of others would conclude that they have to run again.
pub fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// A program below `target/`, which a command of `cargo xtask` builds if it is not there.
fn built(program: &str, xtask: &[&str]) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let program = root.join("target").join(program);
    if !program.exists() {
        let build = cargo().arg("xtask").args(xtask).status();
        let command = format!("`cargo xtask {}`", xtask.join(" "));
        ensure!(build.context("running cargo")?.success(), "{command} failed");
        ensure!(program.exists(), "{command} does not build {}", program.display());
    }
    Ok(program)
}
