//! `hardline net graph`: who can reach whom, as a picture to walk through.
//!
//! The page holds reach between parties, pods alike counted once, so that its size grows with what
//! policies tell apart and not with pairs of workloads. The script in it asks that for whatever is
//! looked at.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::process::ExitCode;

use hardline_core::network::{Matrix, Network, Party, needs};
use hardline_server::page::STYLE as PAGE_STYLE;
use serde::Serialize;

use super::layout::{self, Layout, Line, layout};
use super::source::{Input, Read};
use crate::source::Source;
use crate::terminal::{self, visible};

const STYLE: &str = include_str!("graph/graph.css");
const SCRIPT: &str = include_str!("graph/graph.js");
const BODY: &str = include_str!("graph/body.html");

/// Draw who can reach whom, as an HTML page to walk through
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A click on a workload shows all that can be reached from it, hop by hop. Dashed lines are
connections that the manifests show to be needed and policies deny.

Examples:
  hardline net graph deploy/ > network.html
  hardline net graph --before git:.@main:deploy deploy/ > difference.html
  hardline net graph --before cluster deploy/ > change.html")]
pub(crate) struct Args {
    /// What was before, as for `hardline net diff`: shows what was added, removed and changed since
    #[arg(long, value_name = "SOURCE")]
    before: Option<Source>,

    #[command(flatten)]
    input: Input,
}

/// What the page's script draws.
#[derive(Serialize)]
struct Graph {
    nodes: Vec<Node>,
    /// The boxes of namespaces, where each node has a place: name, left, top, right and bottom.
    bands: Option<Vec<(Option<String>, [f64; 4])>>,
    now: Reach,
    before: Option<Reach>,
    /// Connections that are needed and denied.
    blocked: Vec<Blocked>,
}

/// A workload, or addresses outside the cluster.
#[derive(Serialize)]
struct Node {
    /// None for addresses.
    namespace: Option<String>,
    name: String,
    kind: String,
    /// The number of its party now, if it is there now.
    now: Option<usize>,
    /// The number of its party before, if it was there before.
    before: Option<usize>,
    /// Its left and top, where there are few.
    place: Option<(f64, f64)>,
}

/// The size of a node that has a place.
const SIZE: (f64, f64) = (158.0, 40.0);
/// With so many lines for each node they are put into a grid.
const MANY: usize = 4;
/// So many nodes are laid out from senders to receivers; more are put into a grid.
const FEW: usize = 60;

/// Who reaches whom among numbered parties.
#[derive(Default, Serialize)]
struct Reach {
    /// Sets of ports in words.
    ports: Vec<String>,
    /// Receiver, number of the ports, and senders as pairs of first and last.
    rows: Vec<(usize, usize, Vec<Run>)>,
}

/// The first and the last of consecutive numbers.
type Run = (usize, usize);

#[derive(Serialize)]
struct Blocked {
    /// None for anybody.
    from: Option<usize>,
    to: usize,
    ports: String,
    because: String,
}

/// A workload or addresses, by what they are called.
type Name = (Option<String>, String, String);

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (before, now) = match &args.before {
        Some(before) => {
            let (before, now) = args.input.since(before)?;
            (Some(before), now)
        }
        None => (None, args.input.read()?),
    };
    let graph = graph(&now, before.as_ref());
    terminal::print(|out| page(&graph, out))?;
    Ok(ExitCode::SUCCESS)
}

fn page(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    // Within a script nothing ends it but its end tag.
    let data = serde_json::to_string(graph)?.replace('<', "\\u003c");
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
    )?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(
        out,
        "<title>hardline: who can reach whom</title>\n<style>\n{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>"
    )?;
    writeln!(out, "{BODY}<script type=\"application/json\" id=\"data\">{data}</script>")?;
    writeln!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>")
}

fn graph(now: &Read, before: Option<&Read>) -> Graph {
    let matrix = now.network.matrix();
    let (names, numbers) = numbered(&now.network);
    let (names_before, reach_before) = match before {
        Some(before) => {
            let (names, numbers) = numbered(&before.network);
            (names, Some(reach(&before.network.matrix(), &numbers)))
        }
        None => (BTreeMap::new(), None),
    };
    let mut all: BTreeMap<&Name, (Option<usize>, Option<usize>)> = BTreeMap::new();
    for (name, &party) in &names {
        all.entry(name).or_default().0 = Some(party);
    }
    for (name, &party) in &names_before {
        all.entry(name).or_default().1 = Some(party);
    }
    let index: HashMap<&Name, usize> = all.keys().enumerate().map(|(at, name)| (*name, at)).collect();
    let at = |endpoint| index.get(&name(endpoint)).copied();
    let needs = needs(&now.inventory, &now.network);
    let blocked = needs.iter().filter_map(|need| {
        let (sender, receiver) = (need.sender.endpoint(), need.receiver.endpoint()?);
        let party = sender.map_or(now.network.stranger(), |sender| now.network.party(sender));
        let denied = need.ports.subtract(&matrix.ports(party, now.network.party(receiver)));
        let to = at(receiver)?;
        let from = sender.and_then(at);
        (!denied.is_empty()).then(|| Blocked { from, to, ports: denied.to_string(), because: shown(&need.because) })
    });
    let blocked: Vec<Blocked> = blocked.collect();
    let nodes = all.into_iter().map(|((namespace, name, kind), (now, before))| Node {
        namespace: namespace.as_deref().map(shown),
        name: shown(name),
        kind: shown(kind),
        now,
        before,
        place: None,
    });
    let nodes = nodes.collect();
    let mut graph = Graph { nodes, bands: None, now: reach(&matrix, &numbers), before: reach_before, blocked };
    graph.lay_out();
    graph
}

impl Graph {
    /// Gives each node a place behind those that send to it, or need to, if they are few, and not most of
    /// them connect with most: a grid shows that better.
    fn lay_out(&mut self) {
        if self.nodes.len() > FEW {
            return;
        }
        let now = self.now.pairs();
        let connects = |from: &Node, to: &Node| from.now.zip(to.now).is_some_and(|pair| now.contains(&pair));
        let mut lines: Vec<Line> = Vec::new();
        for (from, sender) in self.nodes.iter().enumerate() {
            for (to, receiver) in self.nodes.iter().enumerate() {
                // Whoever is outside comes first.
                let inside = receiver.namespace.is_some();
                if from != to && inside && !sender.is_anybody() && connects(sender, receiver) {
                    lines.push(Line { from, to, label: 0.0 });
                }
            }
        }
        let needed =
            self.blocked.iter().filter_map(|blocked| Some(Line { from: blocked.from?, to: blocked.to, label: 0.0 }));
        lines.extend(needed);
        if lines.len() > MANY * self.nodes.len() {
            return;
        }
        let (width, height) = SIZE;
        let boxes: Vec<layout::Box<'_>> =
            self.nodes.iter().map(|node| layout::Box { namespace: node.namespace.as_deref(), width }).collect();
        let Layout { places, bands } =
            layout(&boxes, &lines, height, |name| 8.0 * f64::from(u32::try_from(name.len()).unwrap_or(0)));
        for (node, (_, x, y)) in self.nodes.iter_mut().zip(places) {
            node.place = Some((x, y));
        }
        self.bands = Some(bands);
    }
}

impl Node {
    /// Whether it is every address of a family: most of a cluster reaches it.
    fn is_anybody(&self) -> bool {
        self.namespace.is_none() && (self.name.starts_with("0.0.0.0-255.") || self.name.starts_with("::-"))
    }
}

impl Reach {
    /// The numbers of senders with those of receivers.
    fn pairs(&self) -> HashSet<(usize, usize)> {
        let of = |(receiver, _, senders): &(usize, usize, Vec<Run>)| {
            let receiver = *receiver;
            let senders = senders.iter().flat_map(|&(first, last)| first..=last);
            senders.map(move |sender| (sender, receiver)).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of).collect()
    }
}

fn shown(text: &str) -> String {
    visible(text).into_owned()
}

fn name(endpoint: &hardline_core::network::Endpoint) -> Name {
    (Some(endpoint.namespace.to_string()), endpoint.name.to_string(), endpoint.kind.to_string())
}

/// Everyone by name with the number of the party, and the numbers of parties.
fn numbered(network: &Network) -> (BTreeMap<Name, usize>, BTreeMap<Party, usize>) {
    let mut parties: BTreeMap<Party, usize> =
        network.endpoints().iter().map(|endpoint| (network.party(endpoint), 0)).collect();
    parties.extend(network.externals().map(|(party, _)| (party, 0)));
    parties.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let mut names = BTreeMap::new();
    for endpoint in network.endpoints() {
        // Pods of one workload that policies tell apart are shown as the first of them.
        names.entry(name(endpoint)).or_insert(parties[&network.party(endpoint)]);
    }
    for (party, addresses) in network.externals() {
        names.insert((None, addresses.to_string(), String::new()), parties[&party]);
    }
    (names, parties)
}

fn reach(matrix: &Matrix, numbers: &BTreeMap<Party, usize>) -> Reach {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut reach = Reach::default();
    for (&receiver, &number) in numbers {
        for (ports, senders) in matrix.row(receiver).parts() {
            let text = ports.to_string();
            let next = reach.ports.len();
            let ports = *known.entry(text.clone()).or_insert(next);
            if ports == next {
                reach.ports.push(text);
            }
            let mut senders: Vec<usize> = senders.filter_map(|sender| numbers.get(&sender).copied()).collect();
            senders.sort_unstable();
            let runs: Vec<_> = senders.chunk_by(|a, b| a + 1 == *b).map(|run| (run[0], run[run.len() - 1])).collect();
            if !runs.is_empty() {
                reach.rows.push((number, ports, runs));
            }
        }
    }
    reach
}
