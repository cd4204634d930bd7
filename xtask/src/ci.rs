//! What must pass before a change lands, in the order that fails soonest.

use std::process::Command;

use anyhow::{Context, bail};

use crate::{generated, root, tools};

/// Runs everything, and stops at the first failure.
pub(crate) fn run() -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    optional("deny", &["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])?;
    generated::write(true)?;
    tools::build()?;
    tools::build_control_plane(Some("1.34"))?;
    cargo(&["test", "--workspace", "--locked"])
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    println!("$ cargo {}", args.join(" "));
    let status = Command::new("cargo").args(args).current_dir(root()).status().context("running cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    Ok(())
}

/// Runs a cargo subcommand that may not be installed, and says so if it is not.
fn optional(name: &str, args: &[&str]) -> anyhow::Result<()> {
    let installed =
        Command::new("cargo").args([name, "--version"]).output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: cargo {name} is not installed (`cargo install --locked cargo-{name}`)");
        return Ok(());
    }
    cargo(args)
}
