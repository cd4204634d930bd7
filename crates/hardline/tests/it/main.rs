//! Tests of the command line: what a user types, sees and gets as exit code.

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes snapshots with them")]

mod audit;
mod baseline;
mod check;
mod commands;
mod configuration;
mod corpus;
mod drift;
mod examples;
mod fix;
mod formats;
mod net;
mod pin;
mod renderers;
mod sarif;
mod since;

use std::path::Path;

use snapbox::cmd::{Command, cargo_bin};

/// The binary, run among the manifests of `tests/manifests`.
fn hardline(arguments: &[&str]) -> Command {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    Command::new(cargo_bin!("hardline")).args(arguments).current_dir(manifests)
}

/// `hardline check` under rules that these tests know, so that new rules change no snapshot.
fn check(arguments: &[&str]) -> Command {
    let rules = "container-privileged,manifest-malformed,exemption-invalid,exemption-unused";
    hardline(&["check", "--select", rules]).args(arguments)
}
