//! What webhooks add to a request of a real API server.

use std::time::Instant;

use hardline_controlplane::ControlPlane;
use k8s_openapi::ByteString;
use serde_json::json;

use crate::load::Running;
use crate::quantile;
use crate::reviews::deployment;

/// How many deployments are created in each namespace, without anything coming of it.
const REQUESTS: usize = 400;

/// Each webhook is asked about a namespace of its own, and one namespace is nobody's. They take turns, so
/// that what else the machine does meets all.
pub(crate) fn measure() {
    let plane = ControlPlane::start().expect("a control plane starts: `cargo xtask controlplane --build-only`");
    let servers = Running::all();
    let mut namespaces = vec!["no webhook".to_owned()];
    for (name, server) in &servers {
        let namespace = name.to_lowercase().replace(' ', "-");
        let webhook = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": namespace},
            "webhooks": [{
                "name": "changes.example.com",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "url": format!("https://{}/admit", server.address),
                    "caBundle": ByteString(server.certificate.clone().into_bytes()),
                },
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["deployments"],
                }],
            }],
        });
        let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        plane.expect("POST", path, Some(&webhook)).expect("it is registered");
        namespaces.push(namespace);
    }
    println!("{:<42} {:>10} {:>10}", "a request of the API server", "p50", "p99");
    for namespace in &mut namespaces {
        *namespace = namespace.replace(' ', "-");
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        plane.expect("POST", "/api/v1/namespaces", Some(&object)).expect("it is created");
    }
    let mut took: Vec<Vec<f64>> = namespaces.iter().map(|_| Vec::new()).collect();
    let mut deployment = deployment();
    // The first are not counted: connections are opened, and webhooks are taken up.
    for turn in 0..REQUESTS + REQUESTS / 4 {
        for (took, namespace) in took.iter_mut().zip(&namespaces) {
            deployment["metadata"]["namespace"] = json!(namespace);
            let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments?dryRun=All");
            let started = Instant::now();
            plane.expect("POST", &path, Some(&deployment)).expect("it is admitted");
            if turn >= REQUESTS / 4 {
                took.push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (took, namespace) in took.iter_mut().zip(&namespaces) {
        took.sort_by(f64::total_cmp);
        println!("{namespace:<42} {:>7.0} us {:>7.0} us", quantile(took, 0.5), quantile(took, 0.99));
    }
}
