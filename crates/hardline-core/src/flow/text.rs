//! Flows in columns: conntrack, `ss`, flow logs of clouds, and plain values.

use std::net::{IpAddr, SocketAddr};

use super::{Flow, Line, Outcome, Spot, spot};
use crate::network::Protocol;

/// The first of the ports that Linux gives to senders (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

pub(super) fn line(text: &str) -> Line {
    if text.contains("src=") && text.contains("dport=") {
        return conntrack(text);
    }
    if text.contains(',') {
        return values(text);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.iter().any(|word| matches!(*word, "ACCEPT" | "REJECT" | "NODATA" | "SKIPDATA")) {
        return cloud(&words);
    }
    socket(&words)
}

/// An entry of `conntrack -L` or `/proc/net/nf_conntrack`. The second tuple is the answer's: it has
/// the pod's address and port where the first one has those of a Service.
fn conntrack(text: &str) -> Line {
    let mut words = text.split_whitespace();
    let Some(protocol) = words.find_map(|word| Protocol::of(&word.to_uppercase())) else { return Line::Nothing };
    let field = |key: &str, nth: usize| text.split_whitespace().filter_map(|word| word.strip_prefix(key)).nth(nth);
    let address = |key, nth| field(key, nth).and_then(|text| text.parse::<IpAddr>().ok());
    let port = field("sport=", 1).or_else(|| field("dport=", 0)).and_then(|port| port.parse::<u16>().ok());
    let outcome = if text.contains("[UNREPLIED]") { Outcome::Dropped } else { Outcome::Passed };
    match (address("src=", 0), address("src=", 1).or_else(|| address("dst=", 0)), port.filter(|&port| port > 0)) {
        (Some(sender), Some(receiver), Some(port)) => made(sender, receiver, protocol, port, outcome),
        _ => Line::Broken("is an entry of conntrack without addresses or ports"),
    }
}

/// A line of `ss -tun`: state, queues, the own address and the peer's.
fn socket(words: &[&str]) -> Line {
    let protocol = words.first().and_then(|word| Protocol::of(&word.to_uppercase()));
    let rest = if protocol.is_some() { words.get(1..).unwrap_or_default() } else { words };
    match rest.first() {
        Some(&("ESTAB" | "SYN-SENT")) => {}
        Some(&("State" | "Netid" | "LISTEN" | "UNCONN" | "TIME-WAIT" | "CLOSE-WAIT" | "LAST-ACK" | "CLOSING")) => {
            return Line::Nothing;
        }
        Some(word) if word.starts_with("FIN-WAIT") || *word == "SYN-RECV" => return Line::Nothing,
        _ => return Line::Broken("is in none of the known formats"),
    }
    let address = |at: usize| rest.get(at).and_then(|text| socket_address(text));
    let (Some(own), Some(peer)) = (address(3), address(4)) else {
        return Line::Broken("is a socket without two addresses");
    };
    let outcome = if rest[0] == "ESTAB" { Outcome::Passed } else { Outcome::Dropped };
    // Whoever has a port of those that Linux gives out made the connection.
    let (sender, receiver) =
        if own.port() >= EPHEMERAL || own.port() > peer.port() { (own, peer) } else { (peer, own) };
    made(sender.ip(), receiver.ip(), protocol.unwrap_or(Protocol::Tcp), receiver.port(), outcome)
}

/// `10.0.0.1:80`, `[::1]:80`, or `10.0.0.1%eth0:80`.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.split('%').next()?.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    Some(SocketAddr::new(address, port.parse().ok()?))
}

/// A record of a VPC flow log in its default format: version, account, interface, source, destination,
/// their ports, protocol, packets, bytes, start, end, action.
///
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>
fn cloud(words: &[&str]) -> Line {
    let [_, _, _, source, destination, from, to, protocol, _, _, _, _, action, ..] = words else {
        return Line::Broken("is a flow log's record with too few columns");
    };
    let outcome = match *action {
        "ACCEPT" => Outcome::Passed,
        "REJECT" => Outcome::Dropped,
        _ => return Line::Nothing,
    };
    let protocol = match *protocol {
        "6" => Protocol::Tcp,
        "17" => Protocol::Udp,
        "132" => Protocol::Sctp,
        _ => return Line::Nothing,
    };
    let (Ok(source), Ok(destination)) = (source.parse(), destination.parse()) else { return Line::Nothing };
    let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse::<u16>()) else {
        return Line::Broken("has a port that is none");
    };
    // Answers have records of their own.
    if to == 0 || (to >= EPHEMERAL && from < EPHEMERAL) {
        return Line::Nothing;
    }
    made(source, destination, protocol, to, outcome)
}

/// `src,dst,protocol,port,verdict,count`; a header is skipped.
fn values(text: &str) -> Line {
    let columns: Vec<&str> = text.split(',').map(str::trim).collect();
    let (Some(&source), Some(&destination), Some(&protocol), Some(&port)) =
        (columns.first(), columns.get(1), columns.get(2), columns.get(3))
    else {
        return Line::Broken("needs `src,dst,protocol,port`");
    };
    if source == "src" {
        return Line::Nothing;
    }
    let outcome = match columns.get(4).map(|verdict| verdict.to_lowercase()).as_deref() {
        None | Some("" | "passed" | "allowed" | "allow" | "accept" | "forwarded") => Outcome::Passed,
        Some("dropped" | "denied" | "deny" | "reject" | "drop") => Outcome::Dropped,
        Some(_) => return Line::Broken("has a verdict that is neither allowed nor denied"),
    };
    let count = columns.get(5).and_then(|count| count.parse().ok()).unwrap_or(1);
    let port = port.parse::<u16>().ok().filter(|&port| port > 0);
    match (spot(source), spot(destination), Protocol::of(&protocol.to_uppercase()), port) {
        (Some(sender), Some(receiver), Some(protocol), Some(port)) => {
            Line::Flow(Flow { sender, receiver, protocol, port, verdict: outcome }, count)
        }
        _ => Line::Broken("needs `namespace/name` or an address, a protocol and a port"),
    }
}

fn made(sender: IpAddr, receiver: IpAddr, protocol: Protocol, port: u16, verdict: Outcome) -> Line {
    let (sender, receiver) = (Spot::Address(sender), Spot::Address(receiver));
    Line::Flow(Flow { sender, receiver, protocol, port, verdict }, 1)
}
