//! The ledger: who changed what in guarded namespaces. Kept for a while, written as lines of JSON, and
//! told as Events.
//!
//! Nothing waits for it: whoever decides hands an entry over, and one that cannot be taken at once is
//! counted as lost.

mod events;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hardline_core::ledger::{Entry, Outcome, Role, SCHEMA};
use hardline_core::profile::Enforcement;
use hardline_core::resource::Resource;
use hardline_core::tree::Value;
use jiff::Timestamp;
use kube::Client;
use tokio::sync::{mpsc, watch};

use crate::admission::Decision;
use crate::guard::Guarded;
use crate::metrics::Metrics;
use crate::review::Review;

/// So many entries are kept.
const KEPT: usize = 1000;

/// So many changes are in an entry.
const CHANGES: usize = 100;

/// So many entries may wait to be written.
const WAITING: usize = 1000;

/// The ledger of this replica.
#[derive(Debug)]
pub struct Ledger {
    recent: Mutex<VecDeque<Arc<Entry>>>,
    /// How many entries have been kept in all.
    count: watch::Sender<u64>,
    lines: Option<SyncSender<Arc<Entry>>>,
    events: Option<mpsc::Sender<events::Told>>,
    metrics: Arc<Metrics>,
}

impl Ledger {
    /// One that only keeps.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { recent: Mutex::default(), count: watch::Sender::new(0), lines: None, events: None, metrics }
    }

    /// Writes each entry as a line, too, from a thread of its own.
    pub fn writing(mut self, mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, entries) = sync_channel::<Arc<Entry>>(WAITING);
        let metrics = self.metrics.clone();
        thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            for entry in entries {
                let line = serde_json::to_string(&*entry).unwrap_or_default() + "\n";
                if let Err(error) = out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
                    metrics.lost("lines");
                    tracing::warn!(%error, "an entry of the ledger could not be written");
                }
            }
        })?;
        self.lines = Some(lines);
        Ok(self)
    }

    /// Tells as Events, too, what was refused, and what was done by others than those who deploy. Must be
    /// called within a Tokio runtime.
    #[must_use]
    pub fn telling(mut self, client: Client, replica: String) -> Self {
        let (events, entries) = mpsc::channel(WAITING);
        tokio::spawn(events::tell(client, replica, entries, self.metrics.clone()));
        self.events = Some(events);
        self
    }

    /// Writes a request down that was decided on at this time, if it is one of a guarded namespace and
    /// more than a trial. What is refused elsewhere is only kept.
    pub fn record(&self, review: &Review, decision: &Decision, now: Timestamp) {
        if review.is_dry_run() {
            return;
        }
        let Some(guarded) = &decision.guarded else {
            if decision.is_refused() {
                self.keep(Arc::new(entry(review, decision, None, now)));
            }
            return;
        };
        let entry = Arc::new(entry(review, decision, Some(guarded), now));
        self.metrics.guarded(&entry);
        if let Some(Err(_)) = self.lines.as_ref().map(|lines| lines.try_send(entry.clone())) {
            self.metrics.lost("lines");
        }
        if entry.role == Role::System {
            return;
        }
        let by_hand = entry.outcome == Outcome::Refused || entry.role != Role::Deployer;
        if let Some(events) = self.events.as_ref().filter(|_| by_hand) {
            let told = events::Told { entry: entry.clone(), uid: uid(review) };
            if events.try_send(told).is_err() {
                self.metrics.lost("events");
            }
        }
        self.keep(entry);
    }

    fn keep(&self, entry: Arc<Entry>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.truncate(KEPT - 1);
        recent.push_front(entry);
        self.count.send_modify(|count| *count += 1);
    }

    /// How many entries have been kept in all, as it grows.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The last entries, the newest first; those of Kubernetes' own parts are not kept.
    pub fn recent(&self) -> Vec<Arc<Entry>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn entry(review: &Review, decision: &Decision, guarded: Option<&Guarded>, now: Timestamp) -> Entry {
    let outcome = match decision {
        _ if decision.is_refused() => Outcome::Refused,
        _ if decision.warns() => Outcome::Warned,
        _ => Outcome::Allowed,
    };
    let mut changes = guarded.map(|guarded| guarded.changes.clone()).unwrap_or_default();
    let more = changes.len().saturating_sub(CHANGES);
    changes.truncate(CHANGES);
    Entry {
        schema: SCHEMA.to_owned(),
        time: format!("{now:.3}"),
        uid: review.uid().to_owned(),
        operation: review.operation.name().to_owned(),
        subresource: review.subresource().to_owned(),
        resource: review.subject(),
        user: review.user().name().to_owned(),
        groups: review.user().groups().map(str::to_owned).collect(),
        role: guarded.map_or(Role::Other, |guarded| guarded.role),
        manager: review.field_manager().to_owned(),
        outcome,
        reasons: reasons(decision, guarded, outcome),
        grant: guarded.and_then(|guarded| guarded.grant.clone()),
        changes,
        more,
    }
}

/// What a request was refused or warned for.
fn reasons(decision: &Decision, guarded: Option<&Guarded>, outcome: Outcome) -> Vec<String> {
    let least = match outcome {
        Outcome::Allowed => return Vec::new(),
        Outcome::Warned => Enforcement::Warn,
        Outcome::Refused => Enforcement::Deny,
    };
    let by_guard = guarded.filter(|guarded| guarded.enforcement >= least).map(|_| "guard");
    let protected = decision.refusal.is_some() && by_guard.is_none();
    let mut rules: Vec<&str> = decision.that(least).map(|judged| judged.finding.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    let all = by_guard.into_iter().chain(protected.then_some("delete-protection")).chain(rules);
    all.map(str::to_owned).collect()
}

fn uid(review: &Review) -> Option<String> {
    let uid = |object: &Resource| object.value().at(&["metadata", "uid"]).and_then(Value::str).map(str::to_owned);
    review.old.as_ref().or(review.object.as_ref()).and_then(uid)
}
