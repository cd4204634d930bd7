//! Where the pods and policies come from, and how they are called.

use std::path::PathBuf;

use anyhow::bail;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Endpoint, Network};
use hardline_core::path::FieldPath;

use crate::progress::Progress;
use crate::sources::{self, Configured};
use crate::terminal;

/// How to read manifests, the same on every subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    sources: sources::SourceOptions,

    /// Let no `ipBlock` match pods by their own addresses, as Cilium does by default
    #[arg(long)]
    blocks_exclude_pods: bool,
}

/// The manifests to read, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Manifests {
    /// Files, folders, globs, Helm charts, kustomizations, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) reading: Reading,
}

/// Manifests and the network in them.
pub(super) struct Read {
    pub inventory: Inventory,
    pub network: Network,
}

impl Manifests {
    /// Reads the manifests, as [`Reading::read`] does.
    pub(super) fn read(&self) -> anyhow::Result<Read> {
        self.reading.read(&self.paths)
    }
}

impl Reading {
    /// Reads the manifests, and says what of them is not modelled or cannot be meant.
    pub(super) fn read(&self, paths: &[PathBuf]) -> anyhow::Result<Read> {
        let Configured { config, exclude, .. } = self.sources.config(paths)?;
        let mut options = self.sources.options(&config, exclude);
        // Who reaches whom depends on it, and every pod is in some namespace.
        options.namespace.get_or_insert_with(|| "default".to_owned());
        let progress = Progress::start("reading", false);
        let loaded = self.sources.load(paths, &options, &progress)?;
        drop(progress);
        loaded.notices.iter().for_each(|notice| terminal::notice(notice));
        loaded.findings.iter().for_each(|finding| terminal::notice(&finding.message));
        let inventory = Inventory::new(loaded.resources, Coverage::everything());
        let network = Network::of(&inventory, self.assumptions());
        let read = Read { inventory, network };
        for &policy in read.network.unmodelled() {
            let id = read.inventory[policy].id();
            terminal::notice(&format!(
                "{id} ({}) is not modelled: what it allows or denies is not shown",
                id.api_version
            ));
        }
        for problem in read.network.problems() {
            let place = read.place(problem.resource, &problem.path);
            terminal::notice(&format!("{place}: {}", problem.message));
        }
        Ok(read)
    }

    pub(super) fn assumptions(&self) -> Assumptions {
        Assumptions { blocks_match_pods: !self.blocks_exclude_pods }
    }
}

impl Read {
    /// Where a field of a resource is written: `file:line:column`.
    pub(super) fn place(&self, resource: u32, path: &FieldPath) -> String {
        let resource = &self.inventory[resource];
        let span = resource.value().follow(path).span();
        let position = resource.source().position(span.start);
        format!("{}:{}:{}", resource.source().name, position.line, position.column)
    }

    /// The endpoint of this name: `checkout`, `shop/checkout` or `shop/checkout[Deployment]`.
    pub(super) fn endpoint(&self, name: &str) -> anyhow::Result<&Endpoint> {
        let full = |endpoint: &Endpoint| endpoint.to_string();
        let matches = |endpoint: &&Endpoint| {
            full(endpoint) == name
                || format!("{}/{}", endpoint.namespace, endpoint.name) == name
                || *endpoint.name == *name
        };
        let mut found = self.network.endpoints().iter().filter(matches);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) if full(one) == full(other) => Ok(one),
            (Some(one), Some(other)) => bail!("`{name}` may be {one} or {other}: write the one that is meant"),
            (None, _) => bail!("no workload is called `{name}`; `hardline net list` names those that can connect"),
        }
    }
}
