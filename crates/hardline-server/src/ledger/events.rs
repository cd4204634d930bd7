//! Entries of the ledger as Events of the cluster, where `kubectl describe` shows them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hardline_core::ledger::{Entry, Outcome, Role};
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout};

use crate::events::{LONGEST, cut, regarding};
use crate::metrics::Metrics;

/// So many Events of one reason may be written at once.
const BURST: f64 = 20.0;

/// So many more may be written each second: each is an object in etcd for an hour.
const RATE: f64 = 1.0;

/// How long writing one may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something to tell.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) entry: Arc<Entry>,
    /// The uid of the object, where it has one already.
    pub(super) uid: Option<String>,
}

/// Tells what arrives, for good. What comes too fast is lost, and counted.
pub(super) async fn tell(client: Client, replica: String, mut told: Receiver<Told>, metrics: Arc<Metrics>) {
    let reporter = Reporter { controller: "hardline.dev/guard".to_owned(), instance: Some(replica) };
    let recorder = Recorder::new(client, reporter);
    // Each reason has its own: whoever tries the same refused change all day must not hide a broken glass.
    let mut budgets: HashMap<String, Budget> = HashMap::new();
    while let Some(Told { entry, uid }) = told.recv().await {
        let event = event(&entry);
        if !budgets.entry(event.reason.clone()).or_default().spend(Instant::now()) {
            metrics.lost("events");
            continue;
        }
        let problem = match timeout(PATIENCE, recorder.publish(&event, &regarding(&entry.resource, uid))).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        metrics.lost("events");
        tracing::warn!("an Event could not be written: {problem}");
    }
}

/// How many Events may still be written.
struct Budget {
    left: f64,
    /// When it was last looked at.
    last: Instant,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: BURST, last: Instant::now() }
    }
}

impl Budget {
    /// Takes one, if there is one left.
    fn spend(&mut self, now: Instant) -> bool {
        self.left = (self.left + (now - self.last).as_secs_f64() * RATE).min(BURST);
        self.last = now;
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

fn event(entry: &Entry) -> Event {
    let (type_, reason) = match (entry.outcome, entry.role) {
        (Outcome::Refused, _) => (EventType::Warning, "ChangeRefused"),
        (_, Role::Granted) => (EventType::Warning, "BreakGlassUsed"),
        _ => (EventType::Normal, "ChangedByHand"),
    };
    let fields: Vec<&str> = entry.changes.iter().map(|change| &*change.field).collect();
    let about = [
        (!entry.reasons.is_empty()).then(|| entry.reasons.join(", ")),
        (!fields.is_empty()).then(|| fields.join(", ")),
    ];
    let grant = entry.grant.as_ref().map(|grant| format!("grant {}: {}", grant.name, grant.reason));
    let about: Vec<String> = about.into_iter().flatten().chain(grant).collect();
    let what = [&*entry.operation, &*entry.subresource].join(" ");
    let note = format!("{} by {}: {}", what.trim_end(), entry.user, about.join("; "));
    let note = cut(note, LONGEST).trim_end_matches([':', ' ']).to_owned();
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: cut(format!("{} by {}", what.trim_end(), entry.user), 128),
        secondary: None,
    }
}
