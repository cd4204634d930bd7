//! What pages are drawn from.

use std::sync::Arc;

use hardline_cluster::observed::{Observed, Scope};
use hardline_core::checklist::Line;
use hardline_core::config::Config;
use hardline_core::report::{Read, Report};
use hardline_core::verdict::judge;
use hardline_server::clock::date;
use hardline_server::snapshot::Snapshot;

use crate::support::{NOW, cluster, example};

/// A cluster that holds these manifests, judged.
pub(crate) fn snapshot(text: &str) -> Snapshot {
    let inventory = cluster(text);
    let judgement = judge(&inventory, Vec::new(), &Config::new(date(NOW)));
    let report = Report::new(judgement, &inventory, Read::default());
    let objects = inventory.resources().count();
    let observed = Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects };
    Snapshot::new(1, NOW, "test".to_owned(), Scope::Everything, Arc::new(observed), report)
}

pub(crate) fn incident(folder: &str) -> String {
    ["namespace", "checkout", "orders-db", "network"]
        .map(|file| example(&format!("{folder}/{file}.yaml")))
        .join("\n---\n")
}

#[test]
fn a_cluster_is_counted_by_namespace_and_line() {
    let snapshot = snapshot(&incident("3am"));
    let shop = snapshot.area(Some("shop")).unwrap();
    assert_eq!((shop.workloads, shop.clean), (2, 1));
    let passes = |line: Line| shop.passes[line as usize];
    // Without a quota none of them is bounded, whatever they say themselves.
    assert_eq!((passes(Line::Quota), passes(Line::Demand)), (0, 1));
    let checkout = shop.subject("apps", "Deployment", "checkout").unwrap();
    assert!(checkout.fails(Line::Probes) && checkout.fails(Line::Quota));
    assert_eq!(snapshot.findings(checkout).len(), checkout.counts.total());
    assert!(shop.subjects.is_sorted_by_key(|subject| std::cmp::Reverse(subject.counts)));
}

#[test]
fn every_finding_is_in_one_area() {
    let snapshot = snapshot(&incident("3am"));
    let counted: usize = snapshot.areas().iter().map(|area| area.counts.total()).sum();
    let listed = snapshot.areas().iter().flat_map(|area| &area.subjects);
    let listed: usize = listed.map(|subject| snapshot.findings(subject).len()).sum();
    let all = snapshot.report.findings.len();
    assert_eq!((counted, listed), (all, all));
    assert!(all > 10, "{all}");
}
