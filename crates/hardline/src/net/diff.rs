//! `hardline net diff`: which connections appear, go away or change between two sets of manifests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use hardline_core::network::Ports;
use serde::Serialize;

use super::list::Line;
use super::output::json;
use super::source::Reading;
use crate::terminal;

/// Show which connections two sets of manifests do not share
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline net diff before/ after/

Exit codes: 0 nobody can reach more than before, 1 somebody can, 2 could not tell")]
pub(crate) struct Args {
    /// The manifests as they were
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// The manifests as they are to be
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    #[command(flatten)]
    reading: Reading,

    /// How to print the differences
    #[arg(short = 'o', long, default_value = "txt")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line for each difference: `+` added, `-` removed, `~` changed
    Txt,
    /// For programs: `hardline.net-diff/v1`
    Json,
}

/// The differences as JSON.
#[derive(Serialize)]
struct Differences {
    schema: &'static str,
    differences: Vec<Difference>,
}

/// A connection that is not the same before and after.
#[derive(Debug, Serialize)]
struct Difference {
    src: String,
    dst: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (before, after) = (reach(args, &args.before)?, reach(args, &args.after)?);
    let mut differences = Vec::new();
    let mut more = false;
    for (ends, ports) in &after {
        let old = before.get(ends);
        if old != Some(ports) {
            more |= old.is_none_or(|old| !old.covers(ports));
            differences.push(difference(ends, old, Some(ports)));
        }
    }
    let gone = before.iter().filter(|(ends, _)| !after.contains_key(ends));
    differences.extend(gone.map(|(ends, ports)| difference(ends, Some(ports), None)));
    differences.sort_by(|a, b| (&a.src, &a.dst).cmp(&(&b.src, &b.dst)));
    terminal::print(|out| match args.format {
        Format::Txt => differences.iter().try_for_each(|difference| {
            let Difference { src, dst, before, after } = difference;
            match (before, after) {
                (Some(before), Some(after)) => writeln!(out, "~ {src} => {dst} : {before} -> {after}"),
                (None, Some(after)) => writeln!(out, "+ {src} => {dst} : {after}"),
                (before, _) => writeln!(out, "- {src} => {dst} : {}", before.as_deref().unwrap_or_default()),
            }
        }),
        Format::Json => {
            let document = Differences { schema: "hardline.net-diff/v1", differences };
            json(&document, out)
        }
    })?;
    Ok(ExitCode::from(u8::from(more)))
}

/// Who can reach whom in a set of manifests, by name.
fn reach(args: &Args, path: &PathBuf) -> anyhow::Result<BTreeMap<(String, String), Ports>> {
    let read = args.reading.read(std::slice::from_ref(path))?;
    let matrix = read.network.matrix();
    let connections = read.network.connections(&matrix).into_iter();
    Ok(connections
        .map(|connection| {
            let Line { src, dst, .. } = Line::from(&connection);
            ((src, dst), (*connection.ports).clone())
        })
        .collect())
}

fn difference(ends: &(String, String), before: Option<&Ports>, after: Option<&Ports>) -> Difference {
    let text = |ports: Option<&Ports>| ports.map(Ports::to_string);
    Difference { src: ends.0.clone(), dst: ends.1.clone(), before: text(before), after: text(after) }
}
