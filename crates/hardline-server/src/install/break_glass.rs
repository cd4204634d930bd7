//! `BreakGlass`: the grant by which somebody changes a guarded namespace by hand, for a while.
//!
//! That a grant is for whoever opens it, and how long it lasts at most, is checked by a policy of the
//! API server itself, so that it holds while hardline does not answer.

use serde_json::{Value as Json, json};

use super::{NAME, labels};

const GROUP: &str = "hardline.dev";

/// The definition, what guards it, and the role of those who may open grants, which nobody has yet.
/// `longest` is a duration in CEL.
pub(super) fn objects(longest: &str) -> Vec<Json> {
    let name = format!("{NAME}-break-glass");
    let metadata = json!({"name": name, "labels": labels()});
    let admission = "admissionregistration.k8s.io/v1";
    let opened = "timestamp(object.metadata.creationTimestamp)";
    vec![
        definition(),
        json!({
            "apiVersion": admission,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [GROUP],
                    "apiVersions": ["*"],
                    "operations": ["CREATE"],
                    "resources": ["breakglasses"],
                }]},
                "validations": [
                    {
                        "expression": "object.spec.user == request.userInfo.username",
                        "messageExpression":
                            "'`spec.user` is ' + object.spec.user + ', and ' + request.userInfo.username + ' opens the grant'",
                    },
                    {
                        "expression":
                            format!("timestamp(object.spec.until) <= {opened} + duration('{longest}')"),
                        "message": format!("`spec.until` is more than {longest} away, the longest that a grant may last"),
                    },
                ],
            },
        }),
        json!({
            "apiVersion": admission,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": [{
                "apiGroups": [GROUP],
                "resources": ["breakglasses"],
                "verbs": ["create", "delete", "get", "list", "watch"],
            }],
        }),
    ]
}

fn definition() -> Json {
    let text = |about: &str, longest: u32| json!({"type": "string", "description": about, "minLength": 1, "maxLength": longest});
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("breakglasses.{GROUP}"), "labels": labels()},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "BreakGlass",
                "listKind": "BreakGlassList",
                "plural": "breakglasses",
                "singular": "breakglass",
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    column("User", ".spec.user"),
                    column("Until", ".spec.until"),
                    column("Reason", ".spec.reason"),
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "Lets one person change a guarded namespace by hand for a while. All that is done under it is recorded.",
                    "required": ["spec"],
                    "properties": {"spec": {
                        "type": "object",
                        "required": ["reason", "until", "user"],
                        "properties": {
                            "user": text("Who opens the grant, by their name to the API server.", 253),
                            "reason": text("Why, for whoever reads it later.", 1024),
                            "until": {
                                "type": "string",
                                "format": "date-time",
                                "description": "When the grant ends.",
                            },
                        },
                        "x-kubernetes-validations": [
                            {"rule": "self == oldSelf", "message": "a grant is not changed: open another"},
                        ],
                    }},
                }},
            }],
        },
    })
}
