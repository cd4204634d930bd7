//! The continuous audit: each state of the cluster, judged as soon as it is known.
//!
//! A change is judged together with all others of the same moment, and only what it touches is
//! judged again. A new day is a change, too: exemptions end by it. By another configuration everything is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hardline_cluster::observed::{Observed, Scope};
use hardline_core::config::Config;
use hardline_core::report::{Read, Report};
use hardline_core::verdict::Succession;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::clock::date;
use crate::configuration::Configuration;
use crate::drift::sheet::Sheets;
use crate::history::Recorder;
use crate::snapshot::Snapshot;

/// The last state of the cluster, judged; nothing before the cluster has been read.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// Of the time, at most one part in so many is spent on judging.
const SHARE: u32 = 4;

/// How often to look whether a new day has begun: a clock may be set, and a sleep outlast a night.
const NEW_DAY: Duration = Duration::from_secs(5);

/// Judges what a cluster holds, all the time.
#[derive(Debug)]
pub struct Auditor {
    cluster: String,
    scope: Scope,
    configuration: Configuration,
    /// What `succession` judges by.
    config: Arc<Config>,
    succession: Succession,
    recorder: Option<Recorder>,
    clock: fn() -> Timestamp,
    drift: Option<Sheets>,
    last: Option<Arc<Snapshot>>,
}

impl Auditor {
    /// An auditor of the cluster that people call so.
    pub fn new(
        cluster: impl Into<String>,
        configuration: impl Into<Configuration>,
        recorder: Option<Recorder>,
        clock: fn() -> Timestamp,
    ) -> Self {
        let (cluster, scope, configuration) = (cluster.into(), Scope::Everything, configuration.into());
        let config = configuration.now();
        let succession = Succession::new((*config).clone());
        Self { cluster, scope, configuration, config, succession, recorder, clock, drift: None, last: None }
    }

    /// This auditor, of a part of the cluster.
    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// This auditor, which tells of drift as well.
    #[must_use]
    pub fn with_drift(self, drift: Option<Sheets>) -> Self {
        Self { drift, ..self }
    }

    /// Judges each state of the cluster and publishes what came of it, until there are no more.
    pub async fn run(
        mut self,
        mut cluster: watch::Receiver<Arc<Observed>>,
        publish: watch::Sender<Option<Arc<Snapshot>>>,
    ) {
        loop {
            let (observed, now) = (cluster.borrow_and_update().clone(), (self.clock)());
            if observed.objects > 0 {
                let started = Instant::now();
                // Others must not wait for the thread meanwhile. A panic here is a defect; the next
                // state gets another chance.
                let judged = block_in_place(|| catch_unwind(AssertUnwindSafe(|| self.judge(observed, now))));
                if let Ok(snapshot) = judged {
                    publish.send_replace(Some(snapshot));
                } else {
                    tracing::error!("judging the cluster failed: this is a defect of hardline");
                    self.succession = Succession::new((*self.config).clone());
                }
                sleep(started.elapsed() * (SHARE - 1)).await;
            }
            loop {
                tokio::select! {
                    changed = cluster.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = drifted(&mut self.drift) => break,
                    () = self.configuration.changed() => break,
                    () = sleep(NEW_DAY) => if date((self.clock)()) != date(now) { break },
                }
            }
        }
    }

    /// Judges a state of the cluster at a time.
    pub fn judge(&mut self, observed: Arc<Observed>, now: Timestamp) -> Arc<Snapshot> {
        let config = self.configuration.now();
        if !Arc::ptr_eq(&config, &self.config) {
            // Nothing is known by another configuration.
            self.succession = Succession::new((*config).clone());
            self.config = config;
        }
        self.succession.set_today(date(now));
        let mut judgement = self.succession.judge(&observed.inventory);
        observed.narrow(&mut judgement, &self.scope);
        let mut report = Report::new(judgement, &observed.inventory, Read::default());
        observed.annotate(&mut report);
        let sheets = self.drift.as_mut().map(|drift| Arc::clone(&drift.borrow_and_update()));
        report.extend(sheets.iter().flat_map(|sheets| sheets.iter()).flat_map(|sheet| sheet.findings.iter().cloned()));
        let generation = self.last.as_ref().map_or(1, |last| last.generation + 1);
        let (cluster, scope) = (self.cluster.clone(), self.scope.clone());
        let snapshot = Snapshot::new(generation, now, cluster, scope, observed, report);
        let snapshot = match (&mut self.recorder, &self.last) {
            (Some(recorder), _) => {
                recorder.record(&snapshot);
                let history = recorder.history(now);
                snapshot.with_history(history)
            }
            (None, Some(last)) => snapshot.following(last),
            (None, None) => snapshot,
        };
        self.last.insert(Arc::new(snapshot)).clone()
    }
}

/// Waits until something else has drifted.
async fn drifted(drift: &mut Option<Sheets>) {
    let changed = match drift {
        Some(drift) => drift.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}
