//! Project chores: generated files, the corpus for benchmarks, what CI runs.

mod bench;
mod chart;
mod ci;
mod conformance;
mod corpus;
mod demo;
mod docs;
mod fleet;
mod generated;
mod mesh;
mod migration;
mod schema;
#[cfg(test)]
mod tidy;
mod tools;

use std::path::{Path, PathBuf};

use clap::Parser;

/// Project chores.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Writes the generated files: rule pages and their index, the Helm chart.
    Gen {
        /// Only say whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Writes the table of what the API of Kubernetes accepts, from its published releases.
    Schema {
        /// Only say whether it is up to date.
        #[arg(long)]
        check: bool,
    },
    /// Writes a large corpus, by repeating that of ../shared/corpus under other names.
    Corpus {
        /// How many workloads it holds, at least.
        #[arg(long, default_value_t = 10_000)]
        workloads: usize,
        /// The folder to write.
        #[arg(long)]
        out: PathBuf,
        /// The manifests to repeat.
        #[arg(long, default_value = "../shared/corpus")]
        from: PathBuf,
    },
    /// Writes a large cluster for `hardline net`: 10,000 pods in 2,000 label classes under 1,000 policies.
    Mesh {
        /// The folder to write.
        #[arg(long)]
        out: PathBuf,
        /// Write the pods without the Deployments that make them.
        #[arg(long)]
        alone: bool,
    },
    /// Builds what tests run or compare with: Helm, Kustomize, Kubernetes' YAML reader.
    Tools,
    /// Runs a Kubernetes control plane with three nodes until ctrl-c, and says how to reach it.
    Controlplane {
        /// Only build its programs, into `target/controlplane`.
        #[arg(long)]
        build_only: bool,
        /// Another version than the newest, for the API server: 1.34.
        #[arg(long, value_name = "VERSION")]
        kubernetes: Option<String>,
        /// Put a sample fleet on it, and serve the dashboard over it.
        #[arg(long, conflicts_with = "build_only")]
        demo: bool,
    },
    /// Measures whole runs on a large corpus, beside other linters where they are installed.
    Bench {
        /// How many workloads it holds, at least.
        #[arg(long, default_value_t = 10_000)]
        workloads: usize,
        /// The manifests to repeat.
        #[arg(long, default_value = "../shared/corpus")]
        from: PathBuf,
    },
    /// Makes many pods on a real control plane, and measures what it costs to watch and judge them.
    Fleet {
        /// How many pods, at least.
        #[arg(long, default_value_t = 20_000)]
        pods: usize,
        /// The hardline to measure; one is built otherwise.
        #[arg(long)]
        program: Option<PathBuf>,
    },
    /// Prints how far the rules agree with the cases of other linters, and the schema rules with a real
    /// API server.
    Conformance,
    /// Runs all that must pass before a change lands.
    Ci,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Gen { check } => generated::write(check),
        Command::Schema { check } => schema::write(check),
        Command::Corpus { workloads, out, from } => corpus::write(workloads, &out, &from),
        Command::Mesh { out, alone } => mesh::write(&out, alone),
        Command::Tools => tools::build(),
        Command::Controlplane { build_only, kubernetes, demo } => {
            if build_only || kubernetes.is_some() || std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
                tools::build_control_plane(kubernetes.as_deref())?;
            }
            if build_only { Ok(()) } else { tools::run_control_plane(kubernetes.as_deref(), demo) }
        }
        Command::Bench { workloads, from } => bench::run(workloads, &from),
        Command::Fleet { pods, program } => fleet::run(pods, program.as_deref()),
        Command::Conformance => conformance::print(),
        Command::Ci => ci::run(),
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}
