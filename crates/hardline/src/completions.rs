//! `hardline completions`: scripts with which shells complete commands, options and rules.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::{cli, terminal};

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline completions bash > /etc/bash_completion.d/hardline
  hardline completions zsh > \"${fpath[1]}/_hardline\"
  hardline completions fish > ~/.config/fish/completions/hardline.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(None), "hardline", &mut script);
    terminal::print(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}
