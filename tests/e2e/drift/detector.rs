//! The detector of `hardline serve --drift`.

use hardline_controlplane::ControlPlane;
use serde_json::json;

use super::{NAMESPACE, chart_of};
use crate::run::run;
use crate::server::{self, Server};

/// A chart of a map and a deployment, which no other test has.
const WATCHED: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {a: '1', b: '1'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: contested}
data: {c: '1'}
";

#[test]
fn the_detector_tells_of_drift_and_puts_it_right_where_it_is_asked_to() {
    let plane = ControlPlane::setup().controllers().start().unwrap();
    let path = format!("/api/v1/namespaces/{NAMESPACE}");
    let in_namespace = |arguments: &[&str]| {
        let arguments = [arguments, &["--namespace", NAMESPACE]].concat();
        run(&mut plane.kubectl(&arguments)).succeeds().stdout
    };
    let annotate = |value: &str| {
        let pause = format!("hardline.dev/drift-paused-until{value}");
        run(&mut plane.kubectl(&["annotate", "--overwrite", "namespace", NAMESPACE, &pause])).succeeds();
    };
    server::install_with(&plane, &["--no-config", "--drift"]);
    run(&mut plane.kubectl(&["create", "namespace", NAMESPACE])).succeeds();
    let chart = chart_of(WATCHED);
    run(plane.helm(&["install", "shop", "--namespace", NAMESPACE]).unwrap().arg(chart.path())).succeeds();
    let mut server = Server::start(&plane, &["--drift", "--enforcement=audit"]);
    let drifted = format!("hardline_drift_objects{{namespace=\"{NAMESPACE}\"}}");
    let event = |reason: &str| {
        let events =
            plane.expect("GET", &format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"), None).unwrap();
        let notes = events["items"].as_array().unwrap().iter().filter(|it| it["reason"] == *reason);
        notes.map(|it| it["note"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    let map = |name: &str| plane.expect("GET", &format!("{path}/configmaps/{name}"), None).unwrap()["data"].clone();
    let data = |key: &str| map("web")[key].clone();

    in_namespace(&["patch", "configmap", "web", "-p", "{\"data\":{\"a\":\"2\"}}"]);
    server.until("drift is seen", |server| server.metric(&drifted) > 0.5);
    server.until("it is told of", |_| {
        event("Drifted").contains("`data.a` is `2` in the cluster and `1` in the source, by")
    });
    assert_eq!(data("a"), "2", "nobody has asked for more");

    // Who asks for more says so, and gives the rights; not before a pause has ended.
    annotate("=2999-01-01T00:00:00Z");
    run(&mut plane.kubectl(&["label", "namespace", NAMESPACE, "hardline.dev/drift=remediate"])).succeeds();
    in_namespace(&[
        "create",
        "rolebinding",
        "drift",
        "--clusterrole=edit",
        "--serviceaccount=hardline-system:hardline",
    ]);
    in_namespace(&["patch", "configmap", "web", "-p", "{\"data\":{\"b\":\"2\"}}"]);
    server.until("the second change is told of", |_| event("Drifted").contains("`data.b`"));
    assert_eq!((data("a"), data("b")), (json!("2"), json!("2")));
    annotate("-");
    server.until("all is as it was deployed", |_| (data("a"), data("b")) == (json!("1"), json!("1")));
    server.until("nothing drifts any more", |server| server.metric(&drifted) < 0.5);
    assert!(event("DriftRestored").contains("data.a, data.b"), "{}", event("DriftRestored"));

    // The only pod of a service is not restarted by itself, and what is deleted comes back.
    in_namespace(&["set", "image", "deployment/lone", "app=registry.example.com/lone:debug"]);
    server.until("it is refused", |_| event("RemediationRefused").contains("restarts the only pod"));
    in_namespace(&["delete", "deployment", "lone"]);
    server.until("it is made again", |_| in_namespace(&["get", "deployment", "-o", "name"]).contains("lone"));

    // A controller that writes back is named, and wins.
    let scaler = format!("{path}/configmaps/contested?fieldManager=scaler");
    server.until("the other is named", |_| {
        if map("contested")["c"] == "1" {
            plane.expect("PATCH", &scaler, Some(&json!({"data": {"c": "3"}}))).unwrap();
        }
        event("RemediationStopped").contains("`scaler` changes `data.c` back each time it is restored")
    });
    assert_eq!(map("contested")["c"], "3");
    let spent = server.metric("hardline_drift_compare_duration_seconds_sum");
    let count = server.metric("hardline_drift_compare_duration_seconds_count");
    println!("an object is compared in {:.0} µs", spent / count * 1e6);
}
