//! Where the pods and policies come from, and how they are called.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use hardline_cluster::client::{self, connect};
use hardline_cluster::dump;
use hardline_cluster::list::{self, observe};
use hardline_cluster::observed::{Observed, Scope};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Endpoint, Network};
use hardline_core::path::FieldPath;
use hardline_core::resource::{Kind, Resource};
use hardline_manifest::load::Loaded;

use crate::cluster::wait;
use crate::progress::Progress;
use crate::source::{self, Source};
use crate::sources::{self, Configured};
use crate::terminal;

/// The policies that hold for the whole cluster.
const CLUSTER_WIDE: [Kind; 3] =
    [Kind::AdminNetworkPolicy, Kind::BaselineAdminNetworkPolicy, Kind::ClusterNetworkPolicy];

/// How to read, the same on every subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    sources: sources::SourceOptions,

    /// The kubeconfig, instead of those that `KUBECONFIG` names or `~/.kube/config`
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Let no `ipBlock` match pods by their own addresses, as Cilium does by default
    #[arg(long)]
    blocks_exclude_pods: bool,
}

/// What to read, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// Manifests, charts, kustomizations, `-` for standard input, `git:REPO@REV:PATH`, `dump:PATH`, or
    /// `cluster[:CONTEXT]`
    #[arg(value_name = "SOURCE", default_value = ".")]
    sources: Vec<Source>,

    #[command(flatten)]
    pub(super) reading: Reading,
}

/// Resources and the network in them.
pub(super) struct Read {
    pub inventory: Inventory,
    pub network: Network,
}

impl Input {
    /// Reads the sources, as [`Reading::read`] does.
    pub(super) fn read(&self) -> anyhow::Result<Read> {
        self.reading.read(&self.sources)
    }

    /// Reads the sources without pods that another resource stands for: what is written for them is
    /// to hold for the pods to come.
    pub(super) fn read_grouped(&self) -> anyhow::Result<Read> {
        self.reading.read_as(&self.sources, true)
    }

    /// Reads them and what they were before, as [`Reading::pair`] does.
    pub(super) fn since(&self, before: &Source) -> anyhow::Result<(Read, Read)> {
        self.reading.pair(std::slice::from_ref(before), &self.sources)
    }
}

impl Reading {
    /// Reads the sources, and says what of them is not known, not modelled, or cannot be meant.
    pub(super) fn read(&self, sources: &[Source]) -> anyhow::Result<Read> {
        self.read_as(sources, false)
    }

    fn read_as(&self, sources: &[Source], grouped: bool) -> anyhow::Result<Read> {
        let inventory = match sources {
            [one] if is_observed(one) => self.observe(one, grouped)?,
            several => Inventory::new(self.manifests(several)?, Coverage::everything()),
        };
        Ok(self.read_of(inventory))
    }

    /// Reads what is to be compared. Manifests that are held against a cluster or a dump are laid
    /// over it, as if they were applied: what they do not name stays as it is there.
    pub(super) fn pair(&self, before: &[Source], after: &[Source]) -> anyhow::Result<(Read, Read)> {
        let (before, after) = match (before, after) {
            ([live], manifests) if is_observed(live) && !manifests.iter().any(is_observed) => {
                let live = self.observe(live, true)?;
                let applied = live.with(self.manifests(manifests)?);
                (live, applied)
            }
            (manifests, [live]) if is_observed(live) && !manifests.iter().any(is_observed) => {
                let live = self.observe(live, true)?;
                let applied = live.with(self.manifests(manifests)?);
                (applied, live)
            }
            (before, after) => return Ok((self.read(before)?, self.read(after)?)),
        };
        Ok((self.read_of(before), self.read_of(after)))
    }

    fn read_of(&self, inventory: Inventory) -> Read {
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
        read
    }

    /// What manifests hold. They are taken to be all that there is.
    fn manifests(&self, sources: &[Source]) -> anyhow::Result<Vec<Resource>> {
        let mut paths = Vec::new();
        for source in sources {
            match source {
                Source::Path(path) => paths.push(path.clone()),
                Source::Git { .. } => {}
                Source::Dump(_) | Source::Cluster(_) => {
                    bail!("`{source}` is all that there is: name no source beside it")
                }
                Source::Helm { .. } | Source::Gitops(_) => {
                    bail!("`{source}` is read by `hardline drift`: name a cluster or manifests here")
                }
            }
        }
        let Configured { config, exclude, .. } = self.sources.config(&paths)?;
        let mut options = self.sources.options(&config, exclude);
        // Who reaches whom depends on it, and every pod is in some namespace.
        options.namespace.get_or_insert_with(|| "default".to_owned());
        let progress = Progress::start("reading", false);
        let mut all = Vec::new();
        if !paths.is_empty() {
            all.push(self.sources.load(&paths, &options, &progress)?);
        }
        for revision in sources.iter().filter(|source| matches!(source, Source::Git { .. })) {
            all.push(source::read(revision, &options)?);
        }
        drop(progress);
        let told = |loaded: Loaded| {
            loaded.notices.iter().for_each(|notice| terminal::notice(notice));
            loaded.findings.iter().for_each(|finding| terminal::notice(&finding.message));
            loaded.resources
        };
        Ok(all.into_iter().flat_map(told).collect())
    }

    /// What a cluster or a dump holds, as far as it is known who reaches whom. `grouped` leaves out
    /// the pods that another resource stands for.
    fn observe(&self, source: &Source, grouped: bool) -> anyhow::Result<Inventory> {
        let progress = Progress::counting("objects", "reading", false);
        let observed = if let Source::Dump(path) = source {
            let read = if grouped { dump::read } else { dump::read_all };
            read(path, &dump::Limits::default(), &|read| progress.set(read))?
        } else {
            let context = if let Source::Cluster(context) = source { context.clone() } else { None };
            let scope = self.sources.namespace().map_or(Scope::Everything, |name| Scope::Namespace(name.to_owned()));
            let cluster = client::Options { kubeconfig: self.kubeconfig.clone(), context };
            wait(async {
                let cluster = connect(&cluster).await?;
                observe(&cluster, &list::Options { scope, grouped }, &|read| progress.set(read)).await
            })?
        };
        drop(progress);
        known(observed)
    }

    pub(super) fn assumptions(&self) -> Assumptions {
        Assumptions { blocks_match_pods: !self.blocks_exclude_pods }
    }
}

fn is_observed(source: &Source) -> bool {
    matches!(source, Source::Dump(_) | Source::Cluster(_))
}

/// The inventory without the namespaces whose policies are not all known, which are named: nothing is
/// said about who reaches whom there.
fn known(observed: Observed) -> anyhow::Result<Inventory> {
    let Observed { inventory, gaps, .. } = observed;
    for gap in gaps {
        terminal::notice(&format!("{} not read: {}", gap.what, gap.why));
    }
    let unknown: Vec<&str> =
        CLUSTER_WIDE.into_iter().filter(|&kind| !inventory.covers(kind, None)).map(Kind::name).collect();
    if !unknown.is_empty() {
        terminal::notice(&format!("{} not known, and taken not to be there", unknown.join(", ")));
    }
    let of_workloads: BTreeSet<&str> =
        inventory.workloads().filter_map(|workload| workload.resource.namespace()).collect();
    let (known, unknown): (BTreeSet<&str>, BTreeSet<&str>) =
        of_workloads.into_iter().partition(|&namespace| inventory.covers(Kind::NetworkPolicy, Some(namespace)));
    if unknown.is_empty() {
        return Ok(inventory);
    }
    let names: Vec<&str> = unknown.iter().copied().collect();
    if known.is_empty() {
        bail!(
            "the policies of {} are not known, and nothing else was read\n\
             help: read NetworkPolicies as well, or name the dump without `dump:` if they are all in it",
            names.join(", ")
        );
    }
    terminal::notice(&format!("the policies of {} are not known: these namespaces are left out", names.join(", ")));
    let kept = inventory.resources().filter(|resource| resource.namespace().is_none_or(|name| !unknown.contains(name)));
    Ok(Inventory::new(kept.cloned().collect(), Coverage::everything()))
}

impl Read {
    /// Where a field of a resource is written: `file:line:column`, or
    /// `cluster/namespace/kind/name:line:column`.
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
