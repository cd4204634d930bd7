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
use hardline_core::report::{Read, Report};
use hardline_core::verdict::judge;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task;

use crate::clock::{date, now};
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
                let judging = Judging { publish, name, scope, config };
                task::spawn(async move {
                    judging.publish(observed).await;
                    // The channel closes with its sender.
                    std::future::pending().await
                })
            }
            Subject::Cluster { options, scope } => {
                let cluster = connect(&options).await?;
                let scope = scope.unwrap_or_else(|| Scope::Namespace(cluster.namespace.clone()));
                let judging = Judging { publish, name: cluster.name.clone(), scope, config };
                task::spawn(async move {
                    match judging.scope {
                        Scope::Everything => judging.follow(&cluster).await,
                        Scope::Namespace(_) => judging.repeat(&cluster).await,
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

/// Judges what is read, and publishes it.
struct Judging {
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    name: String,
    scope: Scope,
    config: Config,
}

impl Judging {
    /// Judges a cluster whenever it changes.
    async fn follow(&self, cluster: &Cluster) -> Result<(), client::Error> {
        let live = Live::start(cluster);
        live.synced().await;
        let mut changes = live.changes();
        loop {
            let observed = changes.borrow_and_update().clone();
            self.publish(observed).await;
            // Exemptions end when the day does.
            _ = tokio::time::timeout(rest_of_day(now()), changes.changed()).await;
        }
    }

    /// Judges a part of a cluster again and again.
    async fn repeat(&self, cluster: &Cluster) -> Result<(), client::Error> {
        let options = list::Options { scope: self.scope.clone(), grouped: true };
        // What is wrong from the beginning does not mend itself.
        let mut observed = Some(observe(cluster, &options, &|_| {}).await?);
        loop {
            if let Some(observed) = observed {
                self.publish(Arc::new(observed)).await;
            }
            tokio::time::sleep(PERIOD).await;
            observed = observe(cluster, &options, &|_| {}).await.ok();
        }
    }

    async fn publish(&self, observed: Arc<Observed>) {
        let taken = now();
        let (scope, name) = (self.scope.clone(), self.name.clone());
        let config = Config { today: date(taken), ..self.config.clone() };
        let before = self.publish.borrow().clone();
        let judged = task::spawn_blocking(move || {
            let report = report(&observed, &scope, &config);
            let generation = before.as_ref().map_or(1, |before| before.generation + 1);
            let snapshot = Snapshot::new(generation, taken, name, scope, observed, report);
            match before {
                Some(before) => snapshot.following(&before),
                None => snapshot,
            }
        });
        // A rule that panics is caught where rules are run.
        if let Ok(snapshot) = judged.await {
            self.publish.send_replace(Some(Arc::new(snapshot)));
        }
    }
}

/// Judges what was observed, and tells what is worth telling.
fn report(observed: &Observed, scope: &Scope, config: &Config) -> Report {
    let mut judgement = judge(&observed.inventory, Vec::new(), config);
    observed.narrow(&mut judgement, scope);
    let mut report = Report::new(judgement, &observed.inventory, Read::default());
    observed.annotate(&mut report);
    report
}

/// How long a day of UTC goes on.
fn rest_of_day(now: Timestamp) -> Duration {
    const DAY: i64 = 24 * 3600;
    Duration::from_secs((DAY - now.as_second().rem_euclid(DAY)).unsigned_abs())
}
