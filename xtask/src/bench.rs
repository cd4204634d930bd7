//! Whole runs on a large corpus, beside other linters where they are installed.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::{corpus, root};

/// What is measured: a name, the program, and its arguments before the folder.
const RUNS: &[(&str, &str, &[&str])] = &[
    ("hardline, one rule (reading alone)", "", &["check", "-q", "-o", "concise", "--select", "container-privileged"]),
    ("hardline, all rules", "", &["check", "-q", "-o", "concise", "--profile", "critical"]),
    ("kube-linter", "kube-linter", &["lint"]),
    ("kubeconform, schema only", "kubeconform", &["-strict", "-summary", "-ignore-missing-schemas"]),
    ("polaris", "polaris", &["audit", "--format", "score", "--audit-path"]),
];

/// Measures every program that is installed, on this many workloads.
pub(crate) fn run(workloads: usize, from: &Path) -> anyhow::Result<()> {
    let folder = root().join(format!("target/corpus-{workloads}"));
    if !folder.is_dir() {
        corpus::write(workloads, &folder, from)?;
    }
    let built = Command::new("cargo").args(["build", "--release"]).current_dir(root()).status()?;
    ensure!(built.success(), "hardline does not build");
    let hardline = root().join("target/release/hardline");
    println!("{:40} {:>8} {:>8} {:>8}", "", "CPU", "elapsed", "memory");
    for &(name, program, arguments) in RUNS {
        let program = if program.is_empty() { hardline.as_path() } else { Path::new(program) };
        match measure(program, arguments, &folder)? {
            Some([user, system, elapsed, kib]) => {
                println!("{name:40} {:>6.2} s {elapsed:>6.2} s {:>4.0} MB", user + system, kib / 1024.0);
            }
            None => println!("{name:40} not installed"),
        }
    }
    Ok(())
}

/// User, system and elapsed seconds, and KiB at the peak: the best of three runs by CPU.
fn measure(program: &Path, arguments: &[&str], folder: &Path) -> anyhow::Result<Option<[f64; 4]>> {
    let mut best: Option<[f64; 4]> = None;
    for _ in 0..3 {
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "measured %U %S %e %M"]).arg(program).args(arguments).arg(folder);
        let output = command.stdout(Stdio::null()).output().context("GNU time measures, and is not installed")?;
        if output.status.code() == Some(127) {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().rev().find_map(|line| line.strip_prefix("measured "));
        let figures: Vec<f64> = line.unwrap_or_default().split(' ').filter_map(|figure| figure.parse().ok()).collect();
        let Ok(figures) = <[f64; 4]>::try_from(figures) else {
            bail!("{} was not measured: {text}", program.display())
        };
        if best.is_none_or(|best| figures[0] + figures[1] < best[0] + best[1]) {
            best = Some(figures);
        }
    }
    Ok(best)
}
