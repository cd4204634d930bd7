//! Reviews as the API server writes them, and clusters to decide in.

use std::path::Path;
use std::sync::Arc;

use hardline_cluster::observed::Observed;
use hardline_core::config::Config;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Enforcement;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_server::admission::{Admission, Decision, Options, Updates};
use hardline_server::answer;
use hardline_server::clock::date;
use hardline_server::configuration::Configuration;
use hardline_server::review::Review;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const NOW: Timestamp = Timestamp::constant(1_780_000_000, 0);

pub(crate) fn example(file: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples")).join(file);
    std::fs::read_to_string(path).expect("the example exists")
}

/// The objects of a text of manifests.
pub(crate) fn objects(text: &str) -> Vec<Resource> {
    hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources
}

pub(crate) fn object(text: &str) -> Value {
    objects(text)[0].value().to_json()
}

/// A cluster that holds these manifests and nothing else.
pub(crate) fn cluster(text: &str) -> Inventory {
    Inventory::new(objects(text), Coverage::everything())
}

pub(crate) fn options() -> Options {
    Options {
        enforcement: Enforcement::Deny,
        absence: Enforcement::Warn,
        updates: Updates::Worse,
        own_namespace: Some("hardline-system".to_owned()),
    }
}

/// The default configuration, for good.
pub(crate) fn configuration() -> Configuration {
    Config::new(date(NOW)).into()
}

pub(crate) fn admission(cluster: Inventory) -> Admission {
    Admission::new(options(), configuration(), observed(cluster))
}

/// What watches of a cluster give that never changes.
pub(crate) fn observed(inventory: Inventory) -> watch::Receiver<Arc<Observed>> {
    let objects = inventory.resources().count();
    watch::channel(Arc::new(Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects })).1
}

/// A request by a person to do something to an object, which tests change as they need.
pub(crate) fn request(operation: &str, object: &Value, old: &Value) -> Value {
    let subject = if object.is_null() { old } else { object };
    let api_version = subject["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let kind = subject["kind"].as_str().unwrap_or_default();
    let plural = match kind {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        kind => kind.to_lowercase() + "s",
    };
    json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": plural},
        "name": subject["metadata"]["name"],
        "namespace": subject["metadata"]["namespace"],
        "operation": operation,
        "userInfo": {"username": "jane", "groups": ["developers", "system:authenticated"]},
        "object": object,
        "oldObject": old,
        "dryRun": false,
    })
}

pub(crate) fn review(request: &Value) -> Review {
    Review::read(body(request)).expect("the review is well formed")
}

pub(crate) fn body(request: &Value) -> Vec<u8> {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string().into_bytes()
}

pub(crate) fn decide(cluster: Inventory, request: &Value) -> Decision {
    admission(cluster).decide(&review(request), NOW)
}

/// What the API server is told.
pub(crate) fn response(cluster: Inventory, request: &Value) -> Value {
    let review = review(request);
    let decision = admission(cluster).decide(&review, NOW);
    let answer: Value = serde_json::from_slice(&answer::body(&review, &decision)).expect("the answer is JSON");
    answer["response"].clone()
}

/// The rules that refuse, or none where something else does.
pub(crate) fn denied(decision: &Decision) -> Vec<&'static str> {
    decision.that(Enforcement::Deny).map(|judged| judged.finding.rule.id).collect()
}
