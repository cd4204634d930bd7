//! `hardline net exposure`: what is reachable from outside and from other namespaces.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use hardline_core::network::{AdminExposure, Exposure, Ports, Way, exposure};
use serde::Serialize;

use super::output::Output;
use super::source::{Input, Read};
use crate::terminal::{BOLD, visible};

/// Show what is reachable from outside the cluster and from other namespaces
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ways in are Services of type LoadBalancer and NodePort, external IPs, Ingresses, routes of the
Gateway API, host ports and pods on their node's network. Each is asked whether policies let it
through: load balancers and nodes are taken to keep the client's address; behind an Ingress or a
Gateway the controller's proxy sends. Where its pods are not in the files, it is taken to be
installed as usual, or to be any pod.

Examples:
  hardline net exposure deploy/
  hardline net exposure -o json deploy/ | jq '.workloads[] | select(.outside | length > 0)'")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    output: Output,
}

/// The answer as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: &'static str,
    summary: Summary,
    workloads: Vec<Exposed>,
}

/// How many workloads are reachable from afar.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    workloads: usize,
    from_outside: usize,
    from_every_pod: usize,
}

/// Who reaches one workload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exposed {
    workload: String,
    outside: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every_pod: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    namespaces: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    admin: Vec<Admin>,
}

/// A way from outside.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    opening: &'static str,
    resource: String,
    location: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    /// The ports that the way leads to.
    conn: String,
    /// Those that policies let through; absent where they deny all.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<String>,
}

/// A port for metrics, administration or debugging.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Admin {
    port: u16,
    name: String,
    purpose: &'static str,
    location: String,
    from_outside: bool,
    from_every_pod: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.input.read()?;
    let document = document(&read, &exposure(&read.inventory, &read.network));
    args.output.print(&document, txt)?;
    Ok(ExitCode::SUCCESS)
}

fn document(read: &Read, exposures: &[Exposure<'_>]) -> Document {
    let summary = Summary {
        workloads: exposures.len(),
        from_outside: exposures.iter().filter(|exposure| exposure.is_public()).count(),
        from_every_pod: exposures.iter().filter(|exposure| !exposure.anybody.is_empty()).count(),
    };
    let mut workloads: Vec<Exposed> = exposures.iter().map(|exposure| workload(read, exposure)).collect();
    workloads.retain(|found| !found.outside.is_empty() || found.every_pod.is_some() || !found.namespaces.is_empty());
    workloads.sort_by(|a, b| a.workload.cmp(&b.workload));
    Document { schema: "hardline.net-exposure/v1", summary, workloads }
}

fn workload(read: &Read, exposure: &Exposure<'_>) -> Exposed {
    let resource = exposure.endpoint.resource;
    let admin = |admin: &AdminExposure| Admin {
        port: admin.port,
        name: admin.name.clone(),
        purpose: if admin.metrics { "metrics" } else { "admin" },
        location: read.place(resource, &admin.path),
        from_outside: admin.outside,
        from_every_pod: admin.anybody,
    };
    Exposed {
        workload: exposure.endpoint.to_string(),
        outside: exposure.ways.iter().map(|way| entry(read, way)).collect(),
        every_pod: some(&exposure.anybody),
        namespaces: exposure.namespaces.iter().map(|(&name, ports)| (name.to_owned(), ports.to_string())).collect(),
        admin: exposure.admin.iter().map(admin).collect(),
    }
}

fn entry(read: &Read, way: &Way<'_>) -> Entry {
    Entry {
        opening: way.opening.name(),
        resource: read.inventory[way.resource].id().to_string(),
        location: read.place(way.resource, &way.path),
        hosts: way.hosts.clone(),
        conn: way.ports.to_string(),
        open: some(&way.open),
    }
}

/// The ports in words, if there are any.
fn some(ports: &Ports) -> Option<String> {
    (!ports.is_empty()).then(|| ports.to_string())
}

fn txt(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    for found in &document.workloads {
        writeln!(out, "{BOLD}{}{BOLD:#}", visible(&found.workload))?;
        for way in &found.outside {
            let hosts = if way.hosts.is_empty() { String::new() } else { format!(" for {}", way.hosts.join(", ")) };
            let by = visible(&format!("by {} ({}) at {}{hosts}", way.resource, way.opening, way.location)).into_owned();
            match &way.open {
                Some(open) if *open == way.conn => writeln!(out, "  from outside: {open} {by}")?,
                Some(open) => writeln!(out, "  from outside: {open} of {} {by}", way.conn)?,
                None => writeln!(out, "  from outside: policies deny {} {by}", way.conn)?,
            }
        }
        if let Some(ports) = &found.every_pod {
            writeln!(out, "  from every pod of the cluster: {ports}")?;
        }
        for (namespace, ports) in &found.namespaces {
            writeln!(out, "  from namespace {}: {ports}", visible(namespace))?;
        }
        for admin in &found.admin {
            let who = match (admin.from_outside, admin.from_every_pod) {
                (true, _) => "reachable from outside",
                (false, true) => "reachable from every pod of the cluster",
                (false, false) => continue,
            };
            let (name, location) = (visible(&admin.name), visible(&admin.location));
            writeln!(out, "  {} port {} is {who}, set by `{name}` at {location}", admin.purpose, admin.port)?;
        }
    }
    let Summary { workloads, from_outside, from_every_pod } = document.summary;
    writeln!(
        out,
        "{from_outside} of {workloads} workloads reachable from outside, {from_every_pod} from every pod of the cluster"
    )
}
