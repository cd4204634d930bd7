//! A chart that real Helm installs.

use std::collections::BTreeSet;

use crate::plane;
use crate::run::{hardline, root, run, run_with};

const CHART: &str = "crates/hardline-manifest/tests/fixtures/shop";

/// Rule, kind, name and path of each finding about a workload.
fn findings(report: &serde_json::Value) -> BTreeSet<String> {
    let workload = |finding: &&serde_json::Value| {
        let kind = finding["resource"]["kind"].as_str();
        kind.is_some_and(|kind| ["Deployment", "StatefulSet", "Job"].contains(&kind))
    };
    let describe = |finding: &serde_json::Value| {
        let resource = &finding["resource"];
        format!("{} {}/{} {}", finding["rule"], resource["kind"], resource["name"], finding["path"])
    };
    report["findings"].as_array().unwrap().iter().filter(workload).map(describe).collect()
}

#[test]
fn what_the_cluster_holds_is_judged_as_the_chart_is() {
    let namespace = "chart";
    let plane = plane::with_namespace(namespace);
    let install = ["install", "release-name", CHART, "--namespace", namespace, "--wait", "--timeout=60s"];
    run(plane.helm(&install).unwrap().current_dir(root())).succeeds();
    let kinds = "deployments,statefulsets,jobs,services,configmaps";
    let live = run(&mut plane.kubectl(&["get", kinds, "--namespace", namespace, "--output=yaml"])).succeeds();

    let options = ["--format=json", "--no-config", "--namespace", namespace];
    let observed = run_with(hardline(&["check", "-"]).args(options), &live.stdout).exits(1).json();
    let desired = run(hardline(&["check", CHART]).args(options)).exits(1).json();
    assert!(findings(&desired).len() > 10, "the chart has defects: {desired:#}");
    let (observed, desired) = (findings(&observed), findings(&desired));
    assert_eq!(observed.symmetric_difference(&desired).collect::<Vec<_>>(), Vec::<&String>::new());
}
