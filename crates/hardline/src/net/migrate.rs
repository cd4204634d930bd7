//! `hardline net migrate-anp`: policies of v1alpha1 in the words of their successor, with a proof.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{self, Network, Successor};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_manifest::edit;

use super::source::Input;
use crate::terminal;

/// Rewrite cluster-wide policies of v1alpha1 as their successor, and prove that nothing changes
#[derive(Debug, clap::Args)]
#[command(name = "migrate-anp")]
#[command(after_help = "\
The new policies go to standard output. They are printed only if the old and the new ones allow the
same connections, between the workloads of the files and between pods made up to meet and to miss
each selector.

Examples:
  hardline net migrate-anp policies/ > cluster-network-policies.yaml

Exit codes: 0 nothing changes, 1 something would, 2 could not tell")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let read = args.input.read()?;
    let successors = network::successors(&read.inventory);
    if successors.is_empty() {
        bail!("no AdminNetworkPolicy or BaselineAdminNetworkPolicy in these files: there is nothing to migrate");
    }
    let mut lost = 0;
    for problem in successors.iter().flat_map(|successor| &successor.problems) {
        lost += 1;
        let id = read.inventory[problem.resource].id();
        terminal::notice(&format!("{id}: {}", problem.message));
    }
    let new = resources(successors.iter().map(|successor| successor.object.to_string()))?;
    let made_up = resources(network::made_up(&read.inventory).iter().map(ToString::to_string))?;
    let assumptions = args.input.reading.assumptions();
    let policies = read.inventory.resources().filter(|resource| is_policy(resource));
    let synthetic = Inventory::new(policies.cloned().chain(made_up).collect(), Coverage::everything());
    let mut proven = 0;
    for inventory in [&read.inventory, &synthetic] {
        let (before, after) =
            (Network::of(inventory, assumptions), Network::of(&migrated(inventory, &new), assumptions));
        let changes = before.changes(&after);
        for change in changes.iter().take(10) {
            terminal::notice(&format!(
                "{} would not be reached as before: {} opened, {} closed",
                change.receiver, change.opened, change.closed
            ));
        }
        lost += changes.len();
        proven += before.endpoints().len();
    }
    if lost > 0 {
        return Ok(ExitCode::from(1));
    }
    let texts: Vec<String> = successors.iter().map(|successor: &Successor| edit::document(&successor.object)).collect();
    terminal::print(|out| write!(out, "{}", texts.join("---\n")))?;
    terminal::notice(&format!("{} policies migrated; {proven} workloads reach each other as before", successors.len()));
    Ok(ExitCode::SUCCESS)
}

fn is_policy(resource: &Resource) -> bool {
    matches!(
        resource.kind(),
        Kind::NetworkPolicy | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy | Kind::ClusterNetworkPolicy
    )
}

/// The objects as resources.
fn resources(texts: impl Iterator<Item = String>) -> anyhow::Result<Vec<Resource>> {
    let text = texts.collect::<Vec<_>>().join("\n---\n");
    let read = hardline_manifest::read::read(&Arc::new(Source::new("migrated.json", text)));
    if let Some(finding) = read.findings.first() {
        bail!("a migrated policy cannot be read: {}", finding.message);
    }
    Ok(read.resources)
}

/// The inventory with the new policies in the place of the old ones.
fn migrated(inventory: &Inventory, new: &[Resource]) -> Inventory {
    let old = inventory
        .resources()
        .filter(|resource| matches!(resource.kind(), Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy));
    old.fold(inventory.with(new.to_vec()), |inventory, policy| inventory.without(policy))
}
