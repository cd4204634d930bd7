//! `hardline net diff`: which connections appear, go away or change between manifests, revisions and
//! clusters.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use hardline_core::network::Ports;
use serde::Serialize;

use super::list::{Line, Words};
use super::output::Output;
use super::source::{Read, Reading};
use crate::source::Source;

/// Show which connections manifests, revisions of them or clusters do not share
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Manifests that are held against a cluster or a dump are laid over it, as if they were applied: what
they do not name stays as it is there.

Examples:
  hardline net diff before/ after/
  hardline net diff git:.@origin/main:deploy deploy/
  hardline net diff cluster deploy/
  hardline net diff deploy/ dump:production.yaml
  hardline net diff cluster:staging cluster:production

Exit codes: 0 nobody can reach more than before, 1 somebody can, 2 could not tell")]
pub(crate) struct Args {
    /// What was: manifests, `git:REPO@REV:PATH`, `dump:PATH` or `cluster[:CONTEXT]`
    #[arg(value_name = "BEFORE")]
    before: Source,

    /// What is to be
    #[arg(value_name = "AFTER")]
    after: Source,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    output: Output,
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
    let [before, after] = [&args.before, &args.after].map(std::slice::from_ref);
    let (before, after) = args.reading.pair(before, after)?;
    let (before, after) = (reach(&before), reach(&after));
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
    args.output.print(&Differences { schema: "hardline.net-diff/v1", differences }, txt)?;
    Ok(ExitCode::from(u8::from(more)))
}

/// A line for each difference: `+` added, `-` removed, `~` changed.
fn txt(document: &Differences, out: &mut dyn Write) -> io::Result<()> {
    document.differences.iter().try_for_each(|difference| {
        let Difference { src, dst, before, after } = difference;
        match (before, after) {
            (Some(before), Some(after)) => writeln!(out, "~ {src} => {dst} : {before} -> {after}"),
            (None, Some(after)) => writeln!(out, "+ {src} => {dst} : {after}"),
            (before, _) => writeln!(out, "- {src} => {dst} : {}", before.as_deref().unwrap_or_default()),
        }
    })
}

/// Who can reach whom, by name.
fn reach(read: &Read) -> BTreeMap<(String, String), Ports> {
    let matrix = read.network.matrix();
    let connections = read.network.connections(&matrix);
    let words = Words::of(&connections);
    let named = connections.iter().map(|connection| {
        let Line { src, dst, .. } = words.line(connection);
        ((src.into_owned(), dst.into_owned()), (*connection.ports).clone())
    });
    named.collect()
}

fn difference(ends: &(String, String), before: Option<&Ports>, after: Option<&Ports>) -> Difference {
    let text = |ports: Option<&Ports>| ports.map(Ports::to_string);
    Difference { src: ends.0.clone(), dst: ends.1.clone(), before: text(before), after: text(after) }
}
