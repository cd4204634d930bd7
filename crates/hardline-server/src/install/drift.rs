//! What the detector of drift may read: whole objects of the kinds that releases hold, and the Secrets
//! that hold the releases. Nobody needs it who does not look for drift.

use hardline_cluster::kinds;
use serde_json::{Value as Json, json};

use super::{NAME, labels};

/// The label of roles for kinds that people have defined: what they permit, the detector may.
pub const LABEL: &str = "hardline.dev/aggregate-to-drift";

/// What releases hold beside the kinds that rules read.
const MORE: [(&str, &[&str]); 7] = [
    ("", &["endpoints", "persistentvolumes"]),
    (
        "admissionregistration.k8s.io",
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        ],
    ),
    ("apiregistration.k8s.io", &["apiservices"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("networking.k8s.io", &["ingressclasses"]),
    ("node.k8s.io", &["runtimeclasses"]),
    ("storage.k8s.io", &["csidrivers"]),
];

/// The roles, and who has them.
pub(super) fn objects(namespace: &str) -> Vec<Json> {
    let version = "rbac.authorization.k8s.io/v1";
    let name = format!("{NAME}-drift");
    let mut rules: Vec<Json> = kinds::rbac().into_iter().map(|rule| json!(rule)).collect();
    rules.extend(MORE.iter().map(
        |(group, resources)| json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]}),
    ));
    let mut labelled = labels();
    labelled[LABEL] = json!("true");
    let kinds = json!({
        "apiVersion": version,
        "kind": "ClusterRole",
        "metadata": {"name": format!("{name}-kinds"), "labels": labelled},
        "rules": rules,
    });
    vec![
        json!({
            "apiVersion": version,
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": labels()},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {LABEL: "true"}}]},
        }),
        kinds,
        json!({
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": labels()},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
        }),
    ]
}
