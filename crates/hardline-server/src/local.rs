//! The dashboard on one's own machine: `hardline audit --serve`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardline_cluster::client::{self, Cluster, connect};
use hardline_cluster::list::{self, observe};
use hardline_cluster::live::Live;
use hardline_cluster::observed::{Observed, Scope};
use hardline_core::config::Config;
use tokio::sync::watch;
use tokio::task;

use crate::auditor::Auditor;
use crate::clock::now;
use crate::dashboard::access::Access;
use crate::dashboard::{self, Dashboard};
use crate::http::stop_signal;
use crate::snapshot::Snapshot;

/// How often a part of a cluster is read anew. Of all of it, changes are watched.
const PERIOD: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Debug)]
pub enum Subject {
    /// What was read, and does not change.
    Read {
        /// What was read.
        observed: Arc<Observed>,
        /// What it is called.
        name: String,
        /// Which part of it is looked at.
        scope: Scope,
    },
    /// A cluster, as it changes.
    Cluster {
        /// Which cluster.
        options: client::Options,
        /// Which part of it; the namespace of its context, if none is given.
        scope: Option<Scope>,
    },
}

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime or its signal handlers cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    /// The cluster cannot be reached.
    #[error(transparent)]
    Cluster(#[from] client::Error),
    /// The dashboard cannot be served.
    #[error(transparent)]
    Dashboard(#[from] dashboard::Error),
}

/// Serves the dashboard until SIGTERM or SIGINT. `ready` is told where it is.
pub fn run(subject: Subject, config: Config, address: &str, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(async {
        let stop = stop_signal()?;
        let (publish, snapshots) = watch::channel(None);
        let dashboard = Arc::new(Dashboard::new(snapshots, Access::Open));
        let listener = dashboard.bind(address).await?;
        let bound = listener.local_addr()?;
        let judging = match subject {
            Subject::Read { observed, name, scope } => {
                let mut auditor = Auditor::new(name, config, None, now).within(scope);
                task::spawn(async move {
                    publish_judged(&mut auditor, observed, &publish);
                    // The channel closes with its sender.
                    std::future::pending().await
                })
            }
            Subject::Cluster { options, scope } => {
                let cluster = connect(&options).await?;
                let scope = scope.unwrap_or_else(|| Scope::Namespace(cluster.namespace.clone()));
                let auditor = Auditor::new(&cluster.name, config, None, now).within(scope.clone());
                task::spawn(async move {
                    match scope {
                        Scope::Everything => {
                            let live = Live::start(&cluster);
                            live.synced().await;
                            auditor.run(live.changes(), publish).await;
                            Ok(())
                        }
                        Scope::Namespace(_) => repeat(&cluster, scope, auditor, publish).await,
                    }
                })
            }
        };
        task::spawn(dashboard.serve(listener, None));
        ready(bound);
        tokio::select! {
            () = stop => Ok(()),
            ended = judging => match ended {
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(())) => Ok(()),
                Err(panic) => Err(io::Error::other(panic).into()),
            },
        }
    });
    // Pages that are open wait for changes, for ever.
    runtime.shutdown_background();
    ran
}

/// Judges a part of a cluster again and again.
async fn repeat(
    cluster: &Cluster,
    scope: Scope,
    mut auditor: Auditor,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
) -> Result<(), client::Error> {
    let options = list::Options { scope, grouped: true };
    // What is wrong from the beginning does not mend itself.
    let mut observed = Some(observe(cluster, &options, &|_| {}).await?);
    loop {
        if let Some(observed) = observed {
            publish_judged(&mut auditor, Arc::new(observed), &publish);
        }
        tokio::time::sleep(PERIOD).await;
        observed = observe(cluster, &options, &|_| {}).await.ok();
    }
}

/// Judges what was read, and publishes it.
fn publish_judged(auditor: &mut Auditor, observed: Arc<Observed>, publish: &watch::Sender<Option<Arc<Snapshot>>>) {
    publish.send_replace(Some(task::block_in_place(|| auditor.judge(observed, now()))));
}
