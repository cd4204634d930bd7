//! The dashboard: pages over the last snapshot, for people.
//!
//! Pages are drawn here, load nothing from elsewhere, and work without their script, which shows
//! changes without a reload. They can be read and nothing else: the only requests that do anything
//! give or forget a token.

pub mod access;
mod address;
mod answer;
mod assets;
mod pages;
mod parts;
mod reach;
mod serve;
mod sight;

use std::sync::Arc;

use tokio::sync::watch;

use crate::drift::sheet::Sheets;
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;

pub use serve::Error;
pub use sight::{Extent, Sight};

/// What draws pages and answers with them.
#[derive(Debug)]
pub struct Dashboard {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    access: access::Access,
    ledger: Option<Arc<Ledger>>,
    drift: Option<Sheets>,
    reaches: reach::Reaches,
}

impl Dashboard {
    /// A dashboard of what is published, for whom it is meant. Nothing is published until a cluster
    /// has been read.
    pub fn new(snapshots: watch::Receiver<Option<Arc<Snapshot>>>, access: access::Access) -> Self {
        let reaches = reach::Reaches::default();
        Self { snapshots, access, ledger: None, drift: None, reaches }
    }

    /// This dashboard, which shows what was refused, too.
    #[must_use]
    pub fn with_ledger(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// This dashboard, which shows what has drifted, too, if somebody looks for it.
    #[must_use]
    pub fn with_drift(self, drift: Option<Sheets>) -> Self {
        Self { drift, ..self }
    }

    /// How many entries the ledger has had.
    fn entries(&self) -> u64 {
        self.ledger.as_ref().map_or(0, |ledger| *ledger.count().borrow())
    }
}
