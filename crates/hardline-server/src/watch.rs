//! The watch, put together: who judges the cluster all the time, and who tells of it.

use std::path::PathBuf;
use std::sync::Arc;

use hardline_cluster::client::Cluster;
use hardline_cluster::live::Live;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auditor::{Auditor, Snapshots};
use crate::configuration::Configuration;
use crate::drift::sheet::Sheets;
use crate::history::{Recorder, Retention};
use crate::writer::Writer;
use crate::{clock, events, notify};

/// Whom to tell what was found, beside those who ask.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of this replica.
    pub replica: String,
    /// Write reports of policy, in each form that is installed.
    pub reports: bool,
    /// Make Events of new critical findings.
    pub events: bool,
    /// The file that remembers, and for how long.
    pub history: Option<(PathBuf, Retention)>,
    /// Who else is told.
    pub notify: notify::Options,
}

/// A cluster that is judged all the time, as long as this is.
#[derive(Debug)]
pub struct Watching {
    /// What was found last.
    pub snapshots: Snapshots,
    /// Whoever judges and tells.
    pub tasks: JoinSet<()>,
}

/// Starts to judge the cluster, and to tell while this replica leads. Must be called within a Tokio
/// runtime.
pub fn start(
    cluster: &Cluster,
    live: &Live,
    configuration: Configuration,
    options: &Options,
    leading: &watch::Receiver<bool>,
    drift: Option<Sheets>,
) -> Watching {
    let recorder = options.history.as_ref().map(|(file, retention)| Recorder::open(file, *retention));
    let (publish, snapshots) = watch::channel(None);
    let auditor = Auditor::new(&cluster.name, configuration, recorder, clock::now).with_drift(drift);
    let mut tasks = JoinSet::new();
    tasks.spawn(auditor.run(live.changes(), publish));
    if options.reports {
        tasks.spawn(Writer::new(cluster.client.clone(), snapshots.clone(), leading.clone()).run());
    }
    if options.events {
        let replica = options.replica.clone();
        tasks.spawn(events::tell(cluster.client.clone(), replica, snapshots.clone(), leading.clone()));
    }
    let told = Arc::new(options.notify.clone());
    for sink in &options.notify.sinks {
        tasks.spawn(notify::tell(sink.clone(), told.clone(), snapshots.clone(), leading.clone()));
    }
    Watching { snapshots, tasks }
}
