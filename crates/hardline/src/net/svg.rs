//! Connections as a drawing for documents.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hardline_core::network::{Addresses, Connection, Peer};
use hardline_server::picture::layout::{Box, Layout, Line, PADDING, layout};

use super::table;
use crate::terminal::visible;

/// How wide a character of a label is taken to be, in pixels.
pub(super) const CHARACTER: f64 = 7.3;
/// The height of a workload.
const HEIGHT: f64 = 42.0;
/// How many ranges of addresses a node names.
const RANGES: usize = 2;
/// So many workloads, and so many lines, can be told apart; more are shown as a table.
const NODES: usize = 24;
const LINES: usize = 40;
/// The longest label, in characters.
const LONGEST: usize = 24;
/// Every port, as a label.
const ALL: &str = "all ports";

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1b1f24}\
.k{font-size:11px;fill:#59636e}\
.p{font-size:11px;fill:#0b5cad;stroke:#fff;stroke-width:4px;paint-order:stroke;stroke-linejoin:round}\
.s{font-size:11px;fill:#b26a00}.m{fill:none;stroke:#b26a00;stroke-width:1.5}marker .t{fill:#b26a00}\
.n{fill:#f3f6f9;stroke:#c8d1da}\
.w{fill:#fff;stroke:#59636e}\
.o{fill:#fff5e8;stroke:#b26a00;stroke-dasharray:4 3}\
.e{fill:none;stroke:#59636e;stroke-width:1.3}\
marker path{fill:#59636e}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}.k{fill:#9da7b1}.p{fill:#79b8ff;stroke:#10151b}.s{fill:#e0a44a}.m{stroke:#e0a44a}marker .t{fill:#e0a44a}.n{fill:#161c24;stroke:#39434e}\
.w{fill:#10151b;stroke:#9da7b1}.o{fill:#2b2110;stroke:#e0a44a}.e{stroke:#9da7b1}marker path{fill:#9da7b1}}";

/// A workload, or addresses outside that send or that receive.
struct Node {
    /// None for addresses.
    namespace: Option<String>,
    title: String,
    subtitle: String,
    width: f64,
    /// The ports on which any address reaches it, and on which it reaches any.
    open: [Option<String>; 2],
}

struct Edge {
    from: usize,
    to: usize,
    label: String,
    both: bool,
}

#[derive(Default)]
struct Drawing {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    known: BTreeMap<String, usize>,
}

/// Writes the drawing, or a table if there is too much for lines. What reaches any address outside, or is reached from there, is marked and not
/// joined by lines.
pub(super) fn write(connections: &[Connection<'_>], out: &mut dyn Write) -> io::Result<()> {
    let drawing = Drawing::of(connections);
    if drawing.nodes.len() > NODES || drawing.edges.len() > LINES {
        return table::write(connections, out);
    }
    let boxes: Vec<Box<'_>> =
        drawing.nodes.iter().map(|node| Box { namespace: node.namespace.as_deref(), width: node.width }).collect();
    let line = |edge: &Edge| Line { from: edge.from, to: edge.to, label: long(&edge.label) };
    let lines: Vec<Line> = drawing.edges.iter().map(line).collect();
    drawing.print(&layout(&boxes, &lines, HEIGHT, |name| long(name) + 20.0), out)
}

impl Drawing {
    fn of(connections: &[Connection<'_>]) -> Self {
        let mut drawing = Self::default();
        let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for connection in connections {
            let label = match connection.ports.to_string() {
                all if all == "All Connections" => ALL.to_owned(),
                ports => shortened(&ports),
            };
            match (&connection.sender, &connection.receiver) {
                (Peer::Outside(any), peer) if is_any(any) => {
                    let at = drawing.node(peer, "to");
                    drawing.nodes[at].open[0] = Some(label);
                    continue;
                }
                (peer, Peer::Outside(any)) if is_any(any) => {
                    let at = drawing.node(peer, "from");
                    drawing.nodes[at].open[1] = Some(label);
                    continue;
                }
                _ => {}
            }
            let (from, to) = (drawing.node(&connection.sender, "from"), drawing.node(&connection.receiver, "to"));
            match pairs.get(&(to, from)).map(|&at| &mut drawing.edges[at]) {
                Some(back) if back.label == label => back.both = true,
                _ => {
                    pairs.insert((from, to), drawing.edges.len());
                    drawing.edges.push(Edge { from, to, label, both: false });
                }
            }
        }
        drawing
    }

    fn node(&mut self, peer: &Peer<'_>, direction: &str) -> usize {
        let (namespace, title, subtitle) = match peer {
            Peer::Endpoint(endpoint) => {
                (Some(endpoint.namespace.to_string()), endpoint.name.to_string(), endpoint.kind.to_string())
            }
            Peer::Outside(addresses) => (None, ranges(addresses), format!("{direction} outside")),
        };
        let key = if namespace.is_some() { peer.to_string() } else { format!("{direction} {peer}") };
        let next = self.nodes.len();
        let at = *self.known.entry(key).or_insert(next);
        if at == next {
            let [title, subtitle] = [title, subtitle].map(|text| visible(&text).into_owned());
            let width = (long(&title).max(long(&subtitle)) + 24.0).max(90.0);
            self.nodes.push(Node { namespace, title, subtitle, width, open: [None, None] });
        }
        at
    }

    fn print(&self, layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
        let edges = layout
            .bands
            .iter()
            .fold((0.0f64, 0.0f64), |(right, bottom), (_, band)| (right.max(band[2]), bottom.max(band[3])));
        let (width, bottom) = (edges.0 + PADDING + 60.0, edges.1 + PADDING + 26.0);
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {bottom:.0}\" width=\"{width:.0}\" \
             height=\"{bottom:.0}\" role=\"img\" aria-label=\"who can reach whom\">\n<style>{STYLE}</style>\n\
             <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\"/></marker>\
             <marker id=\"m\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto\"><path class=\"t\" d=\"M0 0L8 4L0 8z\"/></marker></defs>"
        )?;
        for (name, [left, top, right, bottom]) in &layout.bands {
            let Some(name) = name else { continue };
            writeln!(
                out,
                "<rect class=\"n\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\"/>\
                 <text class=\"k\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                right - left,
                bottom - top,
                left + 12.0,
                top + 20.0,
                escaped(&visible(name))
            )?;
        }
        let labels = self.print_edges(layout, out)?;
        for (node, &(_, x, y)) in self.nodes.iter().zip(&layout.places) {
            node.print(x, y, out)?;
        }
        for ((x, y), label) in labels {
            let y = y + 4.0;
            writeln!(
                out,
                "<text class=\"p\" x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"middle\">{}</text>",
                escaped(label)
            )?;
        }
        if self.nodes.iter().any(|node| node.open.iter().any(Option::is_some)) {
            let y = bottom - 14.0;
            writeln!(
                out,
                "<path class=\"m\" d=\"M{PADDING:.0} {:.0}h20\" marker-end=\"url(#m)\"/>\
                 <text class=\"s\" x=\"{:.0}\" y=\"{y:.0}\">any address outside, on every port where none is named</text>",
                y - 4.0,
                PADDING + 28.0
            )?;
        }
        writeln!(out, "</svg>")
    }

    /// Draws the lines, and says where their labels are to stand: where nothing else does, if possible.
    fn print_edges(&self, layout: &Layout, out: &mut dyn Write) -> io::Result<Vec<((f64, f64), &str)>> {
        let areas = self.nodes.iter().zip(&layout.places);
        let mut taken: Vec<[f64; 4]> = areas.map(|(node, &(_, x, y))| [x, y, x + node.width, y + HEIGHT]).collect();
        let mut labels = Vec::new();
        for edge in &self.edges {
            let curve = self.curve(edge, layout);
            let [from, near, far, to] = curve;
            let start = if edge.both { " marker-start=\"url(#a)\"" } else { "" };
            writeln!(
                out,
                "<path class=\"e\" d=\"M{:.0} {:.0}C{:.0} {:.0} {:.0} {:.0} {:.0} {:.0}\" marker-end=\"url(#a)\"{start}/>",
                from.0, from.1, near.0, near.1, far.0, far.1, to.0, to.1
            )?;
            let half = long(&edge.label) * 0.42;
            let around = |(x, y): (f64, f64)| [x - half, y - 8.0, x + half, y + 6.0];
            let free = |area: [f64; 4]| !taken.iter().any(|other| overlap(area, *other));
            let places = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82].map(|part| point(curve, part));
            let place = places.into_iter().find(|&place| free(around(place))).unwrap_or(places[0]);
            taken.push(around(place));
            labels.push((place, &*edge.label));
        }
        Ok(labels)
    }

    /// The curve of an edge: its ends, and the points that it is drawn towards.
    fn curve(&self, edge: &Edge, layout: &Layout) -> [(f64, f64); 4] {
        let (before, x, y) = layout.places[edge.from];
        let (behind, to_x, to_y) = layout.places[edge.to];
        let (right, start, end) = (x + self.nodes[edge.from].width, y + HEIGHT / 2.0, to_y + HEIGHT / 2.0);
        if behind > before {
            let reach = (to_x - 2.0 - right) / 2.0;
            return [(right, start), (right + reach, start), (to_x - reach, end), (to_x - 2.0, end)];
        }
        // Back, or to a neighbour: around the right side.
        let to_right = to_x + self.nodes[edge.to].width;
        let side = right.max(to_right) + 46.0;
        [(right, start), (side, start), (side, end), (to_right + 2.0, end)]
    }
}

impl Node {
    fn print(&self, x: f64, y: f64, out: &mut dyn Write) -> io::Result<()> {
        let class = if self.namespace.is_some() { "w" } else { "o" };
        let (middle, width, centre) = (x + self.width / 2.0, self.width, y + HEIGHT / 2.0);
        writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{HEIGHT:.0}\" rx=\"6\"/>\
             <text x=\"{middle:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\
             <text class=\"k\" x=\"{middle:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            y + 18.0,
            escaped(&self.title),
            y + 34.0,
            escaped(&self.subtitle)
        )?;
        let [from, to] = &self.open;
        // Ports are named where they are not all; what the mark means is said once.
        let named = |ports: &str| if ports == ALL { String::new() } else { escaped(ports) };
        if let Some(ports) = from {
            writeln!(
                out,
                "<path class=\"m\" d=\"M{:.0} {centre:.0}h20\" marker-end=\"url(#m)\"/>\
                 <text class=\"s\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
                x - 22.0,
                x - 4.0,
                centre - 5.0,
                named(ports)
            )?;
        }
        if let Some(ports) = to {
            let start = x + width;
            writeln!(
                out,
                "<path class=\"m\" d=\"M{start:.0} {y:.0}l12 -8\" marker-end=\"url(#m)\"/>\
                 <text class=\"s\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                start + 15.0,
                y - 4.0,
                named(ports)
            )?;
        }
        Ok(())
    }
}

/// How wide a text is.
fn long(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * CHARACTER
}

fn is_any(addresses: &Addresses) -> bool {
    addresses.covers(&Addresses::v4())
}

/// The point of a curve at a part of its way.
fn point(curve: [(f64, f64); 4], part: f64) -> (f64, f64) {
    let rest = 1.0 - part;
    let weights = [rest * rest * rest, 3.0 * rest * rest * part, 3.0 * rest * part * part, part * part * part];
    let weighted = curve.iter().zip(weights);
    weighted.fold((0.0, 0.0), |(x, y), (corner, weight)| (x + corner.0 * weight, y + corner.1 * weight))
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// The first ranges of addresses.
fn ranges(addresses: &Addresses) -> String {
    let blocks = addresses.blocks();
    if blocks.iter().any(|block| !block.except.is_empty()) {
        return "other addresses".to_owned();
    }
    let shown: Vec<&str> = blocks.iter().take(RANGES).map(|block| &*block.cidr).collect();
    let more = if blocks.len() > RANGES { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Ports in a length that a line between two workloads can bear.
fn shortened(ports: &str) -> String {
    let cut: String = ports.chars().take(LONGEST).collect();
    if cut == ports { cut } else { format!("{cut}…") }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
