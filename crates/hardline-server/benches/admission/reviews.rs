//! What is asked, and the cluster that it is asked about.

use std::fs;
use std::sync::Arc;

use hardline_cluster::observed::Observed;
use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Enforcement;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_server::admission::{Admission, Options, Updates};
use serde_json::{Value as Json, json};

const NAMESPACES: usize = 50;
const PODS: usize = 1_000;

pub(crate) fn example(file: &str) -> String {
    let path = format!("{}/../../examples/3am-fixed/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("the example exists")
}

pub(crate) fn objects(text: String) -> Vec<Resource> {
    hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources
}

/// The shop of the example, once in each namespace. Its deployment and its stateful set judge for their
/// pods, as they do where a cluster is watched.
pub(crate) fn cluster() -> Inventory {
    let files = ["namespace", "network", "orders-db", "checkout"].map(example).join("\n---\n");
    let mut resources = objects(example("priority"));
    for namespace in 0..NAMESPACES {
        resources.extend(objects(files.replace(" shop\n", &format!(" team-{namespace}\n"))));
    }
    Inventory::new(resources, Coverage::everything())
}

/// The example's deployment with containers beside the first.
pub(crate) fn deployment() -> Json {
    let mut object = objects(example("checkout")).remove(0).value().to_json();
    object["metadata"]["namespace"] = json!("team-7");
    let containers = object["spec"]["template"]["spec"]["containers"].as_array_mut().expect("there are some");
    for name in ["proxy", "metrics"] {
        let mut another = containers[0].clone();
        another["name"] = json!(name);
        another["ports"] = Json::Null;
        for probe in ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle"] {
            another[probe] = Json::Null;
        }
        containers.push(another);
    }
    object
}

/// A review of a change of the deployment, of about so many bytes: what is missing is fields that tools
/// manage.
fn review(operation: &str, bytes: usize) -> Vec<u8> {
    let mut object = deployment();
    object["metadata"]["uid"] = json!("3e1f3a3c-4b1e-4c55-9a3f-2f3f3c1b9a77");
    let old = if operation == "UPDATE" { object.clone() } else { Json::Null };
    object["metadata"]["labels"]["team"] = json!("shop");
    let request = |object: &Json, old: &Json| {
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "requestKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "requestResource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "name": "checkout",
                "namespace": "team-7",
                "operation": operation,
                "userInfo": {"username": "jane", "groups": ["developers", "system:authenticated"]},
                "object": object,
                "oldObject": old,
                "dryRun": false,
                "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
            },
        })
        .to_string()
    };
    let mut fields = serde_json::Map::new();
    while request(&object, &old).len() < bytes {
        for _ in 0..10 {
            let at = fields.len();
            fields.insert(format!("f:field-{at}"), json!({"f:name": {}, "f:value": {}}));
        }
        object["metadata"]["managedFields"] = json!([{
            "manager": "kubectl-client-side-apply",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }]);
    }
    request(&object, &old).into_bytes()
}

pub(crate) fn reviews() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("create, 8 KB", review("CREATE", 8 << 10)),
        ("create, 18 KB", review("CREATE", 18 << 10)),
        ("update, 30 KB", review("UPDATE", 30 << 10)),
    ]
}

pub(crate) fn observed(inventory: Inventory) -> tokio::sync::watch::Receiver<Arc<Observed>> {
    let observed = Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects: PODS };
    tokio::sync::watch::channel(Arc::new(observed)).1
}

pub(crate) fn admission(inventory: Inventory) -> Admission {
    let options = Options {
        enforcement: Enforcement::Deny,
        absence: Enforcement::Audit,
        updates: Updates::Worse,
        own_namespace: None,
    };
    Admission::new(options, Config::new(Date { year: 2026, month: 6, day: 1 }), observed(inventory))
}
