//! Who can reach whom, as a picture to walk through.
//!
//! A picture holds reach between parties, pods alike counted once, so that its size grows with what
//! policies tell apart and not with pairs of workloads. The script asks that for whatever is looked at.

pub mod layout;

use std::collections::{BTreeMap, HashMap, HashSet};

use hardline_core::inventory::Inventory;
use hardline_core::network::{Endpoint, Matrix, Network, Party, Ports, needs};
use hardline_core::visible::visible;
use serde::Serialize;

use crate::page;
use layout::{Layout, Line, layout};

/// The look of the picture, beside that of every page.
pub const STYLE: &str = include_str!("picture/graph.css");
/// What draws it.
pub const SCRIPT: &str = include_str!("picture/graph.js");
/// What the script draws into, but for the data.
pub const BODY: &str = include_str!("picture/body.html");

/// The size of a workload that has a place.
const SIZE: (f64, f64) = (158.0, 40.0);
/// With so many lines for each workload they are put into a grid.
const MANY: usize = 4;
/// So many are laid out from senders to receivers; more are put into a grid.
const FEW: usize = 60;

/// Who can reach whom.
#[derive(Debug, Serialize)]
pub struct Picture {
    nodes: Vec<Node>,
    /// The boxes of namespaces, where each node has a place: name, left, top, right and bottom.
    bands: Option<Vec<(Option<String>, [f64; 4])>>,
    now: Reach,
    before: Option<Reach>,
    /// Connections that are needed and denied.
    blocked: Vec<Blocked>,
}

/// A workload, or addresses outside the cluster.
#[derive(Debug, Serialize)]
struct Node {
    /// None for addresses.
    namespace: Option<String>,
    name: String,
    kind: String,
    /// The number of its party now, if it is there now.
    now: Option<usize>,
    /// The number of its party before, if it was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<usize>,
    /// Its left and top, where there are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<(f64, f64)>,
    /// Where more is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

/// Who reaches whom among numbered parties.
#[derive(Debug, Default, Serialize)]
struct Reach {
    /// Sets of ports in words.
    ports: Vec<String>,
    /// Receiver, number of the ports, and senders as runs. A sender is in one row of a receiver.
    rows: Vec<(usize, usize, Vec<Run>)>,
}

/// The first and the last of consecutive numbers.
type Run = (usize, usize);

#[derive(Debug, Serialize)]
struct Blocked {
    /// None for anybody.
    from: Option<usize>,
    to: usize,
    ports: String,
    because: String,
}

/// A workload or addresses, by what they are called.
type Name = (Option<String>, String, String);

impl Picture {
    /// The picture of a network, and, if there is one before it, of what has changed since. `page` says
    /// where more is said of a resource of the inventory.
    pub fn of(
        inventory: &Inventory,
        network: &Network,
        before: Option<&Network>,
        page: impl Fn(u32) -> Option<String>,
    ) -> Self {
        let matrix = network.matrix();
        let (names, numbers) = numbered(network);
        let (names_before, reach_before) = match before {
            Some(before) => {
                let (names, numbers) = numbered(before);
                (names, Some(Reach::of(&before.matrix(), &numbers)))
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
        let needs = needs(inventory, network);
        let blocked = needs.iter().filter_map(|need| {
            let (sender, receiver) = (need.sender.endpoint(), need.receiver.endpoint()?);
            let party = sender.map_or(network.stranger(), |sender| network.party(sender));
            let denied = need.ports.subtract(&matrix.ports(party, network.party(receiver)));
            let to = at(receiver)?;
            let from = sender.and_then(at);
            (!denied.is_empty()).then(|| Blocked { from, to, ports: denied.to_string(), because: shown(&need.because) })
        });
        let blocked: Vec<Blocked> = blocked.collect();
        let resources: HashMap<usize, u32> =
            network.endpoints().iter().rev().filter_map(|endpoint| Some((at(endpoint)?, endpoint.resource))).collect();
        let nodes = all.into_iter().enumerate().map(|(at, ((namespace, name, kind), (now, before)))| Node {
            namespace: namespace.as_deref().map(shown),
            name: shown(name),
            kind: shown(kind),
            now,
            before,
            place: None,
            page: resources.get(&at).and_then(|&resource| page(resource)),
        });
        let nodes = nodes.collect();
        let now = Reach::of(&matrix, &numbers);
        let mut picture = Self { nodes, bands: None, now, before: reach_before, blocked };
        picture.lay_out();
        picture
    }

    /// The data of the script, as a script element may hold it: nothing ends that but its end tag.
    pub fn data(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)?.replace('<', "\\u003c"))
    }

    /// The picture as a page that needs nothing else.
    pub fn page(&self) -> serde_json::Result<String> {
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>hardline: who can reach whom</title>\n<style>\n{}{STYLE}\
             body.network {{ height: 100vh; }}\n\
             .title {{ display: flex; align-items: baseline; gap: 1.2rem; padding: .6rem 1.2rem; border-bottom: 2px solid var(--ink); }}\n\
             .title h1 {{ font-size: 1.15rem; letter-spacing: -.01em; }}\n</style>\n</head>\n<body class=\"network\">\n\
             <header class=\"title\"><p class=\"brand\">hardline</p><h1>Who can reach whom</h1></header>\n\
             {BODY}<script type=\"application/json\" id=\"data\">{}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
            page::STYLE,
            self.data()?
        ))
    }

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
    fn of(matrix: &Matrix, numbers: &BTreeMap<Party, usize>) -> Self {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut reach = Self::default();
        for (&receiver, &number) in numbers {
            let disjoint: Vec<&Ports> = matrix.row(receiver).parts().map(|(ports, _)| ports).collect();
            let mut by_sender: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (part, (_, senders)) in matrix.row(receiver).parts().enumerate() {
                for sender in senders.filter_map(|sender| numbers.get(&sender)) {
                    by_sender.entry(*sender).or_default().push(part);
                }
            }
            let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
            for (sender, own) in by_sender {
                alike.entry(own).or_default().push(sender);
            }
            for (own, senders) in alike {
                let mut open = Ports::none();
                for part in own {
                    open.unite(disjoint[part]);
                }
                let text = open.to_string();
                let next = reach.ports.len();
                let at = *known.entry(text.clone()).or_insert(next);
                if at == next {
                    reach.ports.push(text);
                }
                let runs = senders.chunk_by(|a, b| a + 1 == *b).map(|run| (run[0], run[run.len() - 1]));
                reach.rows.push((number, at, runs.collect()));
            }
        }
        reach
    }

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

fn name(endpoint: &Endpoint) -> Name {
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
