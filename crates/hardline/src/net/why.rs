//! `hardline net why`: what becomes of one connection, because of which line.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use hardline_core::network::{Action, Direction, Endpoint, Party, Protocol, Reason, Side};
use hardline_core::path::FieldPath;
use hardline_core::tree::Value;
use hardline_core::workload::{Container, Workload};
use serde::Serialize;

use super::output::Output;
use super::source::{Read, Reading};
use crate::source::Source;
use crate::terminal::{BOLD, visible};

/// Say whether a connection passes, because of which policy, and what would change it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline net why shop/checkout shop/orders-db 5432 --from deploy/
  hardline net why checkout 203.0.113.7 443
  hardline net why checkout dns")]
pub(crate) struct Args {
    /// Who sends: a workload such as `shop/checkout`, or an address
    #[arg(value_name = "SRC")]
    sender: String,

    /// Who receives: a workload, an address, or `dns` for the cluster's name servers
    #[arg(value_name = "DST")]
    receiver: String,

    /// The port, such as `5432` or `53/UDP` [default: every port that the receiver declares]
    #[arg(value_name = "PORT", value_parser = port)]
    port: Option<(Protocol, u16)>,

    /// Manifests, charts, kustomizations, `-` for standard input, `git:REPO@REV:PATH`, `dump:PATH`, or
    /// `cluster[:CONTEXT]`
    #[arg(long, value_name = "SOURCE", default_value = ".")]
    from: Vec<Source>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    output: Output,
}

/// One end of the connection that is asked about.
struct End<'r> {
    party: Party,
    name: String,
    endpoint: Option<&'r Endpoint>,
}

/// The answer as JSON.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    answers: Vec<Answer>,
}

/// What becomes of the connection on one port.
#[derive(Serialize)]
struct Answer {
    src: String,
    dst: String,
    port: String,
    allowed: bool,
    egress: Because,
    ingress: Because,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What one side says, and why.
#[derive(Serialize)]
struct Because {
    allowed: bool,
    reason: String,
    policies: Vec<Cited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flip: Option<String>,
}

/// A policy, and the line that decides.
#[derive(Serialize)]
struct Cited {
    policy: String,
    path: String,
    location: String,
}

fn port(text: &str) -> Result<(Protocol, u16), String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
    let number = number.parse().ok().filter(|&number| number > 0);
    let protocol = Protocol::of(&protocol.to_uppercase());
    protocol.zip(number).ok_or_else(|| "write a port from 1 to 65535, such as 5432 or 53/UDP".to_owned())
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.reading.read(&args.from)?;
    let sender = end(&read, &args.sender)?;
    let receiver = end(&read, &args.receiver)?;
    let ports = match args.port {
        Some(port) => vec![port],
        None => declared(&read, &receiver),
    };
    let answers = ports.into_iter().map(|port| answer(&read, &sender, &receiver, port)).collect();
    let document = Document { schema: "hardline.net-why/v1", answers };
    args.output.print(&document, |document, out| document.answers.iter().try_for_each(|answer| human(answer, out)))?;
    Ok(ExitCode::SUCCESS)
}

fn end<'r>(read: &'r Read, name: &str) -> anyhow::Result<End<'r>> {
    if let Ok(address) = name.parse::<IpAddr>() {
        let party = read.network.party_of(address).context("neither a pod nor a policy speaks IPv6 here")?;
        return Ok(End { party, name: name.to_owned(), endpoint: None });
    }
    if name == "dns" {
        let server = read.network.dns().first().ok_or_else(|| anyhow!("no name server is known"))?;
        return Ok(End { party: *server, name: "kube-system/kube-dns".to_owned(), endpoint: None });
    }
    let endpoint = read.endpoint(name)?;
    Ok(End { party: read.network.party(endpoint), name: endpoint.to_string(), endpoint: Some(endpoint) })
}

/// The ports that the receiver declares; those of DNS for a name server, TCP 443 for an address.
fn declared(read: &Read, receiver: &End<'_>) -> Vec<(Protocol, u16)> {
    let Some(endpoint) = receiver.endpoint else {
        return if read.network.dns().contains(&receiver.party) {
            vec![(Protocol::Udp, 53), (Protocol::Tcp, 53)]
        } else {
            vec![(Protocol::Tcp, 443)]
        };
    };
    let workload = Workload::of(&read.inventory[endpoint.resource]);
    let containers = workload.iter().flat_map(Workload::containers).filter(Container::is_long_running);
    let mut ports: Vec<_> = containers
        .flat_map(|container| container.get("ports").into_iter().flat_map(Value::items))
        .filter_map(|port| {
            let protocol = port.get("protocol").map_or(Some(Protocol::Tcp), |name| Protocol::of(name.raw()))?;
            Some((protocol, u16::try_from(port.get("containerPort")?.int()?).ok()?))
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() { vec![(Protocol::Tcp, 80)] } else { ports }
}

fn answer(read: &Read, sender: &End<'_>, receiver: &End<'_>, port: (Protocol, u16)) -> Answer {
    let network = &read.network;
    let decision = network.why(sender.party, receiver.party, port.0, port.1);
    let asks_dns = network.dns().contains(&receiver.party);
    let blind = sender.endpoint.is_some() && !asks_dns && !network.can_resolve(sender.party);
    let note = blind.then(|| {
        format!("`{}` cannot resolve names: no policy lets it reach kube-dns in kube-system on UDP 53", sender.name)
    });
    let side = |direction: Direction, side: &Side| because(read, direction, side, sender, receiver, port);
    Answer {
        src: sender.name.clone(),
        dst: receiver.name.clone(),
        port: format!("{} {}", port.0, port.1),
        allowed: decision.allowed(),
        egress: side(Direction::Egress, &decision.egress),
        ingress: side(Direction::Ingress, &decision.ingress),
        note,
    }
}

fn because(
    read: &Read,
    direction: Direction,
    side: &Side,
    sender: &End<'_>,
    receiver: &End<'_>,
    port: (Protocol, u16),
) -> Because {
    let (subject, peer) = match direction {
        Direction::Ingress => (receiver, sender),
        Direction::Egress => (sender, receiver),
    };
    let spec = FieldPath::of(&["spec"]);
    let (reason, policies, flip) = match &side.reason {
        Reason::NoPolicy => ("no policy selects it".to_owned(), Vec::new(), None),
        Reason::Unheld => ("policies do not hold it".to_owned(), Vec::new(), None),
        Reason::Rule { policy, index, action } => {
            let word = match action {
                Action::Accept => "a rule allows it",
                Action::Deny => "a rule denies it",
                Action::Pass => "a rule leaves it to the default, which allows it",
            };
            let path = spec.key(direction.key()).index(*index as usize);
            (word.to_owned(), vec![cited(read, *policy, path)], None)
        }
        Reason::Isolated { policies } => {
            let cite = |&policy: &u32| cited(read, policy, spec.clone().key("podSelector"));
            let flip = format!(
                "let a policy that selects `{}` allow {direction} {} `{}` on {} {}",
                subject.name,
                if direction == Direction::Ingress { "from" } else { "to" },
                peer.name,
                port.0,
                port.1
            );
            ("policies isolate it and none allows this".to_owned(), policies.iter().map(cite).collect(), Some(flip))
        }
    };
    Because { allowed: side.allowed, reason, policies, flip }
}

fn cited(read: &Read, policy: u32, path: FieldPath) -> Cited {
    let id = read.inventory[policy].id();
    Cited { policy: id.to_string(), location: read.place(policy, &path), path: path.to_string() }
}

fn human(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let word = |allowed: bool| if allowed { "allowed" } else { "denied" };
    let (src, dst) = (visible(&answer.src), visible(&answer.dst));
    writeln!(out, "{BOLD}{src} => {dst} : {} is {}{BOLD:#}", answer.port, word(answer.allowed))?;
    for (name, of, side) in [("egress", &src, &answer.egress), ("ingress", &dst, &answer.ingress)] {
        writeln!(out, "  {name} of {of}: {}, {}", word(side.allowed), side.reason)?;
        for cited in &side.policies {
            writeln!(out, "    {} {} at {}", visible(&cited.policy), cited.path, visible(&cited.location))?;
        }
    }
    for flip in [&answer.egress.flip, &answer.ingress.flip].into_iter().flatten() {
        writeln!(out, "  to change it: {}", visible(flip))?;
    }
    answer.note.iter().try_for_each(|note| writeln!(out, "  note: {}", visible(note)))
}
