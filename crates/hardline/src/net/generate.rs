//! `hardline net generate`: the policies that should be there.

use std::process::ExitCode;

use anyhow::bail;
use hardline_core::network::{Need, generate, needs};

use super::source::Input;
use crate::terminal;

/// Write policies that deny by default and allow what the manifests show to be needed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is needed is read from the manifests: Services named in environments, arguments and
ConfigMaps; Services of type LoadBalancer and NodePort; backends of Ingresses. What programs are
told elsewhere is not seen: read the policies before you apply them.

Examples:
  hardline net generate deploy/ > policies.yaml")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.input.read()?;
    let needs: Vec<Need<'_>> = needs(&read.inventory, &read.network);
    let policies = generate(&read.inventory, &read.network, &needs);
    if policies.is_empty() {
        bail!("no workload in these files: there is nothing to write policies for");
    }
    terminal::print(|out| write!(out, "{}", policies.join("---\n")))?;
    Ok(ExitCode::SUCCESS)
}
