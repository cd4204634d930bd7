//! The command line of hardline: reads arguments, calls the libraries, prints, sets the exit code.

use std::process::ExitCode;

mod audit;
mod baseline;
mod check;
mod cli;
mod clock;
mod cluster;
mod completions;
mod config;
mod configuration;
mod diff;
mod drift;
mod explain;
mod fix;
mod gate;
mod install;
mod judging;
mod man;
mod markdown;
mod net;
mod pin;
mod progress;
mod registry;
mod reporter;
mod rule_argument;
mod serve;
mod since;
mod source;
mod sources;
mod terminal;
mod watch;

/// Exit code for "could not judge": wrong usage, unreadable input, no cluster.
const UNABLE: u8 = 2;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            terminal::error(&format!("{error:#}"));
            ExitCode::from(UNABLE)
        }
    }
}
