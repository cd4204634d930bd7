//! `--exact`: the API server is asked about what no table of hardline's tells.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hardline_controlplane::ControlPlane;
use serde_json::Value as Json;

use super::told;
use crate::run::{hardline, run, run_with};

/// A kind with a default, a namespace in which a policy changes what is admitted, and `ben`, who may
/// change what is in it, but not read what defines kinds.
const CLUSTER: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer}
                mode: {type: string, default: fast}
                limits:
                  type: object
                  default: {}
                  properties: {rate: {type: integer, default: 10}}
---
apiVersion: v1
kind: Namespace
metadata: {name: exact}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: mirror}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: exact}}
    resourceRules:
      - {apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}
  matchConditions: [{name: ours, expression: 'object.metadata.name == \"shop\"'}]
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: 'Object{data: {\"region\": \"eu\", \"registry\": \"mirror.example.com\"}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: mirror}
spec: {policyName: mirror}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: everything, namespace: exact}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ben, namespace: exact}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: everything}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ben}]
";

const DESIRED: &str = "
apiVersion: example.com/v1
kind: Widget
metadata: {name: shop}
spec: {size: 3}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {registry: registry.example.com, debug: 'false'}
";

fn drift(plane: &ControlPlane, desired: &Path, arguments: &[&str]) -> Json {
    let mut command = hardline(&["drift", "--no-config", "-o", "json", "-n", "exact", "--kubeconfig"]);
    let command = command.arg(plane.kubeconfig_of("ben")).arg("--desired").arg(desired).args(arguments);
    run(command).json()
}

fn versions(plane: &ControlPlane) -> Vec<String> {
    let objects = ["/apis/example.com/v1/namespaces/exact/widgets/shop", "/api/v1/namespaces/exact/configmaps/shop"];
    objects.map(|path| plane.expect("GET", path, None).unwrap()["metadata"]["resourceVersion"].to_string()).to_vec()
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn what_the_api_server_does_by_itself_is_no_drift_when_it_is_asked() {
    let plane = &ControlPlane::setup().user("ben", &[]).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let desired = folder.path().join("shop.yaml");
    fs::write(&desired, DESIRED).unwrap();
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), CLUSTER).succeeds();
    let create = ["create", "--namespace", "exact", "-f", desired.to_str().unwrap()];
    plane
        .until("the kind is served and the policy at work", |plane| {
            run(&mut plane.kubectl_as("ben", &["delete", "--ignore-not-found", "-n", "exact", "configmap/shop"]))
                .succeeds();
            run(&mut plane.kubectl_as("ben", &["delete", "--ignore-not-found", "-n", "exact", "widget/shop"]));
            let created = run(&mut plane.kubectl_as("ben", &create)).code == 0;
            let map = ["get", "configmap/shop", "-n", "exact", "-o", "jsonpath={.data.region}"];
            created && run(&mut plane.kubectl(&map)).stdout == "eu"
        })
        .unwrap();

    let unasked = told(&drift(plane, &desired, &[]));
    let doubtful = set(&[
        "ConfigMap shop data.registry pending kubectl-create",
        "Widget shop spec.limits.rate leftover kubectl-create",
        "Widget shop spec.mode leftover kubectl-create",
    ]);
    assert_eq!(unasked, doubtful, "the definition is not for ben to read, and nobody owns what the policy has set");
    let before = versions(plane);
    assert_eq!(told(&drift(plane, &desired, &["--exact"])), BTreeSet::new());
    let explained = drift(plane, &desired, &["--exact", "--explain-suppressed"]);
    let explained = explained["objects"].to_string();
    assert!(explained.contains("the API server sets it where nobody does, as a dry run shows"), "{explained}");
    assert!(explained.contains("the API server makes this of what is desired"), "{explained}");
    assert_eq!(versions(plane), before, "nothing is written");

    // What a person has done stays, also where the server has forgotten who it was.
    let hand = |kind: &str, patch: &str| {
        run(&mut plane.kubectl_as("ben", &["patch", kind, "shop", "-n", "exact", "--type=json", "-p", patch]))
            .succeeds();
    };
    hand("widget", r#"[{"op":"replace","path":"/spec/mode","value":"slow"}]"#);
    hand(
        "configmap",
        r#"[{"op":"replace","path":"/data/debug","value":"true"},{"op":"add","path":"/data/trace","value":"on"}]"#,
    );
    hand("configmap", r#"[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]"#);
    let asked = told(&drift(plane, &desired, &["--exact"]));
    let by_hand = set(&[
        "ConfigMap shop data.debug changed",
        "ConfigMap shop data.trace unattributed",
        "Widget shop spec.mode added kubectl-patch",
    ]);
    assert_eq!(asked, by_hand);

    // Who may not ask is told so.
    run(&mut plane.kubectl(&[
        "create",
        "role",
        "reader",
        "-n",
        "exact",
        "--verb=get,list",
        "--resource=configmaps,widgets.example.com,secrets",
    ]))
    .succeeds();
    run(&mut plane.kubectl(&["delete", "rolebinding", "ben", "-n", "exact"])).succeeds();
    run(&mut plane.kubectl(&["create", "rolebinding", "ben", "-n", "exact", "--role=reader", "--user=ben"])).succeeds();
    let refused = drift(plane, &desired, &["--exact"])["notices"].to_string();
    assert!(
        refused.contains("ConfigMap exact/shop is not compared exactly: ") && refused.contains("cannot patch"),
        "{refused}"
    );
}
