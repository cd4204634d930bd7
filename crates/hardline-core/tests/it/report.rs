//! What a report makes of findings: fingerprints, and what to fix first.

use hardline_core::priority::priorities;
use hardline_core::rule::Rule;

use crate::support::{config, report};

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
    - {name: a, image: a:1}
    - {name: b, securityContext: {privileged: true}}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: batch}
spec:
  containers:
    - {name: a, image: a:latest}
    - {image: a:latest}
";

fn fingerprints(text: &str) -> Vec<String> {
    let mut config = config();
    config.select = ["container-privileged", "image-tag-latest"].iter().filter_map(|id| Rule::find(id)).collect();
    report(text, &config).findings.into_iter().map(|finding| finding.fingerprint).collect()
}

#[test]
fn fingerprints_name_items_and_outlive_moves() {
    let expected = [
        "container-privileged:Pod shop/web:/spec/containers[b]/securityContext/privileged",
        "image-tag-latest:Pod batch/job:/spec/containers[a]/image",
        "image-tag-latest:Pod batch/job:/spec/containers[1]/image",
    ];
    assert_eq!(fingerprints(PODS), expected);
    let moved = PODS.replace("    - {name: a, image: a:1}\n", "\n\n    # moved\n");
    assert_eq!(fingerprints(&moved), expected);
    let twice = fingerprints(&format!("{PODS}---\n{PODS}"));
    assert_eq!(twice.iter().filter(|fingerprint| fingerprint.ends_with("#2")).count(), expected.len());
}

#[test]
fn the_worst_is_to_be_fixed_first() {
    let mut config = config();
    config.select = ["container-privileged", "image-tag-latest"].iter().filter_map(|id| Rule::find(id)).collect();
    let report = report(PODS, &config);
    let areas = priorities(&report);
    let order: Vec<_> = areas.iter().map(|area| (area.namespace, area.subjects[0].name, area.counts.total())).collect();
    // One critical finding outweighs two that are milder.
    assert_eq!(order, [(Some("shop"), "web", 1), (Some("batch"), "job", 2)]);
    assert_eq!(areas[1].subjects[0].rules(), [("image-tag-latest", 2)]);
}
