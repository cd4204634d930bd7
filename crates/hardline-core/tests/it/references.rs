//! What pods name and what is there, beyond the rules' own examples.

use std::sync::Arc;

use hardline_core::references;
use hardline_core::resource::Kind;
use hardline_core::source::Source;
use hardline_core::workload::Workload;

use crate::support::lines_of;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---
apiVersion: v1\nkind: Secret\nmetadata: {name: present, namespace: shop}\n---\n";

const EVERYTHING: &str = "apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  serviceAccount: web
  imagePullSecrets: [{name: registry}]
  volumes:
    - {name: a, configMap: {name: settings, items: [{key: k, path: p}]}}
    - {name: b, secret: {secretName: tls, optional: true}}
    - {name: c, persistentVolumeClaim: {claimName: data}}
    - {name: d, projected: {sources: [{secret: {name: token}}, {configMap: {name: roots}}, {downwardAPI: {}}]}}
    - {name: e, emptyDir: {}}
  initContainers:
    - name: init
      envFrom: [{configMapRef: {name: shared}}, {secretRef: {name: shared}}]
  containers:
    - name: web
      env:
        - {name: A, value: b}
        - {name: B, valueFrom: {secretKeyRef: {name: database, key: url}}}
        - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
";

#[test]
fn every_reference_of_a_pod_is_found_where_it_is_written() {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", EVERYTHING)));
    let workload = Workload::of(&read.resources[0]).unwrap();
    let kinds = [Kind::ServiceAccount, Kind::Secret, Kind::ConfigMap, Kind::PersistentVolumeClaim];
    let found: Vec<_> = kinds.into_iter().flat_map(|kind| references::of(&workload, kind)).collect();
    let lines: Vec<String> = found
        .iter()
        .map(|reference| {
            let key = reference.key.as_ref().map(|(key, path)| format!(" {key} at {path}")).unwrap_or_default();
            let optional = if reference.optional { " optional" } else { "" };
            format!("{} {} {:?} {}{key}{optional}", reference.kind, reference.name, reference.role, reference.path)
        })
        .collect();
    let expected = [
        "ServiceAccount web Identity /spec/serviceAccount",
        "Secret registry ImagePull /spec/imagePullSecrets/0/name",
        "Secret tls Volume /spec/volumes/1/secret/secretName optional",
        "Secret token Volume /spec/volumes/3/projected/sources/0/secret/name",
        "Secret shared Env /spec/initContainers/0/envFrom/1/secretRef/name",
        "Secret database Env /spec/containers/0/env/1/valueFrom/secretKeyRef/name url at /spec/containers/0/env/1/valueFrom/secretKeyRef/key",
        "ConfigMap settings Volume /spec/volumes/0/configMap/name k at /spec/volumes/0/configMap/items/0/key",
        "ConfigMap roots Volume /spec/volumes/3/projected/sources/1/configMap/name",
        "ConfigMap shared Env /spec/initContainers/0/envFrom/0/configMapRef/name",
        "PersistentVolumeClaim data Volume /spec/volumes/2/persistentVolumeClaim/claimName",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn absence_is_claimed_only_where_it_is_known_and_matters() {
    let missing = |rule: &str, text: &str| lines_of(rule, &format!("{NAMESPACE}{text}")).len();
    assert_eq!(lines_of("secret-missing", EVERYTHING).len(), 0);
    assert_eq!(missing("secret-missing", EVERYTHING), 3);
    assert_eq!(missing("configmap-missing", EVERYTHING), 3);
    assert_eq!(missing("pvc-missing", EVERYTHING), 1);
    assert_eq!(missing("service-account-missing", EVERYTHING), 1);
    assert_eq!(missing("image-pull-secret-missing", EVERYTHING), 1);
    let no_secrets = NAMESPACE.split_inclusive("---\n").next().unwrap();
    assert_eq!(lines_of("secret-missing", &format!("{no_secrets}{EVERYTHING}")).len(), 0);
    let default = EVERYTHING.replace("serviceAccount: web", "serviceAccountName: default");
    assert_eq!(missing("service-account-missing", &default), 0);
    let roots = EVERYTHING.replace("name: roots", "name: kube-root-ca.crt");
    assert_eq!(missing("configmap-missing", &roots), 2);
}

#[test]
fn what_a_controller_makes_is_not_missing() {
    let certificate = "---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec: {secretName: token}
";
    let job = "---
apiVersion: batch/v1
kind: Job
metadata: {name: make, namespace: shop}
spec: {template: {spec: {containers: [{name: make, args: [create, --secret-name=shared]}]}}}
";
    let set = "---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  volumeClaimTemplates: [{metadata: {name: data}}]
";
    let text = format!("{NAMESPACE}{EVERYTHING}{certificate}{job}{set}");
    assert_eq!(lines_of("secret-missing", &text).len(), 1);
    assert_eq!(lines_of("pvc-missing", &text).len(), 1);
    assert_eq!(lines_of("pvc-missing", &text.replace("claimName: data", "claimName: data-db-0")).len(), 0);
}

#[test]
fn a_key_may_be_in_any_of_the_fields_of_data() {
    let lacks = |data: &str| {
        let object =
            format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: database, namespace: shop}}\n{data}\n");
        lines_of("secret-key-missing", &format!("{EVERYTHING}{object}")).len()
    };
    assert_eq!(lacks("data: {url: eA==}"), 0);
    assert_eq!(lacks("stringData: {url: x}"), 0);
    assert_eq!(lacks("data: {other: eA==}"), 1);
    assert_eq!(lacks("type: Opaque"), 0);
}
