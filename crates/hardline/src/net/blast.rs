//! `hardline net blast`: what whoever is in a workload can reach, hop by hop.

use std::io::{self, Write};
use std::process::ExitCode;

use hardline_core::network::{Blast, Control, Controller, Reached};
use serde::Serialize;

use super::output::Output;
use super::source::Reading;
use crate::source::Source;
use crate::terminal::{BOLD, visible};

/// Show everything that can be reached from a workload, hop by hop
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every workload that is reached may be taken over in turn. Marked are workloads that keep data, whose
service account reads Secrets, and the API server; and whether the cloud's metadata service
(169.254.169.254), the API server or a kubelet is reached.

Examples:
  hardline net blast shop/checkout --from deploy/
  hardline net blast shop/checkout --from deploy/ -o json | jq '.reached | length'")]
pub(crate) struct Args {
    /// The workload that is taken over, such as `shop/checkout`
    #[arg(value_name = "WORKLOAD")]
    workload: String,

    /// Manifests, charts, kustomizations, `-` for standard input, `git:REPO@REV:PATH`, `dump:PATH`, or
    /// `cluster[:CONTEXT]`
    #[arg(long, value_name = "SOURCE", default_value = ".")]
    from: Vec<Source>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    output: Output,
}

/// The answer as JSON.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    workload: String,
    workloads: usize,
    reached: Vec<Step>,
    control: Vec<Danger>,
}

/// A workload that is reached.
#[derive(Serialize)]
struct Step {
    workload: String,
    hop: u32,
    via: String,
    conn: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jewels: Vec<String>,
}

/// Something that gives control.
#[derive(Serialize)]
struct Danger {
    what: &'static str,
    hop: u32,
    via: String,
    conn: String,
    known: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.reading.read(&args.from)?;
    let from = read.endpoint(&args.workload)?;
    let blast = read.network.blast(&read.inventory, &read.network.matrix(), from);
    let document = document(from.to_string(), &blast);
    args.output.print(&document, txt)?;
    Ok(ExitCode::SUCCESS)
}

fn document(workload: String, blast: &Blast<'_>) -> Document {
    let step = |reached: &Reached<'_>| Step {
        workload: reached.endpoint.to_string(),
        hop: reached.hop,
        via: reached.via.to_string(),
        conn: reached.ports.to_string(),
        jewels: reached.jewels.iter().map(ToString::to_string).collect(),
    };
    let danger = |control: &Control<'_>| Danger {
        what: control.what.name(),
        hop: control.hop,
        via: control.via.to_string(),
        conn: control.ports.to_string(),
        known: control.known,
    };
    Document {
        schema: "hardline.net-blast/v1",
        workload,
        workloads: blast.workloads,
        reached: blast.reached.iter().map(step).collect(),
        control: blast.control.iter().map(danger).collect(),
    }
}

fn txt(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let from = visible(&document.workload);
    writeln!(out, "{BOLD}{from}{BOLD:#} reaches {} of {} other workloads", document.reached.len(), document.workloads)?;
    for (at, step) in document.reached.iter().enumerate() {
        if at == 0 || document.reached[at - 1].hop != step.hop {
            writeln!(out, "hop {}", step.hop)?;
        }
        let via = if step.hop > 1 { format!(" from {}", visible(&step.via)) } else { String::new() };
        let jewels = if step.jewels.is_empty() { String::new() } else { format!(": {}", step.jewels.join(", ")) };
        writeln!(out, "  {}{via} on {}{}", visible(&step.workload), step.conn, visible(&jewels))?;
    }
    for danger in &document.control {
        let what = match (danger.what, danger.known) {
            (what, _) if what == Controller::Metadata.name() => format!("{what} 169.254.169.254"),
            (what, true) => what.to_owned(),
            (what, false) => format!("an address that may be the {what}'s"),
        };
        writeln!(out, "{BOLD}{what}{BOLD:#} on {} from {}, hop {}", danger.conn, visible(&danger.via), danger.hop)?;
    }
    Ok(())
}
