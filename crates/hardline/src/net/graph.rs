//! `hardline net graph`: who can reach whom, as a picture to walk through.

use std::process::ExitCode;

use hardline_server::picture::Picture;

use super::source::Input;
use crate::source::Source;
use crate::terminal;

/// Draw who can reach whom, as an HTML page to walk through
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A click on a workload shows all that can be reached from it, hop by hop. Dashed lines are
connections that the manifests show to be needed and policies deny.

Examples:
  hardline net graph deploy/ > network.html
  hardline net graph --before git:.@main:deploy deploy/ > difference.html
  hardline net graph --before cluster deploy/ > change.html")]
pub(crate) struct Args {
    /// What was before, as for `hardline net diff`: shows what was added, removed and changed since
    #[arg(long, value_name = "SOURCE")]
    before: Option<Source>,

    #[command(flatten)]
    input: Input,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (before, now) = match &args.before {
        Some(before) => {
            let (before, now) = args.input.since(before)?;
            (Some(before), now)
        }
        None => (None, args.input.read()?),
    };
    let before = before.as_ref().map(|before| &before.network);
    let page = Picture::of(&now.inventory, &now.network, before, |_| None).page()?;
    terminal::print(|out| out.write_all(page.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
