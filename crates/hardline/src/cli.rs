//! The commands and the arguments that all of them share.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::{audit, check, completions, config, drift, explain, install, man, net, pin, serve};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The Kubernetes production checklist, enforced from laptop to incident.
#[derive(Debug, Parser)]
#[command(name = "hardline", version, styles = STYLES, max_term_width = 100, propagate_version = true)]
#[command(after_help = "\
Examples:
  hardline check                      judge all manifests below this folder
  hardline check deploy/ --profile critical
  kustomize build . | hardline check -
  hardline explain                    list all rules
  hardline explain container-privileged

Exit codes: 0 nothing that fails, 1 findings, 2 could not judge")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(Box<audit::Args>),
    Check(Box<check::Args>),
    Config(config::Args),
    Drift(Box<drift::Args>),
    Explain(explain::Args),
    Install(Box<install::Args>),
    Net(Box<net::Args>),
    Pin(Box<pin::Args>),
    Serve(Box<serve::Args>),
    Completions(completions::Args),
    Man(man::Args),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Runs the command that the arguments of this process name.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::from_arg_matches(&command(std::env::args_os().next()).get_matches())?;
    match cli.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    match cli.command {
        Command::Audit(args) => audit::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Drift(args) => drift::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Install(args) => install::run(&args),
        Command::Net(args) => net::run(&args),
        Command::Pin(args) => pin::run(&args),
        Command::Serve(args) => serve::run(*args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// The command as its user calls it: `kubectl hardline` when it runs as a plugin of kubectl.
///
/// <https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>
pub(crate) fn command(program: Option<OsString>) -> clap::Command {
    let is_plugin =
        program.as_deref().and_then(|program| Path::new(program).file_stem()) == Some("kubectl-hardline".as_ref());
    let command = Cli::command();
    if is_plugin { command.bin_name("kubectl hardline") } else { command }
}
