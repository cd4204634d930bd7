//! `hardline net`: who can reach whom, and why.

use std::process::ExitCode;

use clap::Subcommand;

mod blast;
mod diff;
mod exposure;
mod generate;
mod graph;
mod list;
mod migrate;
mod observed;
mod output;
mod source;
mod svg;
mod table;
mod verify;
mod why;

/// Say who can reach whom, why, and what would change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sources:
  PATH                   files, a folder, a glob, a chart or a kustomization; `-` for standard input
  git:REPO@REV:PATH      the same in a revision of a repository
  dump:PATH              what was saved of a cluster, as for `hardline audit --dump`
  cluster[:CONTEXT]      a live cluster; `-n` reads one namespace of it

Examples:
  hardline net list deploy/
  hardline net why shop/checkout shop/orders-db 5432 --from deploy/
  hardline net diff git:.@main:deploy deploy/
  hardline net exposure deploy/
  hardline net blast shop/checkout --from deploy/
  hardline net generate deploy/ > policies.yaml
  hardline net graph deploy/ > network.html
  hardline net verify --intent intent.txt deploy/

Assumed where network plugins differ: pods on their node's network are not held by policies;
an `ipBlock` matches pods by their own addresses; a node always reaches its own pods.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Why(why::Args),
    Diff(diff::Args),
    Exposure(exposure::Args),
    Blast(blast::Args),
    Observed(observed::Args),
    Generate(generate::Args),
    Graph(graph::Args),
    Verify(verify::Args),
    MigrateAnp(migrate::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Why(args) => why::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Exposure(args) => exposure::run(args),
        Command::Blast(args) => blast::run(args),
        Command::Observed(args) => observed::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Verify(args) => verify::run(args),
        Command::MigrateAnp(args) => migrate::run(args),
    }
}
