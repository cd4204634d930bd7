//! Where the programs of a control plane are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Finds a program of the newest Kubernetes, or of another version such as `1.34`.
///
/// The newest may be a user's own, in the folder that `KUBEBUILDER_ASSETS` names, as for tests of
/// controllers written in Go. Otherwise `cargo xtask controlplane --build-only` builds it, which
/// takes minutes once.
///
/// # Errors
/// When it is not there and cannot be built.
pub fn program(name: &str, version: Option<&str>) -> anyhow::Result<PathBuf> {
    if let (None, Some(folder)) = (version, env::var_os("KUBEBUILDER_ASSETS")) {
        let program = Path::new(&folder).join(name);
        ensure!(program.exists(), "`KUBEBUILDER_ASSETS` is {}, which has no {name}", folder.display());
        return Ok(program);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let program = root.join("target/controlplane").join(version.unwrap_or_default()).join(name);
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["xtask", "controlplane", "--build-only"]).current_dir(&root);
        if let Some(version) = version {
            build.args(["--kubernetes", version]);
        }
        let status = build.status().context("running cargo")?;
        ensure!(status.success(), "`cargo xtask controlplane --build-only` failed");
        ensure!(program.exists(), "{} is not among what `cargo xtask controlplane` builds", program.display());
    }
    Ok(program)
}
