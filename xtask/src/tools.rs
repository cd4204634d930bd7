//! The programs that tests run or compare with, in the versions that Go modules in `tools/` pin.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::root;

/// The modules below `tools/`, and the commands to build of each, named as Go names packages.
const MODULES: [(&str, &[&str]); 2] =
    [("render", &["helm.sh/helm/v4/cmd/helm", "sigs.k8s.io/kustomize/kustomize/v5"]), ("yaml-oracle", &["."])];

/// Builds them into `target/tools/`. Takes minutes the first time and seconds when nothing has
/// changed.
pub(crate) fn build() -> anyhow::Result<()> {
    for (module, packages) in MODULES {
        let status = Command::new("go")
            .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
            .arg(root().join("target/tools/"))
            .args(packages)
            .env("CGO_ENABLED", "0")
            .current_dir(root().join("tools").join(module))
            .status()
            .context("tests run programs that Go builds: install it, https://go.dev/doc/install")?;
        ensure!(status.success(), "`go build` in tools/{module} failed");
    }
    Ok(())
}
