//! `hardline net generate`: the policies that should be there.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Need, Network, deviations, generate, needs, observed, reachable, resolution};
use hardline_core::resource::Kind;
use hardline_core::source::Source as Text;
use hardline_manifest::read;

use super::observed::{flows, names};
use super::source::{Input, Read};
use crate::terminal;

/// How many deviations are named.
const NAMED: usize = 10;

/// Write policies that deny by default and allow what is needed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is needed is read from the manifests: Services named in environments, arguments and
ConfigMaps; Services of type LoadBalancer and NodePort; backends of Ingresses. What programs are
told elsewhere is not seen: read the policies before you apply them. With `--flows` it is the traffic
that passed, with `--reachability` whatever can connect now, so that only what is added later is denied.

The policies are held against what is needed before they are printed, and each deviation is named: pods
that bear the same labels cannot be told apart.

Examples:
  hardline net generate deploy/ > policies.yaml
  hubble observe -o json --last 100000 | hardline net generate --flows - cluster > policies.yaml
  hardline net generate --reachability cluster -n shop > policies.yaml

Exit codes: 0 the policies allow exactly what is needed, 1 they deviate as is told, 2 could not tell")]
pub(crate) struct Args {
    /// Allow what these flows show, in the formats of `hardline net observed`; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "reachability")]
    flows: Vec<PathBuf>,

    /// Who is behind addresses of the flows: lines such as `10.0.3.7 shop/checkout`
    #[arg(long, value_name = "FILE", requires = "flows")]
    map: Option<PathBuf>,

    /// Allow what is reachable now
    #[arg(long)]
    reachability: bool,

    #[command(flatten)]
    input: Input,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let seen = flows(&args.flows)?;
    let behind = args.map.as_deref().map(names).transpose()?.unwrap_or_default();
    let read = if args.flows.is_empty() { args.input.read_grouped()? } else { args.input.read()? };
    let Read { inventory, network } = &read;
    let needs: Vec<Need<'_>> = if args.reachability {
        reachable(inventory, network)
    } else {
        let mut needs = resolution(network);
        needs.extend(if args.flows.is_empty() {
            needs_of_manifests(&read)
        } else {
            observed(inventory, network, &seen, &behind).needs()
        });
        needs
    };
    let generated = generate(inventory, network, &needs);
    if generated.policies.is_empty() {
        bail!("no workload in these sources: there is nothing to write policies for");
    }
    for workload in &generated.unselectable {
        terminal::notice(&format!("{workload} cannot be selected: what it needs is left out"));
    }
    let text = generated.policies.join("---\n");
    let deviates = tell_deviations(args, inventory, &text, &needs)?;
    terminal::print(|out| write!(out, "{text}"))?;
    Ok(ExitCode::from(u8::from(deviates || !generated.unselectable.is_empty())))
}

fn needs_of_manifests(read: &Read) -> Vec<Need<'_>> {
    needs(&read.inventory, &read.network)
}

/// Says where the policies allow more or less than is needed.
fn tell_deviations(args: &Args, inventory: &Inventory, text: &str, needs: &[Need<'_>]) -> anyhow::Result<bool> {
    let new = read::read(&Arc::new(Text::new("policies.yaml", text)));
    if let Some(finding) = new.findings.first() {
        bail!("a generated policy cannot be read: {}", finding.message);
    }
    let namespace: Arc<str> = "default".into();
    let new = new.resources.into_iter().map(|policy| policy.with_default_namespace(Some(namespace.clone())));
    let kept = inventory.resources().filter(|resource| resource.kind() != Kind::NetworkPolicy).cloned();
    let inventory = Inventory::new(kept.chain(new).collect(), Coverage::everything());
    let network = Network::of(&inventory, args.input.reading.assumptions());
    let found = deviations(&network, needs);
    for deviation in found.iter().take(NAMED) {
        let (sender, receiver) = (&deviation.sender, &deviation.receiver);
        if !deviation.missing.is_empty() {
            terminal::notice(&format!("{sender} needs {receiver} on {}, and is denied", deviation.missing));
        }
        if !deviation.extra.is_empty() {
            terminal::notice(&format!("{sender} reaches {receiver} on {} as well", deviation.extra));
        }
    }
    if found.len() > NAMED {
        terminal::notice(&format!("{} more connections deviate", found.len() - NAMED));
    }
    Ok(!found.is_empty())
}
