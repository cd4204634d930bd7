//! What came and what went, for those who tell others of it.
//!
//! Every replica sees all of it, and the one that leads tells. What comes while nobody leads is told
//! by the next leader, as long as it is news.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hardline_core::report::{Report, Reported};
use tokio::sync::watch;

use crate::auditor::Snapshots;
use crate::snapshot::Snapshot;

/// For how long one who does not lead remembers: longer than a lease lasts.
const FRESH: Duration = Duration::from_secs(30);

/// How many items are remembered. Beyond, the oldest are dropped: when everything changes at once, a
/// report is a better place to look than a thousand messages.
const MOST: usize = 1000;

/// A finding that came or went.
#[derive(Debug, Clone)]
pub struct Item {
    /// Whether it came.
    pub appeared: bool,
    /// The finding.
    pub finding: Reported,
}

/// What differs between two reports: what appeared first, then what went.
pub fn between(old: &Report, new: &Report) -> Vec<Item> {
    let not_in = |report: &Report, other: &Report, appeared: bool| {
        let known: HashSet<&str> = other.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
        let only = report.findings.iter().filter(|finding| !known.contains(finding.fingerprint.as_str()));
        only.map(|finding| Item { appeared, finding: finding.clone() }).collect::<Vec<_>>()
    };
    [not_in(new, old, true), not_in(old, new, false)].concat()
}

/// Follows snapshots.
#[derive(Debug)]
pub struct News {
    snapshots: Snapshots,
    leading: watch::Receiver<bool>,
    last: Option<Arc<Snapshot>>,
    waiting: VecDeque<(Instant, Item)>,
}

impl News {
    /// What is new from the first snapshot on: what stands then has been told, or is older than
    /// anybody remembers.
    pub fn new(snapshots: Snapshots, leading: watch::Receiver<bool>) -> Self {
        Self { snapshots, leading, last: None, waiting: VecDeque::new() }
    }

    /// The next items to tell, as soon as there are any and this replica leads; nothing at the end.
    pub async fn next(&mut self) -> Option<Vec<Item>> {
        loop {
            self.look();
            if *self.leading.borrow_and_update() && !self.waiting.is_empty() {
                return Some(self.waiting.drain(..).map(|(_, item)| item).collect());
            }
            tokio::select! {
                changed = self.snapshots.changed() => changed.ok()?,
                changed = self.leading.changed() => changed.ok()?,
            }
        }
    }

    fn look(&mut self) {
        let Some(now) = self.snapshots.borrow_and_update().clone() else { return };
        if let Some(last) = self.last.replace(now.clone())
            && last.generation != now.generation
        {
            let items = between(&last.report, &now.report).into_iter();
            self.waiting.extend(items.map(|item| (Instant::now(), item)));
        }
        let old = self.waiting.iter().take_while(|(since, _)| since.elapsed() > FRESH).count();
        let many = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..old.max(many));
    }
}
