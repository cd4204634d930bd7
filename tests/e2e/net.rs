//! Who can reach whom in a live cluster, and what manifests would change there.

use std::fs;

use crate::plane;
use crate::run::{hardline, run, run_with};

/// Two workloads of which only one may be asked by the other, and a namespace that others may not read.
const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: net-shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.com/web:1}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: net-shop}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: registry.example.com/db:1, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: net-shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: sql}]}]
";

#[test]
fn a_cluster_answers_as_its_manifests_do() {
    let plane = plane::with_namespace("net-shop");
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), SHOP).succeeds();
    let running = |name: &str| {
        let pods = run(&mut plane.kubectl(&["get", "pods", "-n", "net-shop", "-o", "name"])).stdout;
        pods.contains(name)
    };
    plane.until("pods are there", |_| running("pod/web-") && running("pod/db-0")).unwrap();
    let net = |arguments: &[&str]| run(hardline(&["net"]).args(arguments).env("KUBECONFIG", plane.kubeconfig()));
    let folder = tempfile::tempdir().unwrap();
    let (file, changed) = (folder.path().join("shop.yaml"), folder.path().join("changed.yaml"));
    fs::write(&file, SHOP).unwrap();
    fs::write(&changed, SHOP.replace("{matchLabels: {app: web}}}]", "{matchLabels: {app: nobody}}}]")).unwrap();
    let (file, changed) = (file.to_str().unwrap(), changed.to_str().unwrap());
    // The namespace's own label comes with the cluster; nothing here asks for it.
    let observed = net(&["list", "cluster", "-n", "net-shop"]).succeeds();
    assert_eq!(observed.stdout, net(&["list", file]).succeeds().stdout);
    assert!(observed.stdout.contains("net-shop/web[Deployment] => net-shop/db[StatefulSet] : TCP 5432"));
    assert_eq!(net(&["diff", "cluster", file]).succeeds().stdout, "");
    let closed = "- net-shop/web[Deployment] => net-shop/db[StatefulSet] : TCP 5432\n";
    assert_eq!(net(&["diff", "cluster", changed]).succeeds().stdout, closed);
    let why = net(&["why", "net-shop/web", "net-shop/db", "--from", "cluster"]).succeeds().stdout;
    assert!(why.contains("NetworkPolicy net-shop/db /spec/ingress/0 at cluster/net-shop/NetworkPolicy/db:"), "{why}");
}
