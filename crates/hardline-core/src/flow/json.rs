//! Flows of Cilium's Hubble and of Calico.

use serde_json::Value as Json;

use super::{Flow, Line, Outcome, Spot, spot};
use crate::network::Protocol;

pub(super) fn line(text: &str) -> Line {
    let Ok(object) = serde_json::from_str::<Json>(text) else { return Line::Broken("is no JSON") };
    // `hubble observe -o json` wraps a flow, exporters may not.
    let inner = object.get("flow").unwrap_or(&object);
    if inner.get("l4").is_some() || inner.get("verdict").is_some() {
        return hubble(inner);
    }
    if object.get("dest_namespace").is_some() || object.get("dest_ip").is_some() {
        return calico(&object);
    }
    // Hubble tells in between which node is connected, and how many events it lost.
    if object.get("node_status").is_some() || object.get("lost_events").is_some() {
        return Line::Nothing;
    }
    Line::Broken("is neither a flow of Hubble nor one of Calico")
}

/// A flow of `hubble observe -o json`, or of its exporter.
///
/// <https://docs.cilium.io/en/stable/_api/v1/flow/README/>
fn hubble(flow: &Json) -> Line {
    if flow["is_reply"] == true || flow["Type"] == "L7" {
        return Line::Nothing;
    }
    let outcome = match flow["verdict"].as_str() {
        Some("FORWARDED" | "REDIRECTED" | "AUDIT" | "TRANSLATED") => Outcome::Passed,
        Some("DROPPED") => Outcome::Dropped,
        _ => return Line::Nothing,
    };
    let protocols = [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp), ("SCTP", Protocol::Sctp)];
    let Some((key, protocol)) = protocols.into_iter().find(|(key, _)| flow["l4"].get(key).is_some()) else {
        return Line::Nothing;
    };
    let Some(port) = number(&flow["l4"][key]["destination_port"]) else {
        return Line::Broken("has no destination port");
    };
    let end = |name: &str| {
        let end = &flow[name];
        let text = |key: &str| end[key].as_str().filter(|text| !text.is_empty());
        let workload = end["workloads"][0]["name"].as_str();
        match (text("namespace"), workload.or_else(|| text("pod_name"))) {
            (Some(namespace), Some(name)) => {
                Some(Spot::Named { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => flow["IP"][name].as_str().and_then(spot),
        }
    };
    flow_of(end("source"), end("destination"), protocol, port, outcome, 1)
}

/// A line of Calico's flow logs.
///
/// <https://docs.tigera.io/calico/latest/observability/flow-logs-api>
fn calico(flow: &Json) -> Line {
    // The same flow is reported by both ends.
    let text = |key: &str| flow[key].as_str().filter(|text| !text.is_empty() && *text != "-");
    let Some(protocol) = text("proto").and_then(|name| Protocol::of(&name.to_uppercase())) else {
        return Line::Nothing;
    };
    let Some(port) = number(&flow["dest_port"]) else { return Line::Broken("has no `dest_port`") };
    let outcome = match text("action") {
        Some("allow") => Outcome::Passed,
        Some("deny") => Outcome::Dropped,
        _ => return Line::Broken("has no `action` of allow or deny"),
    };
    let end = |side: &str| {
        let field = |name: &str| text(&format!("{side}_{name}")).map(str::to_owned);
        let name = field("name").filter(|name| !name.contains('*')).or_else(|| field("name_aggr"));
        match (field("namespace"), name) {
            (Some(namespace), Some(name)) => {
                Some(Spot::Named { namespace, name: name.trim_end_matches('*').trim_end_matches('-').to_owned() })
            }
            _ => field("ip").and_then(|address| spot(&address)),
        }
    };
    let count = flow["num_flows"].as_u64().unwrap_or(1);
    flow_of(end("source"), end("dest"), protocol, port, outcome, count)
}

fn number(value: &Json) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|&port| port > 0)
}

fn flow_of(
    sender: Option<Spot>,
    receiver: Option<Spot>,
    protocol: Protocol,
    port: u16,
    verdict: Outcome,
    count: u64,
) -> Line {
    match sender.zip(receiver) {
        Some((sender, receiver)) => Line::Flow(Flow { sender, receiver, protocol, port, verdict }, count),
        None => Line::Broken("names an end neither by pod nor by address"),
    }
}
