//! What has just been deployed.

use std::collections::BTreeSet;

use hardline_controlplane::ControlPlane;

use super::told;
use crate::run::{hardline, root, run};

/// Charts and manifests as others write them, fresh in a cluster, have not drifted: whatever the API server
/// fills in, allocates or spells otherwise is told apart.
#[test]
fn what_was_just_deployed_has_not_drifted() {
    let plane = ControlPlane::start().unwrap();
    let (mut clean, mut objects) = (0, 0);
    let mut is_clean = |what: &str, arguments: &[&str]| {
        let mut command = hardline(&["drift", "--no-config", "-o", "json", "--kubeconfig"]);
        let report = run(command.arg(plane.kubeconfig()).args(arguments)).exits(0).json();
        assert_eq!(told(&report), BTreeSet::new(), "{what}");
        clean += 1;
        objects += report["summary"]["objects"].as_u64().unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    run(plane.helm(&["create", "starter"]).unwrap().current_dir(folder.path())).succeeds();
    let chart = folder.path().join("starter");
    let all = ["--set=ingress.enabled=true", "--set=autoscaling.enabled=true", "--set=livenessProbe.periodSeconds=7"];
    for (namespace, way) in [("applied", "--server-side=true"), ("updated", "--server-side=false")] {
        let install = ["install", "starter", "--create-namespace", "--namespace", namespace, way];
        run(plane.helm(&install).unwrap().args(all).arg(&chart)).succeeds();
        is_clean(way, &["-n", namespace]);
        let upgrade = ["upgrade", "starter", "--namespace", namespace, way, "--set=replicaCount=3"];
        run(plane.helm(&upgrade).unwrap().arg(&chart)).succeeds();
        is_clean(way, &["-n", namespace]);
    }
    let corpus = root().join("../shared/corpus");
    let files = [
        "aks-store-demo/aks-store-all-in-one.yaml",
        "online-boutique/release/kubernetes-manifests.yaml",
        "voting-app/k8s-specifications",
    ];
    for (at, file) in files.iter().map(|file| corpus.join(file)).filter(|file| file.exists()).enumerate() {
        let namespace = format!("corpus-{at}");
        run(&mut plane.kubectl(&["create", "namespace", &namespace])).succeeds();
        let file = file.to_str().unwrap();
        let apply = ["apply", "--namespace", &namespace, "-f", file];
        run(&mut plane.kubectl(&apply)).succeeds();
        is_clean(file, &["-n", &namespace, "--desired", file]);
    }
    println!("{clean} fresh deployments with {objects} objects: no drift");
    assert!(clean >= 4, "{clean}");
}
