//! Who can reach whom.

use std::collections::BTreeMap;

use hardline_core::network::{Endpoint, Peer, Ports};
use hardline_core::resource::ResourceId;
use maud::{Markup, PreEscaped, html};

use crate::dashboard::address::Address;
use crate::dashboard::assets;
use crate::dashboard::parts::{Frame, Page, link_if_there, number};
use crate::picture;

/// How many senders are named.
const NAMED: usize = 25;

pub(crate) fn page(frame: &Frame<'_>) -> Page {
    let reach = frame.reach();
    let body = html! {
        h1 { "Network" }
        p.in {
            "Who can reach whom, as the network policies say. Choose a workload to see what whoever is in it can reach."
            @for note in &reach.notes { " " (note) }
        }
        div.network { (PreEscaped(picture::BODY)) }
        div #data hidden { (reach.data(frame.view.snapshot)) }
        link rel="stylesheet" href=(assets::PICTURE_STYLE.path);
        script defer src=(assets::PICTURE.path) {}
    };
    Page { title: "Network".to_owned(), body }
}

/// Who can reach a workload; nothing of what is none, or of which nothing is known.
pub(crate) fn senders(frame: &Frame<'_>, id: &ResourceId) -> Option<Markup> {
    let reach = frame.reach();
    let network = reach.network();
    let is_it = |endpoint: &&Endpoint| {
        Some(&*endpoint.namespace) == id.namespace.as_deref()
            && *endpoint.name == *id.name
            && *endpoint.kind == *id.kind
    };
    let endpoint = network.endpoints().iter().find(is_it)?;
    let row = network.row(network.party(endpoint));
    let mut inside: BTreeMap<String, (&Endpoint, Ports)> = BTreeMap::new();
    let mut outside: Vec<(Peer<'_>, Ports)> = Vec::new();
    for (ports, parties) in row.parts() {
        for party in parties {
            for sender in network.endpoints_of(party).filter(|sender| !sender.is_same_workload(endpoint)) {
                inside.entry(sender.to_string()).or_insert((sender, Ports::none())).1.unite(ports);
            }
            if let Some((_, addresses)) = network.externals().find(|(external, _)| *external == party) {
                outside.push((Peer::Outside(addresses.clone()), ports.clone()));
            }
        }
    }
    let others = network.endpoints().len().saturating_sub(1);
    Some(html! {
        section aria-labelledby="network" {
            h2 #network { "Who can reach it" }
            p.lead {
                (number(inside.len())) " of " (number(others)) " workloads"
                @if !outside.is_empty() { ", and addresses outside the cluster" }
                ". "
                a href={ (Address::Network) "#" (endpoint.namespace) "/" (endpoint.name) } { "Show it in the network" }
            }
            @for note in &reach.notes { p.in { (note) } }
            @if !inside.is_empty() || !outside.is_empty() {
                table.list {
                    thead { tr { th { "who" } th { "on" } } }
                    tbody {
                        @for (peer, ports) in &outside {
                            tr { th scope="row" { (peer.to_string().trim_end_matches("[External]")) } td { (ports.to_string()) } }
                        }
                        @for (sender, ports) in inside.values().take(NAMED) {
                            tr {
                                th scope="row" {
                                    (sender.namespace) "/ " (link_if_there(frame, &reach.inventory()[sender.resource].id()))
                                }
                                td { (ports.to_string()) }
                            }
                        }
                    }
                }
                @if inside.len() > NAMED { p.in { "and " (number(inside.len() - NAMED)) " more workloads" } }
            }
        }
    })
}
