//! `hardline man`: the manual page, or the pages of all commands.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::{cli, terminal};

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline man | man -l -
  hardline man --out /usr/local/share/man/man1")]
pub(crate) struct Args {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let command = cli::command(None);
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .with_context(|| format!("cannot write manual pages into `{}`", folder.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        terminal::print(|out| out.write_all(&page))?;
    }
    Ok(ExitCode::SUCCESS)
}
