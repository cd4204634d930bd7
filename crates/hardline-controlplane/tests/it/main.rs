//! Tests of the control planes that other tests run on.

use std::net::TcpStream;
use std::panic;
use std::time::Duration;

use hardline_controlplane::ControlPlane;
use serde_json::{Value as Json, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn is_reached(server: &str) -> bool {
    TcpStream::connect(server.trim_start_matches("https://")).is_ok()
}

/// What a failed start says.
fn complaint(result: anyhow::Result<ControlPlane>) -> String {
    format!("{:#}", result.err().expect("the control plane does not start"))
}

#[test]
fn it_is_the_kubernetes_that_was_asked_for_and_kubectl_reaches_it() {
    let plane = ControlPlane::start().unwrap();
    let version = plane.expect("GET", "/version", None).unwrap();
    assert_eq!(version["gitVersion"], "v1.37.2");
    plane.expect("POST", CONFIG_MAPS, Some(&config_map("a"))).unwrap();
    assert_eq!(plane.request("POST", CONFIG_MAPS, Some(&config_map("a"))).unwrap().status, 409);
    let output = plane.kubectl(&["get", "configmap", "a", "-o=name"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "configmap/a\n", "{output:?}");
}

#[test]
fn users_may_do_what_rbac_grants_their_groups() {
    let plane = ControlPlane::setup().user("ada", &["developers", "night shift"]).start().unwrap();
    let ask = |arguments: &[&str]| {
        let output = plane.kubectl_as("ada", arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let attributes: Json = serde_json::from_str(&ask(&["auth", "whoami", "-o=json"])).unwrap();
    assert_eq!(attributes["status"]["userInfo"]["username"], "ada");
    assert_eq!(
        attributes["status"]["userInfo"]["groups"],
        json!(["developers", "night shift", "system:authenticated"])
    );

    assert!(ask(&["get", "configmaps"]).contains("User \"ada\" cannot list resource \"configmaps\""));
    for grant in [
        ["create", "role", "reader", "--verb=list", "--resource=configmaps"],
        ["create", "rolebinding", "reader", "--role=reader", "--group=night shift"],
    ] {
        let output = plane.kubectl(&grant).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    plane.until("ada may list", |_| ask(&["auth", "can-i", "list", "configmaps"]) == "yes\n").unwrap();
    assert!(ask(&["get", "secrets"]).contains("cannot list resource \"secrets\""));
}

#[test]
fn a_paused_etcd_answers_nothing_and_a_restarted_api_server_has_forgotten_nothing() {
    let plane = ControlPlane::start().unwrap();
    plane.pause_etcd().unwrap();
    let late = plane.request("POST", &format!("{CONFIG_MAPS}?timeout=1s"), Some(&config_map("late"))).unwrap();
    assert_eq!(late.status, 504, "{late:?}");
    plane.resume_etcd().unwrap();
    plane.until("etcd answers", |plane| plane.expect("POST", CONFIG_MAPS, Some(&config_map("a"))).is_ok()).unwrap();

    plane.restart_apiserver().unwrap();
    plane.expect("GET", &format!("{CONFIG_MAPS}/a"), None).unwrap();
}

#[test]
fn pods_are_created_bound_run_end_and_go() {
    let plane = ControlPlane::setup().controllers().scheduler().nodes(3).start().unwrap();
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
            },
        },
    });
    plane.expect("POST", "/apis/apps/v1/namespaces/default/deployments", Some(&deployment)).unwrap();
    let shop = "/apis/apps/v1/namespaces/default/deployments/shop";
    let ready = |plane: &ControlPlane| plane.expect("GET", shop, None).unwrap()["status"]["readyReplicas"] == 3;
    plane.until("all replicas are ready", ready).unwrap();
    let pods = plane.expect("GET", "/api/v1/namespaces/default/pods", None).unwrap();
    for pod in pods["items"].as_array().unwrap() {
        assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
        assert_eq!(pod["spec"]["serviceAccountName"], "default");
        assert!(pod["spec"]["nodeName"].as_str().unwrap().starts_with("node-"));
    }

    let job = plane.kubectl(&["create", "job", "count", "--image=count:1"]).output().unwrap();
    assert!(job.status.success(), "{job:?}");
    let count = "/apis/batch/v1/namespaces/default/jobs/count";
    let succeeded = |plane: &ControlPlane| plane.expect("GET", count, None).unwrap()["status"]["succeeded"] == 1;
    plane.until("the job has succeeded", succeeded).unwrap();

    plane.expect("DELETE", shop, None).unwrap();
    let shops = "/api/v1/namespaces/default/pods?labelSelector=app%3Dshop";
    let gone = |plane: &ControlPlane| plane.expect("GET", shops, None).unwrap()["items"] == json!([]);
    plane.until("the pods of the deployment are gone", gone).unwrap();
}

#[test]
fn an_older_api_server_runs_as_well() {
    let plane = ControlPlane::setup().kubernetes("1.34").start().unwrap();
    assert_eq!(plane.expect("GET", "/version", None).unwrap()["gitVersion"], "v1.34.4");
}

#[test]
fn nothing_is_left_when_it_is_dropped_and_the_logs_when_a_test_fails() {
    let plane = ControlPlane::start().unwrap();
    let (folder, server) = (plane.folder().to_owned(), plane.server().to_owned());
    assert!(folder.exists() && is_reached(&server));
    drop(plane);
    assert!(!folder.exists() && !is_reached(&server));

    let plane = ControlPlane::start().unwrap();
    let (folder, server) = (plane.folder().to_owned(), plane.server().to_owned());
    panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _plane = plane;
        panic!("as a failed test does");
    }))
    .unwrap_err();
    assert!(!is_reached(&server));
    assert!(folder.join("kube-apiserver.log").exists() && folder.join("etcd.log").exists());
    assert!(!folder.join("etcd").exists(), "the data of etcd is no log");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_start_that_fails_says_why() {
    let unknown = complaint(ControlPlane::setup().apiserver("--no-such-flag").start());
    assert!(unknown.contains("kube-apiserver ended: exit status: 1"), "{unknown}");
    assert!(unknown.contains("unknown flag: --no-such-flag"), "{unknown}");

    let late = complaint(ControlPlane::setup().deadline(Duration::ZERO).start());
    assert!(late.contains("after 0ns it does not hold that the API server is ready"), "{late}");

    let version = complaint(ControlPlane::setup().kubernetes("0.1").start());
    assert!(version.contains("`cargo xtask controlplane --build-only --kubernetes 0.1` failed"), "{version}");
}
