//! `hardline net list`: every allowed connection.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;
use hardline_core::network::{Connection, Peer, Ports};
use serde::Serialize;

use super::output::json;
use super::source::Input;
use super::svg;
use crate::terminal::{self, visible};

/// List every allowed connection between workloads, and with addresses outside
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline net list deploy/
  hardline net list --format json deploy/ | jq '.connections[] | select(.dst | contains(\"orders-db\"))'
  hardline net list --format svg deploy/ > network.svg")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,

    /// How to print the list
    #[arg(short = 'o', long, default_value = "txt")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line for each connection
    Txt,
    /// For programs: `hardline.net/v1`
    Json,
    /// Comma-separated values with a header
    Csv,
    /// A Markdown table
    Md,
    /// A graph for Graphviz
    Dot,
    /// A drawing for documents; a table where there is too much to draw
    Svg,
}

/// The list as JSON.
#[derive(Serialize)]
struct List<'a> {
    schema: &'static str,
    connections: Vec<Line<'a>>,
}

/// A connection in words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Line<'a> {
    pub src: Cow<'a, str>,
    pub dst: Cow<'a, str>,
    pub conn: Cow<'a, str>,
}

/// Connections in words: there may be millions, and few are called otherwise than others.
pub(super) struct Words {
    /// By the number of the resource.
    names: HashMap<u32, String>,
    /// By where the ports are kept.
    ports: HashMap<*const Ports, String>,
}

impl Words {
    pub fn of(connections: &[Connection<'_>]) -> Self {
        let mut words = Self { names: HashMap::new(), ports: HashMap::new() };
        for connection in connections {
            for peer in [&connection.sender, &connection.receiver] {
                if let Peer::Endpoint(endpoint) = peer {
                    words.names.entry(endpoint.resource).or_insert_with(|| name(peer));
                }
            }
            words.ports.entry(Arc::as_ptr(&connection.ports)).or_insert_with(|| connection.ports.to_string());
        }
        words
    }

    pub fn line(&self, connection: &Connection<'_>) -> Line<'_> {
        let known = |peer: &Peer<'_>| match peer {
            Peer::Endpoint(endpoint) => self.names.get(&endpoint.resource).map(String::as_str),
            Peer::Outside(_) => None,
        };
        let named = |peer: &Peer<'_>| known(peer).map_or_else(|| Cow::Owned(name(peer)), Cow::Borrowed);
        let ports = self.ports.get(&Arc::as_ptr(&connection.ports)).map(String::as_str);
        Line {
            src: named(&connection.sender),
            dst: named(&connection.receiver),
            conn: ports.map_or_else(|| Cow::Owned(connection.ports.to_string()), Cow::Borrowed),
        }
    }
}

/// A workload, or ranges of addresses without a mark.
fn name(peer: &Peer<'_>) -> String {
    match peer {
        Peer::Endpoint(endpoint) => visible(&endpoint.to_string()).into_owned(),
        Peer::Outside(addresses) => addresses.to_string(),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.input.read()?;
    let matrix = read.network.matrix();
    let connections = read.network.connections(&matrix);
    if connections.is_empty() {
        terminal::notice("no connection is allowed between these workloads, nor with addresses outside");
    }
    let words = Words::of(&connections);
    let lines = || connections.iter().map(|connection| words.line(connection));
    terminal::print_plain(|out| match args.format {
        Format::Txt => lines().try_for_each(|line| writeln!(out, "{} => {} : {}", line.src, line.dst, line.conn)),
        Format::Json => {
            let list = List { schema: "hardline.net/v1", connections: lines().collect() };
            json(&list, out)
        }
        Format::Csv => csv(lines(), out),
        Format::Md => {
            writeln!(out, "| src | dst | conn |\n|-----|-----|------|")?;
            lines().try_for_each(|line| {
                let cell = |text: &str| text.replace('|', "\\|");
                writeln!(out, "| {} | {} | {} |", cell(&line.src), cell(&line.dst), cell(&line.conn))
            })
        }
        Format::Dot => dot(&connections, &words, out),
        Format::Svg => svg::write(&connections, out),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn csv<'a>(lines: impl Iterator<Item = Line<'a>>, out: &mut dyn Write) -> io::Result<()> {
    let quoted = |text: Cow<'a, str>| {
        if text.contains([',', '"', '\n']) { Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))) } else { text }
    };
    writeln!(out, "src,dst,conn")?;
    for line in lines {
        writeln!(out, "{},{},{}", quoted(line.src), quoted(line.dst), quoted(line.conn))?;
    }
    Ok(())
}

/// A graph with a box around each namespace.
fn dot(connections: &[Connection<'_>], words: &Words, out: &mut dyn Write) -> io::Result<()> {
    let mut groups: BTreeMap<Option<&str>, BTreeMap<String, String>> = BTreeMap::new();
    for peer in connections.iter().flat_map(|connection| [&connection.sender, &connection.receiver]) {
        let (group, label) = match peer {
            Peer::Endpoint(endpoint) => (Some(&*endpoint.namespace), format!("{}[{}]", endpoint.name, endpoint.kind)),
            Peer::Outside(addresses) => (None, addresses.to_string()),
        };
        groups.entry(group).or_default().insert(name(peer), label);
    }
    writeln!(out, "digraph {{")?;
    for (group, peers) in groups {
        if let Some(namespace) = group {
            writeln!(out, "  subgraph {:?} {{\n    label={namespace:?}", format!("cluster_{namespace}"))?;
        }
        let colour = if group.is_some() { "blue" } else { "red" };
        for (peer, label) in peers {
            writeln!(out, "    {peer:?} [label={label:?} color={colour:?}]")?;
        }
        if group.is_some() {
            writeln!(out, "  }}")?;
        }
    }
    for line in connections.iter().map(|connection| words.line(connection)) {
        writeln!(out, "  {:?} -> {:?} [label={:?}]", line.src, line.dst, line.conn)?;
    }
    writeln!(out, "}}")
}
