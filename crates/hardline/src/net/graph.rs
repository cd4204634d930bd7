//! `hardline net graph`: who can reach whom, as a picture to walk through.
//!
//! The page holds reach between parties, pods alike counted once, so that its size grows with what
//! policies tell apart and not with pairs of workloads. The script in it asks that for whatever is
//! looked at.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::process::ExitCode;

use hardline_core::network::{Matrix, Network, Party, needs};
use hardline_server::page::STYLE as PAGE_STYLE;
use serde::Serialize;

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
}

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
    let blocked = blocked.collect();
    let nodes = all.into_iter().map(|((namespace, name, kind), (now, before))| Node {
        namespace: namespace.as_deref().map(shown),
        name: shown(name),
        kind: shown(kind),
        now,
        before,
    });
    Graph { nodes: nodes.collect(), now: reach(&matrix, &numbers), before: reach_before, blocked }
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
