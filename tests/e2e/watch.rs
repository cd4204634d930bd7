//! The watch on a real control plane: two thousand pods, changes as they come, and what may go wrong.

use std::thread;
use std::time::Instant;

use hardline_controlplane::ControlPlane;
use hardline_controlplane::fleet::Fleet;
use serde_json::{Value as Json, json};

use crate::run::{hardline, root, run, run_with};
use crate::server::{self, Server};

/// Pods of each of so many deployments.
const PODS: usize = 100;
const DEPLOYMENTS: usize = 20;

/// Installs both APIs of reports, by the definitions that their projects publish.
pub(crate) fn define(plane: &ControlPlane) {
    run(plane.kubectl(&["create", "-f"]).arg(root().join("tests/e2e/reports"))).succeeds();
}

fn container() -> Json {
    json!({
        "name": "app",
        "image": "registry.example.com/app:1.4",
        "resources": {"requests": {"memory": "16Mi"}, "limits": {"memory": "16Mi"}},
        "securityContext": {"privileged": true},
    })
}

/// The objects of a list. The API server of a kind that is new to it asks for patience.
fn items(plane: &ControlPlane, path: &str) -> Vec<Json> {
    let mut items = Vec::new();
    let list = |plane: &ControlPlane| {
        let list = plane.expect("GET", path, None);
        list.map(|list| items.clone_from(list["items"].as_array().unwrap())).is_ok()
    };
    plane.until("the API server lists them", list).unwrap();
    items
}

/// What is reported on an object of a namespace, as rule ids, in the API of a group.
pub(crate) fn reported(plane: &ControlPlane, path: &str, namespace: &str, name: &str) -> Vec<String> {
    let reports = items(plane, &path.replace("NS", namespace));
    let results = reports.iter().flat_map(|report| report["results"].as_array().unwrap());
    let of_object = results.filter(|result| result["resources"][0]["name"] == name);
    of_object.map(|result| result["policy"].as_str().unwrap().to_owned()).collect()
}

pub(crate) const REPORTS: [&str; 2] = [
    "/apis/wgpolicyk8s.io/v1alpha2/namespaces/NS/policyreports",
    "/apis/openreports.io/v1alpha1/namespaces/NS/reports",
];

pub(crate) fn until_reported(plane: &ControlPlane, namespace: &str, name: &str, wanted: bool) {
    for path in REPORTS {
        let holds = |plane: &ControlPlane| {
            reported(plane, path, namespace, name).contains(&"container-privileged".to_owned()) == wanted
        };
        plane.until(&format!("{name} is reported by {path}: {wanted}"), holds).unwrap();
    }
}

pub(crate) fn events(plane: &ControlPlane, namespace: &str, name: &str) -> Vec<Json> {
    let all = items(plane, &format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")).into_iter();
    all.filter(|event| event["regarding"]["name"] == name && event["reason"] == "CriticalFinding").collect()
}

/// Whether anything is claimed of the network of the namespace `shop`.
fn claims(plane: &ControlPlane) -> bool {
    let reports = items(plane, "/apis/wgpolicyk8s.io/v1alpha2/clusterpolicyreports");
    let mut results = reports.iter().flat_map(|report| report["results"].as_array().unwrap());
    results.any(|result| {
        let rule = result["policy"].as_str().unwrap();
        rule.starts_with("network-") && result["resources"][0]["name"] == "shop"
    })
}

/// A kind of policy whose effect hardline does not model.
fn custom_policy() -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ciliumnetworkpolicies.cilium.io"},
        "spec": {
            "group": "cilium.io",
            "scope": "Namespaced",
            "names": {
                "kind": "CiliumNetworkPolicy", "plural": "ciliumnetworkpolicies", "singular": "ciliumnetworkpolicy",
            },
            "versions": [{"name": "v2", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    })
}

pub(crate) fn create(plane: &ControlPlane, namespace: &str, name: &str) {
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container()]}});
    plane.expect("POST", &format!("/api/v1/namespaces/{namespace}/pods"), Some(&pod)).unwrap();
}

#[test]
fn two_thousand_pods_are_watched_whatever_happens() {
    let plane = ControlPlane::start().unwrap();
    server::install(&plane);
    define(&plane);
    for namespace in ["fleet", "shop"] {
        run(&mut plane.kubectl(&["create", "namespace", namespace])).succeeds();
    }
    Fleet { namespace: "fleet", deployments: DEPLOYMENTS, pods: PODS, nodes: 0 }.create(&plane).unwrap();
    create(&plane, "shop", "old");
    let folder = tempfile::tempdir().unwrap();
    let history = format!("--history={}", folder.path().join("history.db").display());
    // The webhook only looks on: what is bad is made here on purpose.
    let arguments = ["--reports", "--events", &history, "--enforcement=audit"];
    let mut server = Server::start(&plane, &arguments);
    until_reported(&plane, "shop", "old", true);
    // A deployment is told of once, and its pods are not.
    assert!(!reported(&plane, REPORTS[1], "fleet", "app-1").is_empty());
    assert!(reported(&plane, REPORTS[1], "fleet", "app-1-1").is_empty());
    println!("resident: {} MB with {} pods", resident(&server), PODS * DEPLOYMENTS);

    // A change is seen, and told of at the object; what was there before is not news.
    let started = Instant::now();
    create(&plane, "shop", "debug");
    until_reported(&plane, "shop", "debug", true);
    println!("reported after {} ms", started.elapsed().as_millis());
    plane.until("an Event says so", |plane| !events(plane, "shop", "debug").is_empty()).unwrap();
    let event = &events(&plane, "shop", "debug")[0];
    let uid = |name: &str| {
        let pod = plane.expect("GET", &format!("/api/v1/namespaces/shop/pods/{name}"), None).unwrap();
        pod["metadata"]["uid"].clone()
    };
    assert_eq!((&event["regarding"]["uid"], events(&plane, "shop", "old").len()), (&uid("debug"), 0));
    let standing = "hardline_standing_findings{rule=\"container-privileged\"";
    assert!((server.metric(standing) - 2.0).abs() < f64::EPSILON, "{}", server.metrics());

    // What somebody else does to a report is put right, and what is gone is not reported any more.
    run(&mut plane.kubectl(&["delete", "pod", "debug", "-n", "shop", "--force", "--grace-period=0"])).succeeds();
    until_reported(&plane, "shop", "debug", false);

    // A second replica writes nothing twice, and takes over.
    let mut second = Server::start(&plane, &arguments);
    second.until("it has judged the cluster", |it| it.metric("hardline_standing_timestamp_seconds") > 0.0);
    drop(server);
    create(&plane, "shop", "after");
    until_reported(&plane, "shop", "after", true);
    plane.until("the new leader tells", |plane| !events(plane, "shop", "after").is_empty()).unwrap();
    for (path, name) in REPORTS.iter().flat_map(|path| ["old", "after"].map(|name| (path, name))) {
        let found = reported(&plane, path, "shop", name);
        assert_eq!(found.iter().filter(|rule| *rule == "container-privileged").count(), 1, "{found:?}");
    }
    assert_eq!(events(&plane, "shop", "after").len(), 1);

    // A kind that is removed while it is watched is known to be gone: what its policies do is not modelled,
    // and while there are any, nothing is claimed of the namespace's network.
    assert!(claims(&plane));
    let unmodelled = custom_policy();
    run_with(&mut plane.kubectl(&["create", "-f", "-"]), &unmodelled.to_string()).succeeds();
    let policy = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "deny"}});
    let path = "/apis/cilium.io/v2/namespaces/shop/ciliumnetworkpolicies";
    plane.until("the API server serves it", |plane| plane.expect("POST", path, Some(&policy)).is_ok()).unwrap();
    plane.until("nothing is claimed beside a policy of another kind", |plane| !claims(plane)).unwrap();
    run(&mut plane.kubectl(&["delete", "crd", "ciliumnetworkpolicies.cilium.io"])).succeeds();
    plane.until("the network is judged again", claims).unwrap();

    // A right that is taken away: nothing is claimed from what cannot be read.
    drop(second);
    let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/hardline";
    let mut rules = plane.expect("GET", role, None).unwrap()["rules"].clone();
    for rule in rules.as_array_mut().unwrap() {
        let resources = rule["resources"].as_array_mut().unwrap();
        resources.retain(|resource| resource != "networkpolicies");
    }
    plane.expect("PATCH", role, Some(&json!({"rules": rules}))).unwrap();
    server = Server::start(&plane, &arguments);
    plane.until("nothing is claimed of network policies", |plane| !claims(plane)).unwrap();
    assert!(server.metric("hardline_standing_not_evaluated") > 0.0);

    // All of that is remembered: what came while nobody looked, and what went.
    drop(server);
    let audit = ["audit", "-A", "--no-config", &history, "--fail-on=never", "--statistics"];
    let audit = run(hardline(&audit).env("KUBECONFIG", plane.kubeconfig())).succeeds();
    assert!(audit.stderr.contains(" came, ") && audit.stderr.contains(" went"), "{}", audit.stderr);
}

/// The results in a namespace by the API of a path, and the lengths of the objects that hold them.
fn results(plane: &ControlPlane, path: &str, namespace: &str) -> (u32, Vec<usize>) {
    let reports = items(plane, &path.replace("NS", namespace));
    let results = reports.iter().map(|report| report["results"].as_array().unwrap().len()).sum::<usize>();
    (u32::try_from(results).unwrap(), reports.iter().map(|report| report.to_string().len()).collect())
}

#[test]
fn ten_thousand_findings_in_one_namespace_are_reported_and_go_with_it() {
    let plane = ControlPlane::setup().controllers().start().unwrap();
    server::install(&plane);
    define(&plane);
    // Names as long as Kubernetes takes them.
    let namespace = &"n".repeat(63);
    let long = &format!("{}.{}", "a".repeat(126), "b".repeat(126));
    run(&mut plane.kubectl(&["create", "namespace", namespace])).succeeds();
    let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
    plane.until("its service account exists", |plane| plane.expect("GET", &account, None).is_ok()).unwrap();
    let crowd = &plane;
    thread::scope(|scope| {
        for worker in 0..8 {
            scope.spawn(move || {
                (worker..2100).step_by(8).for_each(|at| create(crowd, namespace, &format!("tool-{at}")));
            });
        }
    });
    create(&plane, namespace, long);
    let server = Server::start(&plane, &["--reports", "--events", "--enforcement=audit"]);
    until_reported(&plane, namespace, long, true);
    let found = || server.metric(&format!("hardline_standing_namespace_findings{{namespace=\"{namespace}\""));
    for path in REPORTS {
        let all_are_told = |plane: &ControlPlane| {
            let (told, found) = (results(plane, path, namespace).0, found());
            // What is wrong with the namespace itself is told among what is in no namespace.
            told > 10_000 && (found - 5.0..=found).contains(&f64::from(told))
        };
        plane.until("all of them are told", all_are_told).unwrap();
        let lengths = results(&plane, path, namespace).1;
        assert!(lengths.len() > 1 && lengths.iter().all(|&length| length < 1_000_000), "{lengths:?}");
    }

    // Few are left, and one object is enough for them.
    run(&mut plane.kubectl(&[
        "delete",
        "pods",
        "--all",
        "-n",
        namespace,
        "--force",
        "--grace-period=0",
        "--wait=false",
    ]))
    .succeeds();
    create(&plane, namespace, "last");
    for path in REPORTS {
        let names = |plane: &ControlPlane| {
            let reports = items(plane, &path.replace("NS", namespace)).into_iter();
            reports.map(|report| report["metadata"]["name"].clone()).collect::<Vec<_>>()
        };
        plane.until("one report is left", |plane| names(plane) == ["hardline"]).unwrap();
    }
    // A namespace that goes takes its reports with it, and nobody minds.
    run(&mut plane.kubectl(&["delete", "namespace", namespace])).succeeds();
    create(&plane, "default", "other");
    until_reported(&plane, "default", "other", true);
}

/// The memory that a server holds, in MB, as Linux says it.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
