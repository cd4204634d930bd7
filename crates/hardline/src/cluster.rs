//! The arguments that say which cluster to ask. They are kubectl's, and mean the same on every
//! subcommand that asks one.

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use hardline_cluster::client::{self, Cluster, Error, connect};
use hardline_cluster::list::{self, observe};
use hardline_cluster::observed::{Observed, Scope};
use hardline_cluster::whole::Waiter;

use crate::progress::Progress;

/// Which cluster to ask, and for what part of it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The kubeconfig [default: that of `KUBECONFIG`, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The namespace [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,

    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
}

/// A cluster as it was read.
pub(crate) struct Asked {
    pub(crate) cluster: Cluster,
    pub(crate) scope: Scope,
    pub(crate) observed: Observed,
}

impl ClusterArgs {
    /// Reads the part of the cluster that is named. `grouped` leaves out what another resource stands
    /// for, such as the pods of a deployment.
    pub(crate) fn observe(&self, grouped: bool, progress: &Progress) -> anyhow::Result<Asked> {
        wait(async {
            let cluster = self.connect().await?;
            let options = list::Options { scope: self.scope(&cluster), grouped };
            let observed = observe(&cluster, &options, &|read| progress.set(read)).await?;
            Ok(Asked { cluster, scope: options.scope, observed })
        })
    }

    /// The cluster that is named.
    pub(crate) async fn connect(&self) -> Result<Cluster, Error> {
        connect(&self.options(None)).await
    }

    /// How to reach the cluster that is named, or another context of the same kubeconfig.
    pub(crate) fn options(&self, context: Option<&String>) -> client::Options {
        let context = context.or(self.context.as_ref()).cloned();
        client::Options { kubeconfig: self.kubeconfig.clone(), context }
    }

    /// The namespace, if one is named.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether all namespaces are asked for.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.all_namespaces
    }

    /// The part that is named; of a dump, all of it by default.
    pub(crate) fn scope_of_dump(&self) -> Scope {
        self.namespace.clone().map_or(Scope::Everything, Scope::Namespace)
    }

    /// The part that is named, if one is.
    pub(crate) fn named_scope(&self) -> Option<Scope> {
        if self.all_namespaces {
            return Some(Scope::Everything);
        }
        self.namespace.clone().map(Scope::Namespace)
    }

    fn scope(&self, cluster: &Cluster) -> Scope {
        self.named_scope().unwrap_or_else(|| Scope::Namespace(cluster.namespace.clone()))
    }
}

/// Waits for what a cluster has to say.
pub(crate) fn wait<T>(answer: impl Future<Output = Result<T, Error>>) -> anyhow::Result<T> {
    Waiter::new().context("cannot wait for the network")?.wait(answer).map_err(with_help)
}

/// The error and, on a line of its own, what to do about it.
pub(crate) fn with_help(error: Error) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    }
}
