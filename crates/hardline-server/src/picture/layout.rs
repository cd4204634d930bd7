//! Where workloads stand in a drawing: layers from senders to receivers, a band for each namespace.
//!
//! The layout depends on nothing but who connects to whom, so that a drawing under version control
//! changes only where that does.

use std::collections::{BTreeMap, BTreeSet};

/// The distance of workloads, one below the other.
pub const GAP: f64 = 22.0;
/// The space around what is in a namespace.
pub const PADDING: f64 = 16.0;
/// The least distance of layers; labels may need more.
const BETWEEN: f64 = 70.0;
/// The height of a namespace's name.
const TITLE: f64 = 22.0;
/// How often workloads are moved towards their neighbours.
const SWEEPS: usize = 8;

/// Something that has a place.
pub struct Box<'a> {
    /// None for what is outside the cluster.
    pub namespace: Option<&'a str>,
    /// Its width, in pixels.
    pub width: f64,
}

/// A connection, and how wide its label is.
pub struct Line {
    /// The number of the sender.
    pub from: usize,
    /// The number of the receiver.
    pub to: usize,
    /// How wide the label is, in pixels.
    pub label: f64,
}

/// Where everything stands.
#[derive(Debug, PartialEq)]
pub struct Layout {
    /// Of each box its layer, left and top.
    pub places: Vec<(usize, f64, f64)>,
    /// The namespaces: left, top, right and bottom.
    pub bands: Vec<(Option<String>, [f64; 4])>,
}

/// Gives each box a place. All have one height; a name takes the width that `name` says.
pub fn layout(boxes: &[Box<'_>], lines: &[Line], height: f64, name: impl Fn(&str) -> f64) -> Layout {
    let layers = layers(boxes.len(), lines);
    let mut drawing = Drawing { boxes, lines, height, layers, x: vec![0.0; boxes.len()], y: vec![0.0; boxes.len()] };
    drawing.columns();
    let bands = drawing.bands(name);
    let places = (0..boxes.len()).map(|at| (drawing.layers[at], drawing.x[at], drawing.y[at])).collect();
    Layout { places, bands }
}

/// Puts each box one layer behind the last of those that send to it, circles aside.
fn layers(boxes: usize, lines: &[Line]) -> Vec<usize> {
    let mut outgoing = vec![Vec::new(); boxes];
    for line in lines {
        outgoing[line.from].push(line.to);
    }
    // Depth first from those that nobody sends to; what leads back is no step forward.
    let receivers: BTreeSet<usize> = lines.iter().map(|line| line.to).collect();
    let (first, rest): (Vec<usize>, Vec<usize>) = (0..boxes).partition(|at| !receivers.contains(at));
    let (mut open, mut done) = (vec![false; boxes], vec![false; boxes]);
    let mut order = Vec::new();
    let mut forward = vec![Vec::new(); boxes];
    for root in first.into_iter().chain(rest) {
        if done[root] {
            continue;
        }
        open[root] = true;
        let mut stack = vec![(root, 0)];
        while let Some((at, next)) = stack.pop() {
            if let Some(&to) = outgoing[at].get(next) {
                stack.push((at, next + 1));
                if !open[to] {
                    forward[at].push(to);
                    if !done[to] {
                        open[to] = true;
                        stack.push((to, 0));
                    }
                }
            } else {
                (open[at], done[at]) = (false, true);
                order.push(at);
            }
        }
    }
    let mut layers = vec![0; boxes];
    for &at in order.iter().rev() {
        for &to in &forward[at] {
            layers[to] = layers[to].max(layers[at] + 1);
        }
    }
    layers
}

struct Drawing<'d, 'a> {
    boxes: &'d [Box<'a>],
    lines: &'d [Line],
    height: f64,
    layers: Vec<usize>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Drawing<'_, '_> {
    /// The boxes of each layer one below the other, wide enough apart for labels.
    fn columns(&mut self) {
        let mut left = PADDING * 2.0;
        for layer in 0..self.depth() {
            let own: Vec<usize> = (0..self.boxes.len()).filter(|&at| self.layers[at] == layer).collect();
            let width = own.iter().map(|&at| self.boxes[at].width).fold(0.0, f64::max);
            let leaving = self.lines.iter().filter(|line| self.layers[line.from] == layer);
            let label = leaving.map(|line| line.label).fold(0.0, f64::max);
            for at in own {
                self.x[at] = left + (width - self.boxes[at].width) / 2.0;
            }
            left += width + BETWEEN.max(label + 40.0);
        }
    }

    /// The namespaces one below the other, from senders to receivers, what is outside first.
    fn bands(&mut self, name: impl Fn(&str) -> f64) -> Vec<(Option<String>, [f64; 4])> {
        let mut means: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
        for (one, layer) in self.boxes.iter().zip(&self.layers) {
            let (sum, count) = means.entry(one.namespace).or_default();
            (*sum, *count) = (*sum + layer, *count + 1);
        }
        let mut order: Vec<_> =
            means.into_iter().map(|(namespace, (sum, count))| (namespace, sum * 1000 / count)).collect();
        order.sort_by_key(|&(namespace, mean)| (namespace.is_some(), mean, namespace));
        let mut top = PADDING;
        let mut bands = Vec::new();
        for (namespace, _) in order {
            let members: Vec<usize> =
                (0..self.boxes.len()).filter(|&at| self.boxes[at].namespace == namespace).collect();
            let bottom = self.fill(&members, top + PADDING + TITLE) + PADDING;
            let title = namespace.map_or(0.0, &name);
            let start = members.iter().map(|&at| self.x[at]).fold(f64::MAX, f64::min) - PADDING;
            let ends = members.iter().map(|&at| self.x[at] + self.boxes[at].width);
            let end = ends.fold(start + title, f64::max) + PADDING;
            bands.push((namespace.map(str::to_owned), [start, top, end, bottom]));
            top = bottom + PADDING;
        }
        bands
    }

    /// Orders the members of a band so that lines are short; gives back where they end.
    fn fill(&mut self, members: &[usize], top: f64) -> f64 {
        let mut columns: Vec<Vec<usize>> = vec![Vec::new(); self.depth()];
        for &member in members {
            columns[self.layers[member]].push(member);
        }
        let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
        let height = self.tall(tallest);
        self.stack(&columns, top, height);
        for _ in 0..SWEEPS {
            for column in &mut columns {
                let mut wanted: Vec<(f64, usize)> = column.iter().map(|&at| (self.pull(at), at)).collect();
                wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                *column = wanted.into_iter().map(|(_, at)| at).collect();
            }
            self.stack(&columns, top, height);
        }
        top + height
    }

    fn stack(&mut self, columns: &[Vec<usize>], top: f64, height: f64) {
        for column in columns {
            let mut y = top + (height - self.tall(column.len())) / 2.0;
            for &at in column {
                self.y[at] = y;
                y += self.height + GAP;
            }
        }
    }

    /// How tall so many boxes are.
    fn tall(&self, boxes: usize) -> f64 {
        let boxes = u32::try_from(boxes).unwrap_or(u32::MAX);
        (f64::from(boxes) * (self.height + GAP) - GAP).max(0.0)
    }

    fn depth(&self) -> usize {
        self.layers.iter().map(|layer| layer + 1).max().unwrap_or(0)
    }

    /// Where a box's neighbours lie on average.
    fn pull(&self, at: usize) -> f64 {
        let neighbours = self.lines.iter().filter_map(|line| match (line.from == at, line.to == at) {
            (true, _) => Some(self.y[line.to]),
            (_, true) => Some(self.y[line.from]),
            _ => None,
        });
        let (sum, count) = neighbours.fold((0.0, 0u32), |(sum, count), y| (sum + y, count + 1));
        if count == 0 { self.y[at] } else { sum / f64::from(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes<'a>(namespaces: &[Option<&'a str>]) -> Vec<Box<'a>> {
        namespaces.iter().map(|&namespace| Box { namespace, width: 100.0 }).collect()
    }

    fn lines(pairs: &[(usize, usize)]) -> Vec<Line> {
        pairs.iter().map(|&(from, to)| Line { from, to, label: 30.0 }).collect()
    }

    #[test]
    fn receivers_stand_behind_their_senders_and_circles_end() {
        assert_eq!(layers(4, &lines(&[(0, 1), (1, 2), (0, 2), (3, 2)])), [0, 1, 2, 0]);
        assert_eq!(layers(3, &lines(&[(0, 1), (1, 2), (2, 0), (1, 1)])), [0, 1, 2]);
        assert!(layers(0, &[]).is_empty());
    }

    #[test]
    fn nothing_overlaps_and_namespaces_hold_their_own() {
        let boxes = boxes(&[None, Some("a"), Some("a"), Some("b"), Some("b"), Some("a")]);
        let lines = lines(&[(0, 1), (1, 2), (1, 3), (3, 4), (2, 4), (4, 1), (0, 5)]);
        let drawn = layout(&boxes, &lines, 40.0, |_| 50.0);
        assert_eq!(drawn, layout(&boxes, &lines, 40.0, |_| 50.0));
        let area = |at: usize| {
            let (_, x, y) = drawn.places[at];
            [x, y, x + 100.0, y + 40.0]
        };
        for (a, one) in boxes.iter().enumerate() {
            for b in 0..a {
                let ([l, t, r, d], [l2, t2, r2, d2]) = (area(a), area(b));
                assert!(r <= l2 || r2 <= l || d <= t2 || d2 <= t, "{a} and {b} overlap");
            }
            let band = drawn.bands.iter().find(|(name, _)| name.as_deref() == one.namespace);
            let ([l, t, r, d], (_, [left, top, right, bottom])) = (area(a), band.unwrap());
            assert!(*left <= l && *top <= t && r <= *right && d <= *bottom);
        }
        for pair in drawn.bands.windows(2) {
            assert!(pair[0].1[3] < pair[1].1[1]);
        }
    }
}
