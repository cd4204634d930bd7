//! Alert rules and dashboard ask for what the server exports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::ledger::Entry;
use hardline_core::resource::Kind;
use hardline_core::source::Source;
use hardline_core::verdict::{Judged, judge};
use hardline_server::metrics::{Answer, Metrics};
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::snapshot::snapshot;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

/// The names of metrics in a text, without what Prometheus adds to those of counters and histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let metrics = words.filter(|word| word.starts_with("hardline_"));
    let base = |word: &str| {
        let base = word.strip_suffix("_total").or_else(|| word.strip_suffix("_bucket"));
        base.unwrap_or(word).to_owned()
    };
    metrics.map(base).collect()
}

/// A pod that does nothing right.
const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true, containers: [{name: a}]}}";

/// The findings of it.
fn findings() -> Vec<Judged> {
    let resources = hardline_manifest::read::read(&Arc::new(Source::new("pod.yaml", POD))).resources;
    let coverage = Coverage::of_manifests(&resources);
    let config = Config::new(Date { year: 2026, month: 6, day: 1 });
    judge(&Inventory::new(resources, coverage), Vec::new(), &config).findings
}

/// An entry of the ledger.
fn entry() -> Entry {
    let text = r#"{"schema": "hardline.ledger/v1", "time": "", "uid": "1", "operation": "DELETE", "user": "ada", "role": "other",
        "outcome": "refused", "resource": {"apiVersion": "v1", "kind": "Pod", "name": "a"}}"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn they_ask_for_metrics_that_exist_and_for_all_of_them() {
    let config = Config::new(Date { year: 2026, month: 6, day: 1 });
    let (_publish, snapshots) = watch::channel(Some(Arc::new(snapshot(POD))));
    let metrics = Metrics::default().watching(snapshots, config);
    metrics.answered("CREATE", Answer::Denied, Duration::ZERO);
    metrics.not_evaluated("pdb-missing");
    metrics.watched(Kind::Pod, SystemTime::now());
    metrics.drifted(&BTreeMap::from([("shop", 1)]));
    metrics.compared(Duration::ZERO);
    metrics.remediated("shop", "restored");
    for judged in findings() {
        metrics.found(&judged, Some("shop"));
    }
    metrics.lost("lines");
    metrics.guarded(&entry());
    let exported = metrics.text();
    let exported: BTreeSet<String> = exported
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(exported.len(), 19);
    let alerts = std::fs::read_to_string(file("alerts.yaml")).unwrap();
    let dashboard = std::fs::read_to_string(file("dashboard.json")).unwrap();
    serde_json::from_str::<Json>(&dashboard).expect("the dashboard is JSON");
    assert_eq!(names(&dashboard), exported);
    let unknown: Vec<_> = names(&alerts).difference(&exported).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn prometheus_takes_the_alert_rules() {
    let Ok(output) = Command::new("promtool").args(["check", "rules"]).arg(file("alerts.yaml")).output() else {
        println!("skipped: promtool is not installed (Debian's package prometheus)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
