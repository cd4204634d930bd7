//! What a request changes.
#![expect(clippy::disallowed_methods, reason = "core does no IO, its tests read examples")]

use std::path::Path;
use std::sync::Arc;

use hardline_core::drift::changes;
use hardline_core::ledger::{Change, Entry, Op, SCHEMA, Withheld};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

fn resource(text: &str) -> Resource {
    hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources.remove(0)
}

fn between(before: &Json, after: &Json) -> Vec<Change> {
    changes(&resource(&before.to_string()), &resource(&after.to_string()))
}

/// A change as a line.
fn line(change: &Change) -> String {
    let Change { field, op, old, new, withheld } = change;
    let value = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
    let withheld = withheld.map(|why| format!(" ({why:?})")).unwrap_or_default();
    format!("{op:?} {field}: {} > {}{withheld}", value(old), value(new))
}

fn lines(before: &Json, after: &Json) -> Vec<String> {
    between(before, after).iter().map(line).collect()
}

fn deployment() -> Json {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "resourceVersion": "1", "generation": 1,
            "labels": {"app": "web", "team": "shop"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": {
            "replicas": 3,
            "template": {"spec": {
                "initContainers": [{"name": "a"}, {"name": "b"}],
                "containers": [
                    {
                        "name": "web", "image": "web:1", "args": ["--port", "80"],
                        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}],
                        "resources": {"limits": {"memory": "256Mi"}},
                        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 80}},
                    },
                    {"name": "proxy", "image": "proxy:1"},
                ],
            }},
        },
        "status": {"replicas": 3},
    })
}

#[test]
fn each_field_is_told_with_what_it_was_and_is() {
    let before = deployment();
    let mut after = before.clone();
    after["metadata"]["resourceVersion"] = json!("2");
    after["metadata"]["generation"] = json!(2);
    after["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("{...}");
    after["metadata"]["labels"]["example.com/owner"] = json!("ada");
    after["status"]["replicas"] = json!(1);
    after["spec"]["replicas"] = json!(1);
    let pod = &mut after["spec"]["template"]["spec"];
    pod["initContainers"].as_array_mut().unwrap().reverse();
    pod["containers"].as_array_mut().unwrap().insert(0, json!({"name": "debug", "image": "busybox"}));
    let web = pod["containers"][1].as_object_mut().unwrap();
    web.remove("livenessProbe");
    web["image"] = json!("web:2-debug");
    web["args"] = json!(["--port", "81"]);
    web["env"] = json!([{"name": "MODE", "value": "slow"}, {"name": "DB_PASSWORD", "value": "hunter3"}]);
    web["resources"]["limits"] = json!({"memory": "1Gi", "cpu": "2"});
    let containers = "spec.template.spec.containers";
    assert_eq!(
        lines(&before, &after),
        [
            r#"Added metadata.labels[example.com/owner]: - > "ada""#.to_owned(),
            "Changed spec.replicas: 3 > 1".to_owned(),
            format!(r#"Changed {containers}[name=web].args[1]: "80" > "81""#),
            format!("Changed {containers}[name=web].env[name=DB_PASSWORD].value: - > - (Secret)"),
            format!(r#"Changed {containers}[name=web].env[name=MODE].value: "fast" > "slow""#),
            format!("Reordered {containers}[name=web].env: - > -"),
            format!(r#"Changed {containers}[name=web].image: "web:1" > "web:2-debug""#),
            format!(
                r#"Removed {containers}[name=web].livenessProbe: {{"httpGet":{{"path":"/healthz","port":80}}}} > -"#
            ),
            format!(r#"Changed {containers}[name=web].resources.limits.memory: "256Mi" > "1Gi""#),
            format!(r#"Added {containers}[name=web].resources.limits.cpu: - > "2""#),
            format!(r#"Added {containers}[name=debug]: - > {{"image":"busybox","name":"debug"}}"#),
            "Reordered spec.template.spec.initContainers: - > -".to_owned(),
        ]
    );
}

#[test]
fn values_of_secrets_are_withheld() {
    let secret = |data: Json| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": data});
    let all = |before, after| between(&secret(before), &secret(after));
    let told = [
        all(json!({"a": "QQ=="}), json!({"a": "Qg==", "b": "Qg=="})),
        all(json!({"a": "QQ=="}), json!({})),
        all(json!(null), json!({"a": "QQ=="})),
    ];
    for change in told.iter().flatten() {
        assert_eq!((&change.old, &change.new, change.withheld), (&None, &None, Some(Withheld::Secret)));
    }
    assert_eq!(told.map(|changes| changes.len()), [2, 1, 1]);

    // A list that holds one, as a whole.
    let mut after = deployment();
    after["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--port", "80", "--password=hunter2"]);
    let text = serde_json::to_string(&between(&deployment(), &after)).unwrap();
    assert!(text.contains("args") && text.contains("secret") && !text.contains("hunter2"), "{text}");
    after["spec"]["template"]["spec"]["containers"] = json!(null);
    let text = serde_json::to_string(&between(&deployment(), &after)).unwrap();
    assert!(text.contains("removed") && !text.contains("hunter2"), "{text}");
}

#[test]
fn files_are_not_copied_into_the_ledger() {
    let map =
        |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": text}});
    for text in ["two\nlines", &"x".repeat(1000)] {
        let changes = between(&map("short"), &map(text));
        assert_eq!((&changes[0].old, &changes[0].new, changes[0].withheld), (&None, &None, Some(Withheld::Long)));
    }
}

/// Every scalar below a value, by JSON pointer.
fn scalars(value: &Json, pointer: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| {
            scalars(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| scalars(item, &format!("{pointer}/{at}"), found));
        }
        Json::Null => {}
        _ => found.push(pointer.to_owned()),
    }
}

/// Each single change of real manifests is told, and nothing besides it.
#[test]
fn one_changed_scalar_is_one_change() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let mut changed = 0;
    for entry in ignore::Walk::new(folder).flatten().filter(|it| it.path().extension().is_some_and(|it| it == "yaml")) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for before in hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources {
            let value = before.value().to_json();
            assert_eq!(changes(&before, &resource(&value.to_string())), []);
            let mut found = Vec::new();
            scalars(&value["spec"], "/spec", &mut found);
            for pointer in found {
                let mut after = value.clone();
                *after.pointer_mut(&pointer).unwrap() = json!("else, and new");
                let told = changes(&before, &resource(&after.to_string()));
                // A changed key is another item, and leaves the order of the rest.
                let is_key = told.iter().all(|it| matches!(it.op, Op::Added | Op::Removed)) && told.len() == 2;
                let is_value = told.len() == 1 && told[0].op == Op::Changed;
                assert!(is_key || is_value, "{}{pointer}: {told:?}", entry.path().display());
                changed += 1;
            }
        }
    }
    assert!(changed > 200, "{changed}");
}

#[test]
fn the_documented_entry_is_one() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/ledger.md")).unwrap();
    let example: Json =
        page.split("```json").nth(1).and_then(|rest| serde_json::from_str(rest.split("```").next()?).ok()).unwrap();
    let entry: Entry = serde_json::from_value(example.clone()).unwrap();
    assert_eq!((entry.schema.as_str(), serde_json::to_value(&entry).unwrap()), (SCHEMA, example));
}
