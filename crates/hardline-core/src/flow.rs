//! Observed traffic: one connection a line, as common tools write it.
//!
//! Each line says by itself what it is: flows of Cilium's Hubble and of Calico in JSON, entries of
//! conntrack, sockets of `ss`, records of a cloud's flow log, or `src,dst,protocol,port,verdict,count`.
//! A line that is none of them is counted and told, and the rest still read.

mod json;
mod text;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::network::Protocol;

/// Traffic that was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    /// Connections with how often each was seen.
    pub flows: BTreeMap<Flow, u64>,
    /// Lines that could not be read: their number, from 1, and why.
    pub broken: Vec<(usize, &'static str)>,
    /// Lines that say nothing about connections: replies, comments, other protocols.
    pub skipped: usize,
}

/// A connection that was made or attempted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Who sent.
    pub sender: Spot,
    /// Who received.
    pub receiver: Spot,
    /// By which protocol.
    pub protocol: Protocol,
    /// To which port of the receiver.
    pub port: u16,
    /// What became of it.
    pub verdict: Outcome,
}

/// One end of a flow, as the line names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// A pod, or a workload, by namespace and name.
    Named {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// An address.
    Address(IpAddr),
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It was dropped.
    Dropped,
}

/// What a line is.
enum Line {
    Flow(Flow, u64),
    /// Nothing about a connection.
    Nothing,
    Broken(&'static str),
}

impl Flows {
    /// The flows of a text. A connection that is seen at several points counts once for each.
    pub fn read(text: &str) -> Self {
        let mut flows = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            let read = match line.bytes().next() {
                None | Some(b'#') => Line::Nothing,
                Some(b'{') => json::line(line),
                Some(_) => text::line(line),
            };
            match read {
                Line::Flow(flow, count) => {
                    let seen = flows.flows.entry(flow).or_default();
                    *seen = seen.saturating_add(count);
                }
                Line::Nothing => flows.skipped += 1,
                Line::Broken(why) => flows.broken.push((number, why)),
            }
        }
        flows
    }
}

/// `namespace/name`, or an address.
fn spot(text: &str) -> Option<Spot> {
    if let Ok(address) = text.parse() {
        return Some(Spot::Address(address));
    }
    let (namespace, name) =
        text.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())?;
    Some(Spot::Named { namespace: namespace.to_owned(), name: name.to_owned() })
}
