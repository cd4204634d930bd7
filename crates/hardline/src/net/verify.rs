//! `hardline net verify`: who must and who must not reach whom, as a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use hardline_core::network::{Endpoint, Party, Ports, Protocol};
use hardline_core::pattern;

use super::source::{Input, Read};
use crate::terminal::{self, visible};

/// Check sentences about who must and who must not reach whom
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file of intent has one sentence on a line:
  # comments and empty lines are skipped
  dev/* must not reach prod/*
  shop/checkout must reach shop/orders-db on TCP 5432
  outside must not reach shop/orders-db
  shop/* must reach dns on UDP 53

Examples:
  hardline net verify --intent intent.txt deploy/

Exit codes: 0 every sentence holds, 1 some do not, 2 could not tell")]
pub(crate) struct Args {
    /// The file with the sentences
    #[arg(long, value_name = "FILE")]
    intent: PathBuf,

    #[command(flatten)]
    input: Input,
}

/// A sentence about who must reach whom, or must not.
#[derive(Debug, PartialEq, Eq)]
struct Intent<'t> {
    sender: &'t str,
    reaches: bool,
    receiver: &'t str,
    /// All ports where the sentence names none.
    ports: Option<Ports>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(&args.intent).with_context(|| format!("cannot read `{}`", args.intent.display()))?;
    let read = args.input.read()?;
    let (mut held, mut broken) = (0, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let place = || place(&args.intent, number);
        let intent = parse(line).map_err(|error| anyhow!("{}: {error}", place()))?;
        match violation(&read, &intent).map_err(|error| anyhow!("{}: {error}", place()))? {
            None => held += 1,
            Some(violation) => broken.push(format!("{}: `{line}` does not hold: {violation}", place())),
        }
    }
    terminal::print(|out| {
        broken.iter().try_for_each(|broken| writeln!(out, "{}", visible(broken)))?;
        writeln!(out, "{held} of {} sentences hold", held + broken.len())
    })?;
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

fn place(file: &Path, line: usize) -> String {
    format!("{}:{line}", file.display())
}

fn parse(line: &str) -> anyhow::Result<Intent<'_>> {
    let (words, ports) = match line.split_once(" on ") {
        Some((words, ports)) => (words, Some(parse_ports(ports)?)),
        None => (line, None),
    };
    match *words.split_whitespace().collect::<Vec<_>>() {
        [sender, "must", "reach", receiver] => Ok(Intent { sender, reaches: true, receiver, ports }),
        [sender, "must", "not", "reach", receiver] => Ok(Intent { sender, reaches: false, receiver, ports }),
        _ => bail!("write `SRC must reach DST`, `SRC must not reach DST`, and ` on TCP 443` if ports matter"),
    }
}

/// `TCP 80,443,8000-8010`.
fn parse_ports(text: &str) -> anyhow::Result<Ports> {
    let help = || anyhow!("`{text}` names no ports such as `TCP 80,443` or `UDP 8000-8010`");
    let (protocol, list) = text.trim().split_once(' ').ok_or_else(help)?;
    let protocol = Protocol::of(protocol).ok_or_else(help)?;
    let mut ports = Ports::none();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse().ok().filter(|&port: &u16| port > 0).ok_or_else(help);
        ports.unite(&Ports::range(protocol, number(low)?, number(high)?));
    }
    Ok(ports)
}

/// What breaks a sentence, if anything does. A name that nothing bears is an error: the sentence
/// would hold for ever.
fn violation(read: &Read, intent: &Intent<'_>) -> anyhow::Result<Option<String>> {
    let (senders, receivers) = (ends(read, intent.sender)?, ends(read, intent.receiver)?);
    for (receiver, party) in &receivers {
        let row = read.network.row(*party);
        for (sender, sending) in senders.iter().filter(|(sender, _)| sender != receiver) {
            let reached = row.ports(*sending);
            let wanted = intent.ports.clone().unwrap_or_else(Ports::all);
            let both = reached.intersect(&wanted);
            if intent.reaches {
                let enough = if intent.ports.is_some() { both == wanted } else { !both.is_empty() };
                if reached.is_empty() {
                    return Ok(Some(format!("{sender} reaches {receiver} on no port")));
                }
                if !enough {
                    return Ok(Some(format!("{sender} reaches {receiver} on {reached}")));
                }
            } else if !both.is_empty() {
                return Ok(Some(format!("{sender} reaches {receiver} on {both}")));
            }
        }
    }
    Ok(None)
}

/// The ends that a pattern names: `namespace/name` with `*`, `outside` or `dns`.
fn ends(read: &Read, pattern: &str) -> anyhow::Result<Vec<(String, Party)>> {
    let network = &read.network;
    let ends: Vec<(String, Party)> = match pattern {
        "outside" => network.externals().map(|(party, addresses)| (addresses.to_string(), party)).collect(),
        "dns" => network.dns().iter().take(1).map(|&party| ("kube-system/kube-dns".to_owned(), party)).collect(),
        _ => {
            let named =
                |endpoint: &&Endpoint| pattern::matches(pattern, &format!("{}/{}", endpoint.namespace, endpoint.name));
            let found = network.endpoints().iter().filter(named);
            found.map(|endpoint| (endpoint.to_string(), network.party(endpoint))).collect()
        }
    };
    if ends.is_empty() {
        bail!("`{pattern}` names no workload: write `namespace/name`, where `*` stands for any characters");
    }
    Ok(ends)
}
