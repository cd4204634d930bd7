//! Alerts: what stands, told again and again.
//!
//! As Alertmanager wants it: an alert that is not told of again ends by itself.
//! <https://prometheus.io/docs/alerting/latest/clients/>

use std::collections::BTreeMap;
use std::time::Duration;

use hardline_core::report::Reported;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::sleep;
use ureq::Agent;

use super::{Options, Sink, send_until_taken};
use crate::auditor::Snapshots;
use crate::clock;
use crate::snapshot::Snapshot;

/// How often alerts are told again.
const AGAIN: Duration = Duration::from_mins(1);

/// After which time an alert ends that is not told of again.
const LASTS: SignedDuration = SignedDuration::from_mins(4);

/// How many alerts stand at once, the worst. More than that nobody is paged for.
const MOST: usize = 500;

/// Alerts by their labels, which are what Alertmanager tells them apart by.
type Alerts = BTreeMap<String, Json>;

pub(super) async fn tell(
    agent: &Agent,
    sink: &Sink,
    options: &Options,
    mut snapshots: Snapshots,
    mut leading: watch::Receiver<bool>,
) {
    let url = format!("{}/api/v2/alerts", sink.url.trim_end_matches('/'));
    let mut told = Alerts::new();
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let leads = *leading.borrow_and_update();
        if let Some(snapshot) = snapshot.filter(|_| leads) {
            let now = clock::now();
            let alerts = standing(&snapshot, options, now);
            let ended = told.iter().filter(|(labels, _)| !alerts.contains_key(*labels)).map(|(_, alert)| {
                let mut alert = alert.clone();
                alert["endsAt"] = json!(now.to_string());
                alert
            });
            let body: Vec<Json> = ended.chain(alerts.values().cloned()).collect();
            if body.is_empty() || send_until_taken(agent, sink, &url, json!(body)).await {
                told = alerts;
            }
        }
        sleep(options.pause).await;
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            changed = leading.changed() => if changed.is_err() { return },
            () = sleep(AGAIN) => {}
        }
    }
}

fn standing(snapshot: &Snapshot, options: &Options, now: Timestamp) -> Alerts {
    let findings = &snapshot.report.findings;
    let mut worst: Vec<&Reported> = findings.iter().filter(|finding| finding.severity >= options.least).collect();
    worst.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let ends = now.saturating_add(LASTS).unwrap_or(now);
    let alert = |finding: &Reported| {
        let labels = labels(finding, &snapshot.cluster);
        let annotations = json!({"summary": finding.message, "description": finding.help});
        (labels.to_string(), json!({"labels": labels, "annotations": annotations, "endsAt": ends.to_string()}))
    };
    worst.into_iter().take(MOST).map(alert).collect()
}

fn labels(finding: &Reported, cluster: &str) -> Json {
    let mut labels = json!({
        "alertname": "HardlineFinding",
        "cluster": cluster,
        "rule": finding.rule.id,
        "severity": finding.severity.name(),
        "path": finding.path,
    });
    if let Some(id) = &finding.resource {
        labels["kind"] = json!(id.kind);
        labels["name"] = json!(id.name);
        labels["namespace"] = json!(id.namespace.as_deref().unwrap_or_default());
    }
    labels
}
