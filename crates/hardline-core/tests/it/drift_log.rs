//! Who made a change, by logs.

use std::sync::Arc;

use hardline_core::drift::{Author, Class, Confidence, Drift, Options, Records, Standing, attribute, drift};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

fn resource(object: &Json) -> Resource {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.json", object.to_string())));
    read.resources.into_iter().next().expect("an object")
}

fn deployment(spec: &Json, managers: &Json) -> Json {
    let labels = json!({"app": "web"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": managers},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}})
}

fn container(image: &str, probe: bool) -> Json {
    let mut container = json!({"name": "app", "image": image, "ports": [{"containerPort": 80, "protocol": "TCP"}]});
    if probe {
        container["livenessProbe"] = json!({"httpGet": {"path": "/", "port": 80}});
    }
    json!({"containers": [container]})
}

/// An event of an audit log, of what `ada` did.
fn event(verb: &str, time: &str, more: &Json) -> String {
    let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": verb,
        "requestURI": "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-edit",
        "user": {"username": "ada"}, "userAgent": "kubectl/v1.37.2 (linux/amd64)",
        "objectRef": {"resource": "deployments", "namespace": "shop", "name": "web", "apiGroup": "apps", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": time, "stageTimestamp": time});
    let more = more.as_object().expect("fields");
    event.as_object_mut().expect("an object").extend(more.clone());
    event.to_string()
}

/// The drift from a probe and the tag `1` to no probe and the tag `2`, and what logs tell about it.
fn blamed(managers: &Json, lines: &[String]) -> Drift {
    let desired = [resource(&deployment(&container("web:1", true), &json!([])))];
    let observed = [resource(&deployment(&container("web:2", false), managers))];
    let mut drift = drift(&desired, None, &observed, Options::default(), false);
    told(&mut drift, &desired, &observed, lines);
    drift
}

fn told(drift: &mut Drift, desired: &[Resource], observed: &[Resource], lines: &[String]) {
    let mut records = Records::default();
    for line in lines {
        records.read(line.as_bytes());
    }
    records.finish();
    attribute(drift, desired, observed, &records);
}

/// By the end of the path of each difference, the first author's name, and how sure that is.
fn who(drift: &Drift) -> Vec<(String, String, Confidence)> {
    let who = drift.objects[0].differences.iter().map(|difference| {
        let path = difference.path.to_string();
        let author = difference.blame.authors.first().map(Author::name).unwrap_or_default();
        (path.rsplit('.').next().unwrap_or_default().to_owned(), author, difference.blame.confidence)
    });
    who.collect()
}

fn recorded(name: &str) -> Vec<(String, String, Confidence)> {
    ["image", "livenessProbe"].map(|path| (path.to_owned(), name.to_owned(), Confidence::Recorded)).into()
}

#[test]
fn a_patch_names_the_user_also_of_a_removal() {
    let merge = json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "app"}], "containers":
        [{"name": "app", "image": "web:2", "livenessProbe": null}]}}}});
    let json_patch = json!([
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"},
        {"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}
    ]);
    for body in [merge, json_patch] {
        let line = event("patch", "2026-01-02T00:00:00.5Z", &json!({"requestObject": body}));
        assert_eq!(who(&blamed(&json!([]), &[line])), recorded("ada by kubectl-edit"), "{body}");
    }
}

#[test]
fn the_object_before_and_after_tell_what_was_changed() {
    let after = |spec: &Json, time, user: &str| {
        let object = deployment(spec, &json!([]));
        event("update", time, &json!({"responseObject": object, "user": {"username": user}}))
    };
    let lines = [
        // Not in order, as several API servers write them.
        after(&container("web:2", false), "2026-01-03T00:00:00Z", "bob"),
        after(&container("web:1", true), "2026-01-01T00:00:00Z", "helm"),
        after(&container("web:1", false), "2026-01-02T00:00:00Z", "ada"),
    ];
    let found: Vec<_> = who(&blamed(&json!([]), &lines)).into_iter().map(|(path, name, _)| (path, name)).collect();
    let bob = ("image".to_owned(), "bob by kubectl-edit".to_owned());
    assert_eq!(found, [bob, ("livenessProbe".to_owned(), "ada by kubectl-edit".to_owned())]);
}

#[test]
fn a_ledger_has_the_fields() {
    let path = "spec.template.spec.containers[name=app]";
    let line = json!({"schema": "hardline.ledger/v1", "time": "2026-01-02T00:00:00.5Z", "uid": "1", "operation": "UPDATE",
        "role": "other",
    "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
    "user": "ada", "manager": "kubectl-edit", "outcome": "allowed", "changes": [
        {"field": format!("{path}.image"), "op": "changed", "old": "web:1", "new": "web:2"},
        {"field": format!("{path}.livenessProbe.httpGet.path"), "op": "removed"}
    ]});
    assert_eq!(who(&blamed(&json!([]), &[line.to_string()])), recorded("ada by kubectl-edit"));
    let mut refused = line;
    refused["outcome"] = json!("refused");
    assert!(who(&blamed(&json!([]), &[refused.to_string()])).iter().all(|(_, name, _)| name.is_empty()));
}

#[test]
fn without_bodies_the_second_of_the_write_has_to_do() {
    let managers = json!([
        {"manager": "helm", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}},
        {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-01-02T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers":
                {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}}}
    ]);
    let lines = [event("patch", "2026-01-02T00:00:00.9Z", &json!({"level": "Metadata"}))];
    let found = who(&blamed(&managers, &lines));
    let ada = || "ada by kubectl-edit".to_owned();
    let image = ("image".to_owned(), ada(), Confidence::Owner);
    assert_eq!(found, [image, ("livenessProbe".to_owned(), ada(), Confidence::Inferred)]);
}

#[test]
fn what_changed_nothing_is_no_evidence() {
    let body = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web:2"}]}}}});
    let lines = [
        json!({"requestObject": body, "responseStatus": {"code": 403}}),
        json!({"requestObject": body, "requestURI": "/apis/apps/v1/namespaces/shop/deployments/web?dryRun=All"}),
        json!({"requestObject": body, "stage": "RequestReceived"}),
        json!({"requestObject": body, "objectRef": {"resource": "deployments", "namespace": "shop", "name": "api",
            "apiGroup": "apps"}}),
        json!({"requestObject": {"spec": {"replicas": 2}}}),
        json!({"requestObject": [{"op": "test", "path": "/spec/template/spec/containers/0/image"}]}),
    ];
    let mut lines: Vec<_> = lines.iter().map(|more| event("patch", "2026-01-02T00:00:00Z", more)).collect();
    lines.extend([String::new(), "{".to_owned(), "null".to_owned(), "[[]]".to_owned(), "{\"verb\": 1}".to_owned()]);
    let found = who(&blamed(&json!([]), &lines));
    assert!(found.iter().all(|(_, name, confidence)| name.is_empty() && *confidence == Confidence::None), "{found:?}");
}

#[test]
fn deletions_and_orphans_have_a_user_too() {
    let desired = [resource(&deployment(&container("web:1", true), &json!([])))];
    let mut stray = deployment(&container("web:1", true), &json!([]));
    stray["metadata"]["name"] = json!("stray");
    let observed = [resource(&stray)];
    let mut drift = drift(&desired, None, &observed, Options::default(), true);
    let reference = json!({"resource": "deployments", "namespace": "shop", "name": "stray", "apiGroup": "apps"});
    let lines = [
        event("delete", "2026-01-02T00:00:00Z", &json!({})),
        event("create", "2026-01-02T00:00:00Z", &json!({"objectRef": reference, "user": {"username": "bob"}})),
    ];
    told(&mut drift, &desired, &observed, &lines);
    let [missing, orphan] = &drift.objects[..] else { panic!("{drift:?}") };
    assert_eq!((missing.standing, orphan.standing), (Standing::Missing, Standing::Orphan));
    assert_eq!(missing.deleter.as_ref().and_then(|author| author.user.as_deref()), Some("ada"));
    assert_eq!(orphan.creator.as_ref().and_then(|author| author.user.as_deref()), Some("bob"));
}

#[test]
fn what_nobody_was_known_to_have_added_is_drift_once_a_log_has_it() {
    let desired = [resource(&deployment(&container("web:1", false), &json!([])))];
    let observed = [resource(&deployment(&container("web:1", true), &json!([])))];
    let mut drift = drift(&desired, None, &observed, Options::default(), false);
    assert_eq!(drift.objects[0].differences[0].class, Class::Unattributed);
    let body = json!([{"op": "add", "path": "/spec/template/spec/containers/0/livenessProbe", "value": {}}]);
    told(&mut drift, &desired, &observed, &[event("patch", "2026-01-02T00:00:00Z", &json!({"requestObject": body}))]);
    assert_eq!(drift.objects[0].differences[0].class, Class::Added);
}
