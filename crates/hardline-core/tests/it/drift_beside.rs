//! Both sides of an object, line by line.

use std::sync::Arc;

use hardline_core::drift::beside::{Mask, Row, restored, rows};
use hardline_core::drift::{Options, drift};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

const DESIRED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: web:1.0.0
          resources: {limits: {memory: 1Gi}}
          env: [{name: DB_PASSWORD, value: hunter2}, {name: MODE, value: prod}]
";

/// What runs: another image, a sidecar, a variable less, a password changed, the same amount respelt.
fn observed() -> Json {
    let entry = |manager: &str, time: &str, fields: Json| json!({"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields});
    let template = |fields: Json| json!({"f:spec": {"f:template": {"f:spec": {"f:containers": fields}}}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "uid": "0", "managedFields": [
            entry("helm", "2026-01-01T00:00:00Z", json!({"f:spec": {"f:replicas": {}}})),
            entry("kubectl-set", "2026-01-02T00:00:00Z", template(json!({"k:{\"name\":\"app\"}": {"f:image": {}, "f:env": {"k:{\"name\":\"DB_PASSWORD\"}": {"f:value": {}}}}}))),
            entry("kubectl-patch", "2026-01-03T00:00:00Z", template(json!({"k:{\"name\":\"debug\"}": {".": {}, "f:name": {}, "f:image": {}}}))),
        ]},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [
            {"name": "debug", "image": "busybox"},
            {"name": "app", "image": "web:debug", "resources": {"limits": {"memory": "1024Mi"}},
                "env": [{"name": "DB_PASSWORD", "value": "letmein"}]}
        ]}}},
        "status": {"replicas": 2}
    })
}

fn one(text: &str) -> Resource {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    read.resources.into_iter().next().expect("an object")
}

fn sides() -> Vec<Row> {
    let (desired, observed) = ([one(DESIRED)], [one(&observed().to_string())]);
    let drift = drift(&desired, None, &observed, Options { deployed: true, ..Options::default() }, false);
    let wanted =
        one(&restored(&drift.objects[0], &desired[0], &observed[0]).expect("the drift fits the object").to_string());
    rows(Some(&wanted), Some(&observed[0]), &drift.objects[0].differences, &Mask::default())
}

#[test]
fn only_what_has_drifted_differs() {
    let rows = sides();
    let side = |side: &Option<String>| side.clone().unwrap_or_default().trim().trim_start_matches("- ").to_owned();
    let differing: Vec<_> = rows.iter().filter(|row| row.wanted != row.observed).collect();
    let texts: Vec<_> = differing.iter().map(|row| (side(&row.wanted), side(&row.observed))).collect();
    let pair = |wanted: &str, observed: &str| (wanted.to_owned(), observed.to_owned());
    for expected in [pair("", "image: busybox"), pair("image: web:1.0.0", "image: web:debug"), pair("value: prod", "")]
    {
        assert!(texts.contains(&expected), "{expected:?}: {texts:#?}");
    }
    assert!(differing.iter().all(|row| row.difference.is_some()), "{rows:#?}");
    let text = format!("{rows:#?}");
    assert!(!text.contains("hunter2") && !text.contains("letmein"), "{text}");
    assert!(!text.contains("status") && !text.contains("managedFields"), "{text}");
    let secrets: Vec<_> = texts.iter().filter(|(wanted, _)| wanted.contains("secret:")).collect();
    assert_eq!(secrets.len(), 1, "another password is seen to be another: {texts:#?}");
}

#[test]
fn each_line_has_its_author() {
    let rows = sides();
    let owner = |line: &str| {
        let row = rows
            .iter()
            .find(|row| row.observed.as_deref().is_some_and(|text| text.trim().trim_start_matches("- ") == line))
            .unwrap();
        row.owner.as_ref().map(|owner| owner.manager.clone())
    };
    assert_eq!(owner("replicas: 2").as_deref(), Some("helm"));
    assert_eq!(owner("image: web:debug").as_deref(), Some("kubectl-set"));
    assert_eq!(owner("image: busybox").as_deref(), Some("kubectl-patch"));
    assert_eq!(owner("memory: 1024Mi"), None, "nobody owns what the API server has");
}

#[test]
fn files_are_compared_by_their_lines() {
    let map = |text: &str| {
        one(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"file": text}})
            .to_string())
    };
    let (wanted, observed) = (map("a\nb\nc\nd\n"), map("a\nx\ny\nd\n"));
    let rows = rows(Some(&wanted), Some(&observed), &[], &Mask::default());
    let side = |side: &Option<String>| side.as_deref().unwrap_or_default().trim().to_owned();
    let sides = rows.iter().map(|row| [&row.wanted, &row.observed].map(side));
    let lines: Vec<_> = sides.skip_while(|sides| sides[0] != "file: |").skip(1).take(4).collect();
    assert_eq!(lines, [["a", "a"], ["b", "x"], ["c", "y"], ["d", "d"]].map(|pair| pair.map(str::to_owned)));
}
