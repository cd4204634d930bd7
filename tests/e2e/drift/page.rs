//! The dashboard's page of drift, in a real browser.

use hardline_controlplane::{ControlPlane, free_ports};
use serde_json::json;

use super::{NAMESPACE, chart_of};
use crate::browser::{Browser, LOOKS};
use crate::run::run;
use crate::server::{self, Server};

const SHOP: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {mode: prod, password: first-password}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {token: first-token}
";

#[test]
fn both_sides_are_seen_side_by_side_with_who_wrote_what() {
    let plane = ControlPlane::setup().controllers().user("ada", &["system:masters"]).start().unwrap();
    server::install_with(&plane, &["--no-config", "--drift"]);
    run(&mut plane.kubectl(&["create", "namespace", NAMESPACE])).succeeds();
    let chart = chart_of(SHOP);
    run(plane.helm(&["install", "shop", "--namespace", NAMESPACE]).unwrap().arg(chart.path())).succeeds();
    let viewer =
        ["create", "clusterrolebinding", "viewer", "--clusterrole=cluster-admin", "--serviceaccount=default:default"];
    run(&mut plane.kubectl(&viewer)).succeeds();
    let token = run(&mut plane.kubectl(&["create", "token", "default"])).succeeds().stdout;

    let [port] = free_ports().unwrap();
    let dashboard = format!("--dashboard=127.0.0.1:{port}");
    let mut server = Server::start(&plane, &["--drift", "--enforcement=audit", &dashboard]);
    let address = format!("http://127.0.0.1:{port}");
    let mut browser = Browser::start();
    browser.open(&format!("{address}/login"));
    browser.evaluate(&format!("document.cookie = 'hardline-token={}; path=/'", token.trim()));
    browser.open(&format!("{address}/drift"));
    browser.says("Nothing has drifted");

    // What is done by hand shows without a reload.
    let by_hand = |arguments: &[&str]| {
        run(&mut plane.kubectl_as("ada", &[arguments, &["--namespace", NAMESPACE]].concat())).succeeds();
    };
    by_hand(&["set", "image", "deployment/lone", "app=registry.example.com/lone:debug"]);
    by_hand(&["patch", "configmap", "web", "-p", "{\"data\":{\"mode\":\"debug\",\"password\":\"second-password\"}}"]);
    by_hand(&["patch", "secret", "web", "-p", "{\"stringData\":{\"token\":\"second-token\"}}"]);
    let drifted = format!("hardline_drift_objects{{namespace=\"{NAMESPACE}\"}}");
    server.until("all of it is seen", |server| server.metric(&drifted) > 2.5);
    browser.until("document.querySelectorAll('.drifted').length === 3");
    let row = "[...document.querySelectorAll('.sides .differs')].map((it) => [...it.cells].map((cell) => cell.innerText.trim())).find((it) => it[1].includes('lone:debug'))";
    let row = browser.evaluate(row);
    assert_eq!(row[0], "- image: registry.example.com/lone:1.0.0");
    assert_eq!(row[1], "- image: registry.example.com/lone:debug");
    assert!(row[2].as_str().unwrap().starts_with("kubectl-set (Update), at "), "{row}");
    browser.says("breaks image-tag-forbidden");
    browser.says("restarts the only pod of Deployment drift/lone, so it is not done unasked");
    browser.says("hardline drift --desired helm:drift/shop -n drift --remediate");
    assert_eq!(
        browser.evaluate("document.querySelector('.drifted .sev').innerText"),
        "critical",
        "the worst comes first"
    );
    let body = browser.evaluate("document.body.innerHTML").to_string();
    for secret in ["first-password", "second-password", "first-token", "second-token", "c2Vjb25k", "Zmlyc3Q"] {
        assert!(!body.contains(secret), "{secret} is shown");
    }
    for look in LOOKS {
        browser.look(look);
        browser.open(&format!("{address}/drift"));
        browser.picture(&format!("drift-{}", look.name));
        let problems = browser.evaluate(include_str!("../dashboard/accessible.js"));
        assert_eq!(problems, json!([]), "{}", look.name);
    }

    // It is a finding as well, until it is put right.
    browser.open(&format!("{address}/findings?rule=drift-*"));
    browser.says("drift-field-changed");
    run(plane.helm(&["upgrade", "shop", "--namespace", NAMESPACE, "--force-conflicts"]).unwrap().arg(chart.path()))
        .succeeds();
    browser.open(&format!("{address}/drift"));
    browser.says("Nothing has drifted");
    assert_eq!(browser.complaints, [] as [String; 0]);
}
