//! Connections as a table for documents, where lines would cover each other: who sends is beside it,
//! who receives above.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use hardline_core::network::{Connection, Endpoint, Peer};

use super::svg::{CHARACTER, escaped};
use crate::terminal::visible;

/// With so many workloads each has its row; of more, each namespace has one.
const WORKLOADS: usize = 60;
/// The width and height of a cell.
const CELL: f64 = 22.0;
/// The longest name, in characters.
const LONGEST: usize = 40;
const PADDING: f64 = 16.0;
/// How everyone outside the cluster is called.
const OUTSIDE: &str = "outside";
const ALL: &str = "All Connections";

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1b1f24}.k{font-size:11px;fill:#59636e}.c{font-size:10px;text-anchor:middle}\
.g{stroke:#d5dbe1}.d{fill:#eef1f4}.s1{fill:#cfe0f1}.s2{fill:#8fb8de}.s3{fill:#2f6ea8}.s3+.c{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.k{fill:#9da7b1}.g{stroke:#30363d}.d{fill:#1b2027}\
.s1{fill:#1c3650}.s2{fill:#2b5d8c}.s3{fill:#79b8ff}.s3+.c{fill:#10151b}}";

/// What a row and a cell stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Workload,
    Namespace,
}

/// What is between two of them: how many pairs of workloads connect, how many on every port, and on
/// which ports the first does.
#[derive(Default)]
struct Cell {
    pairs: usize,
    open: usize,
    ports: String,
}

/// Writes the table. All addresses outside are one row and one column.
pub(super) fn write(connections: &[Connection<'_>], out: &mut dyn Write) -> io::Result<()> {
    let peers = connections.iter().flat_map(|connection| [&connection.sender, &connection.receiver]);
    let endpoints: BTreeSet<(&str, &str, &str)> = peers.filter_map(|peer| endpoint(peer).map(key)).collect();
    let by = if endpoints.len() > WORKLOADS { By::Namespace } else { By::Workload };
    let mut members: BTreeMap<String, usize> = BTreeMap::new();
    for (namespace, name, kind) in &endpoints {
        *members.entry(by.name((namespace, name, kind))).or_default() += 1;
    }
    let mut names: Vec<String> = members.keys().cloned().collect();
    names.insert(0, OUTSIDE.to_owned());
    let at: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let place = |peer: &Peer<'_>| endpoint(peer).map_or(0, |endpoint| at[by.name(key(endpoint)).as_str()]);
    let mut cells: BTreeMap<(usize, usize), Cell> = BTreeMap::new();
    for connection in connections {
        let cell = cells.entry((place(&connection.sender), place(&connection.receiver))).or_default();
        cell.pairs += 1;
        let ports = connection.ports.to_string();
        cell.open += usize::from(ports == ALL);
        if cell.ports.is_empty() {
            cell.ports = ports;
        }
    }
    let possible = |(from, to): (usize, usize)| {
        let count = |at: usize| members.get(&names[at]).copied().unwrap_or(1);
        count(from) * if from == to { count(to).saturating_sub(1).max(1) } else { count(to) }
    };
    print(&names, &cells, by, endpoints.len(), &possible, out)
}

fn print(
    names: &[String],
    cells: &BTreeMap<(usize, usize), Cell>,
    by: By,
    workloads: usize,
    possible: &dyn Fn((usize, usize)) -> usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let longest = names.iter().map(|name| name.chars().count().min(LONGEST)).max().unwrap_or(0);
    let label = number(longest) * CHARACTER * 0.92;
    let (left, top) = (PADDING + label + 8.0, PADDING + label + 8.0);
    let side = number(names.len()) * CELL;
    let told = match by {
        By::Workload => "A row sends, a column receives. Dark: on every port; light: on some.".to_owned(),
        By::Namespace => format!(
            "{workloads} workloads by namespace. A row sends, a column receives; the number is how many pairs of \
             workloads connect, the shade what part of all pairs that is."
        ),
    };
    let width = (left + side + PADDING).max(number(told.chars().count()) * 6.2 + 2.0 * PADDING);
    let height = top + side + 40.0;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"who can reach whom\">\n<style>{STYLE}</style>"
    )?;
    for (at, name) in names.iter().enumerate() {
        let shown = escaped(&shortened(name));
        let (middle, near) = (number(at) * CELL + CELL / 2.0, 8.0);
        let (across, down) = (left + middle + 4.0, top + middle + 4.0);
        writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{down:.0}\" text-anchor=\"end\">{shown}</text>\
             <text transform=\"translate({across:.0} {:.0})rotate(-90)\">{shown}</text>",
            left - near,
            top - near
        )?;
        let corner = number(at) * CELL;
        let (x, y) = (left + corner, top + corner);
        writeln!(out, "<rect class=\"d\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{CELL:.0}\" height=\"{CELL:.0}\"/>")?;
    }
    for (&(from, to), cell) in cells {
        let (x, y) = (left + number(to) * CELL, top + number(from) * CELL);
        let shade = match by {
            By::Workload => 1 + 2 * usize::from(cell.open > 0),
            By::Namespace => shade(cell.pairs, possible((from, to))),
        };
        let tooltip = match by {
            By::Workload => format!("{} to {}: {}", names[from], names[to], cell.ports),
            By::Namespace => {
                format!("{} to {}: {} pairs, {} on every port", names[from], names[to], cell.pairs, cell.open)
            }
        };
        write!(
            out,
            "<rect class=\"s{shade}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{CELL:.0}\" height=\"{CELL:.0}\"><title>{}</title></rect>",
            escaped(&visible(&tooltip))
        )?;
        if by == By::Namespace {
            let (x, y) = (x + CELL / 2.0, y + CELL / 2.0 + 3.5);
            write!(out, "<text class=\"c\" x=\"{x:.0}\" y=\"{y:.0}\">{}</text>", brief(cell.pairs))?;
        }
        writeln!(out)?;
    }
    for at in 0..=names.len() {
        let line = number(at) * CELL;
        let (x, y) = (left + line, top + line);
        writeln!(out, "<path class=\"g\" d=\"M{left:.0} {y:.0}h{side:.0}M{x:.0} {top:.0}v{side:.0}\"/>")?;
    }
    let y = top + side + 24.0;
    writeln!(out, "<text class=\"k\" x=\"{PADDING:.0}\" y=\"{y:.0}\">{told}</text>\n</svg>")
}

impl By {
    fn name(self, (namespace, name, _): (&str, &str, &str)) -> String {
        match self {
            Self::Workload => format!("{namespace}/{name}"),
            Self::Namespace => namespace.to_owned(),
        }
    }
}

fn endpoint<'n>(peer: &Peer<'n>) -> Option<&'n Endpoint> {
    match peer {
        Peer::Endpoint(endpoint) => Some(endpoint),
        Peer::Outside(_) => None,
    }
}

fn key(endpoint: &Endpoint) -> (&str, &str, &str) {
    (&endpoint.namespace, &endpoint.name, &endpoint.kind)
}

/// A third, two thirds, or more of all pairs.
fn shade(pairs: usize, possible: usize) -> usize {
    match pairs.saturating_mul(3).checked_div(possible) {
        Some(0) => 1,
        Some(1) => 2,
        _ => 3,
    }
}

/// A number in a cell.
fn brief(count: usize) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn shortened(name: &str) -> String {
    let name = visible(name);
    let cut: String = name.chars().take(LONGEST).collect();
    if cut == name { cut } else { format!("{cut}…") }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
