//! `hardline net observed`: what traffic there was, held against what policies allow.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use hardline_core::flow::{Flows, Spot};
use hardline_core::network::{Observed, Seen, observed};
use serde::Serialize;

use super::output::Output;
use super::source::Input;
use crate::terminal::{self, BOLD, visible};

/// Mark each allowed connection as used or never used, and each denied one that was attempted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line of the flows says by itself what it is: `hubble observe -o json`, Calico's flow logs,
`conntrack -L`, `ss -tun`, VPC flow logs, or `src,dst,protocol,port,verdict,count` with names such as
shop/checkout or addresses. Lines that are none of these are counted and named.

`never used` speaks of the time of the flows only: a weekly job is not seen on a Tuesday.

Examples:
  hubble observe -o json --last 10000 > flows.json
  hardline net observed --flows flows.json deploy/
  hardline net observed --flows vpc.log --map addresses.txt deploy/

Exit codes: 0 policies and traffic agree, 1 traffic passed that policies deny, or was dropped that they
allow, 2 could not tell")]
pub(crate) struct Args {
    /// The observed flows; `-` for standard input
    #[arg(long, value_name = "FILE", required = true)]
    flows: Vec<PathBuf>,

    /// Who is behind addresses: lines such as `10.0.3.7 shop/checkout`
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,

    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    output: Output,
}

/// The answer as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: &'static str,
    connections: Vec<Line>,
    unknown: BTreeMap<String, u64>,
    broken_lines: usize,
    skipped_lines: usize,
}

/// Two ends, and what is to be said of the traffic between them.
#[derive(Serialize)]
struct Line {
    src: String,
    dst: String,
    conn: String,
    /// `used`, `never used`, `attempted`, `not enforced` or `dropped`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let flows = flows(&args.flows)?;
    let names = args.map.as_deref().map(names).transpose()?.unwrap_or_default();
    let read = args.input.read()?;
    let found = observed(&read.inventory, &read.network, &flows, &names);
    let connections = read.network.connections(&read.network.matrix());
    let mut lines = Vec::new();
    let states = [
        ("not enforced", &found.unenforced),
        ("dropped", &found.dropped),
        ("attempted", &found.attempted),
        ("used", &found.used),
    ];
    for (state, seen) in states {
        lines.extend(seen.iter().map(|((src, dst), seen)| line(src, dst, seen, state)));
    }
    lines.extend(found.never_used(&connections).into_iter().map(|connection| Line {
        src: connection.sender.to_string(),
        dst: connection.receiver.to_string(),
        conn: connection.ports.to_string(),
        state: "never used",
        count: None,
    }));
    let document = Document {
        schema: "hardline.net-observed/v1",
        connections: lines,
        unknown: found.unknown.iter().map(|(spot, &count)| (name(spot), count)).collect(),
        broken_lines: flows.broken.len(),
        skipped_lines: flows.skipped,
    };
    args.output.print(&document, txt)?;
    Ok(ExitCode::from(u8::from(disagrees(&found))))
}

fn disagrees(found: &Observed<'_>) -> bool {
    !found.unenforced.is_empty() || !found.dropped.is_empty()
}

/// Reads the flows, and names the first lines that cannot be read.
pub(super) fn flows(files: &[PathBuf]) -> anyhow::Result<Flows> {
    let mut all = Flows::default();
    for file in files {
        let text = text(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let read = Flows::read(&text);
        for (number, why) in read.broken.iter().take(5) {
            terminal::notice(&format!("{}:{number}: the line {why}", file.display()));
        }
        if let Some(more) = read.broken.len().checked_sub(5).filter(|&more| more > 0) {
            terminal::notice(&format!("{}: {more} more lines cannot be read", file.display()));
        }
        for (flow, count) in read.flows {
            *all.flows.entry(flow).or_default() += count;
        }
        all.broken.extend(read.broken);
        all.skipped += read.skipped;
    }
    Ok(all)
}

fn text(file: &Path) -> io::Result<String> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        bytes
    } else {
        fs::read(file)?
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn names(file: &Path) -> anyhow::Result<BTreeMap<IpAddr, Spot>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let mut names = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let wrong = || anyhow!("{}:{number}: write `ADDRESS NAMESPACE/NAME`", file.display());
        let (address, name) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (namespace, name) = name.trim().split_once('/').ok_or_else(wrong)?;
        let spot = Spot::Named { namespace: namespace.to_owned(), name: name.to_owned() };
        names.insert(address.parse().map_err(|_| wrong())?, spot);
    }
    Ok(names)
}

fn name(spot: &Spot) -> String {
    match spot {
        Spot::Named { namespace, name } => format!("{namespace}/{name}"),
        Spot::Address(address) => address.to_string(),
    }
}

fn line(src: &str, dst: &str, seen: &Seen<'_>, state: &'static str) -> Line {
    Line { src: src.to_owned(), dst: dst.to_owned(), conn: seen.ports.to_string(), state, count: Some(seen.count) }
}

fn txt(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut state = "";
    for line in &document.connections {
        if line.state != state {
            state = line.state;
            let meaning = match state {
                "not enforced" => "passed, though policies deny it",
                "dropped" => "dropped, though policies allow it",
                "attempted" => "attempted, and denied by policies",
                "used" => "used",
                _ => "allowed, never used",
            };
            writeln!(out, "{BOLD}{meaning}{BOLD:#}")?;
        }
        let count = line.count.map_or(String::new(), |count| format!(" ({count} times)"));
        writeln!(out, "  {} => {} : {}{count}", visible(&line.src), visible(&line.dst), line.conn)?;
    }
    if !document.unknown.is_empty() {
        let names: Vec<&str> = document.unknown.keys().take(5).map(String::as_str).collect();
        let (all, names) = (document.unknown.len(), names.join(", "));
        writeln!(out, "{all} ends are not in these manifests, such as {}", visible(&names))?;
    }
    if document.broken_lines > 0 {
        writeln!(out, "{} lines cannot be read", document.broken_lines)?;
    }
    Ok(())
}
