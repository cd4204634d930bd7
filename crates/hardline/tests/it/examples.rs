//! `examples/3am` is caught whole, and `examples/3am-fixed` passes.

#![allow(clippy::unwrap_used, reason = "a report of another form fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::hardline;

/// Each planted fault: the rule that names it, and the line that it is on.
const PLANTED: &[(&str, &str, &str)] = &[
    ("heap-exceeds-request", "checkout.yaml", "value: -Xmx2g -XX:+ExitOnOutOfMemoryError"),
    ("qos-not-guaranteed", "checkout.yaml", "cpu: 250m"),
    ("probe-liveness-calls-dependency", "checkout.yaml", "path: /health/db"),
    ("image-tag-forbidden", "checkout.yaml", "image: registry.example.com/shop/checkout:v1.2.3-debug-DONT-PUSH"),
    ("image-digest-missing", "checkout.yaml", "image: registry.example.com/shop/checkout:v1.2.3-debug-DONT-PUSH"),
    ("container-runs-as-root", "checkout.yaml", "runAsUser: 0"),
    ("container-root-filesystem-writable", "checkout.yaml", "securityContext:"),
    ("volume-multi-attach", "checkout.yaml", "claimName: receipts"),
    ("pdb-missing", "checkout.yaml", "replicas: 2"),
    ("grace-period-too-short", "checkout.yaml", "terminationGracePeriodSeconds: 30"),
    ("network-allow-one-sided", "network.yaml", "- podSelector:"),
    ("network-admin-port-open", "checkout.yaml", "- --metrics-bind-address=0.0.0.0:9090"),
    ("network-dns-blocked", "network.yaml", "egress:"),
    ("quota-missing", "namespace.yaml", "name: shop"),
    ("limit-range-missing", "namespace.yaml", "name: shop"),
];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn report(name: &str) -> (serde_json::Value, Option<i32>) {
    let arguments = ["check", "--no-config", "--profile", "critical", "--format", "json"];
    let output = hardline(&arguments).arg(example(name)).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn every_planted_fault_is_named_with_its_line() {
    let (report, code) = report("3am");
    assert_eq!(code, Some(1));
    let findings = report["findings"].as_array().unwrap();
    for (rule, file, text) in PLANTED {
        let lines = fs::read_to_string(example("3am").join(file)).unwrap();
        let found = findings.iter().filter(|finding| finding["rule"] == *rule).any(|finding| {
            let line = usize::try_from(finding["location"]["line"].as_u64().unwrap()).unwrap();
            let in_file = finding["location"]["file"].as_str().unwrap().ends_with(file);
            in_file && lines.lines().nth(line - 1).is_some_and(|line| line.trim() == *text)
        });
        assert!(found, "{rule} is not found at `{text}` in {file}: {findings:#?}");
    }
}

#[test]
fn the_fixed_example_passes_the_strictest_profile() {
    let (report, code) = report("3am-fixed");
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!(code, Some(0));
    assert_eq!(report["exempted"].as_array().unwrap().len(), 1, "the single database is answered for");
}
