//! What becomes of requests.

use hardline_core::profile::Enforcement;
use serde_json::{Value, json};

use crate::support::{cluster, decide, denied, example, object, objects, request, response};

/// A pod that nothing is denied for, and one that a debug image is.
const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: shop, labels: {app: tool}}
spec:
  containers:
    - name: tool
      image: registry.example.com/tool:1.2-debug
      securityContext: {privileged: true}
";

fn namespace(labels: &str) -> String {
    format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{{labels}}}}}}}")
}

fn set(value: &Value, pointer: &str, to: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).expect("the field exists") = to;
    value
}

#[test]
fn the_example_is_refused_with_all_its_reasons() {
    let [namespace, network] = ["3am/namespace.yaml", "3am/network.yaml"].map(example);
    let checkout = object(&example("3am/checkout.yaml"));
    let response =
        response(cluster(&[namespace, network].join("\n---\n")), &request("CREATE", &checkout, &Value::Null));
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().unwrap_or_default();
    insta::assert_snapshot!(message);
    let warnings = serde_json::to_string_pretty(&response["warnings"]).unwrap_or_default();
    insta::assert_snapshot!(warnings);
    insta::assert_snapshot!(serde_json::to_string_pretty(&response["auditAnnotations"]).unwrap_or_default());
}

#[test]
fn the_mended_example_is_admitted() {
    let files = ["namespace", "network", "orders-db", "priority", "checkout"];
    let all = files.map(|file| example(&format!("3am-fixed/{file}.yaml"))).join("\n---\n");
    for resource in objects(&all) {
        let decision = decide(cluster(&all), &request("CREATE", &resource.value().to_json(), &Value::Null));
        assert_eq!(denied(&decision), [""; 0], "{}", resource.id());
        assert!(!decision.is_refused());
    }
}

#[test]
fn labels_of_the_namespace_say_how_much_findings_may_do() {
    let create = request("CREATE", &object(POD), &Value::Null);
    let most =
        |labels: &str| decide(cluster(&namespace(labels)), &create).findings.iter().map(|it| it.enforcement).max();
    assert_eq!(most(""), Some(Enforcement::Deny));
    assert_eq!(most("hardline.dev/enforcement: warn"), Some(Enforcement::Warn));
    assert_eq!(most("hardline.dev/enforcement: audit"), Some(Enforcement::Audit));
    assert_eq!(most("hardline.dev/enforcement: 'off'"), Some(Enforcement::Off));
    assert_eq!(most("hardline.dev/enforcement: typo"), Some(Enforcement::Deny));

    let labelled = |own: &str| {
        let mut pod = object(POD);
        pod["metadata"]["labels"]["hardline.dev/enforcement"] = json!(own);
        let create = request("CREATE", &pod, &Value::Null);
        decide(cluster(&namespace("hardline.dev/enforcement: warn")), &create).is_refused()
    };
    assert!(labelled("deny"), "an object may ask for more");
    assert!(!labelled("off"), "and not for less");
    assert!(!decide(cluster(&namespace("hardline.dev/enforcement: warn")), &create).is_refused());
}

#[test]
fn the_profile_of_the_namespace_holds() {
    let pod = object(&POD.replace(":1.2-debug", ":1.2"));
    let create = request("CREATE", &pod, &Value::Null);
    let ids = |labels: &str| denied(&decide(cluster(&namespace(labels)), &create));
    assert!(ids("hardline.dev/profile: critical").len() > ids("hardline.dev/profile: baseline").len());
}

#[test]
fn changes_are_refused_only_for_what_they_make_worse() {
    let old = object(POD);
    let update = |new: &Value| decide(cluster(""), &request("UPDATE", new, &old));
    let labelled = update(&set(&old, "/metadata/labels/app", json!("other")));
    assert_eq!(denied(&labelled), [""; 0]);
    assert!(labelled.unchanged.iter().any(|judged| judged.finding.rule.id == "container-privileged"));

    let mut worse = old.clone();
    worse["spec"]["hostNetwork"] = json!(true);
    worse["spec"]["hostPID"] = json!(true);
    assert_eq!(denied(&update(&worse)), ["pod-host-namespace", "pod-host-namespace"]);

    let mut second = old.clone();
    let mut container = second["spec"]["containers"][0].clone();
    container["name"] = json!("second");
    second["spec"]["containers"].as_array_mut().expect("a list").insert(0, container);
    assert!(denied(&update(&second)).contains(&"container-privileged"), "another container does it, too");

    let mut going = worse.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-06-01T00:00:00Z");
    assert!(!update(&going).is_refused(), "what is being deleted is let go");
}

#[test]
fn debug_containers_are_judged() {
    let old = set(&object(POD), "/spec/containers/0/securityContext/privileged", json!(false));
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] =
        json!([{"name": "debugger", "image": "busybox:1.36", "securityContext": {"privileged": true}}]);
    let mut update = request("UPDATE", &new, &old);
    update["subResource"] = json!("ephemeralcontainers");
    assert!(denied(&decide(cluster(""), &update)).contains(&"container-privileged"));
}

#[test]
fn scaling_is_judged_as_the_workload_it_makes() {
    let files = ["namespace", "network", "orders-db", "priority", "checkout"];
    let all = files.map(|file| example(&format!("3am-fixed/{file}.yaml"))).join("\n---\n");
    let scale = |replicas: i32| {
        let object = json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "checkout", "namespace": "shop"}, "spec": {"replicas": replicas},
        });
        let mut update = request("UPDATE", &object, &object);
        update["subResource"] = json!("scale");
        update["resource"] = json!({"group": "apps", "version": "v1", "resource": "deployments"});
        let found = decide(cluster(&all), &update).findings;
        found.iter().map(|judged| judged.finding.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(scale(5), [""; 0]);
    assert!(scale(1).contains(&"replicas-single"));
}

#[test]
fn what_owners_were_judged_for_is_not_held_against_their_pods() {
    let owner = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, uid: '11e8'}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - {name: db, image: 'registry.example.com/db:1', securityContext: {privileged: true}}
";
    let mut pod = object(
        "{apiVersion: v1, kind: Pod, metadata: {name: db-0, namespace: shop, labels: {app: db}},
          spec: {containers: [{name: db, image: 'registry.example.com/db:1', securityContext: {privileged: true}}]}}",
    );
    let refused = |pod: &Value| denied(&decide(cluster(owner), &request("CREATE", pod, &Value::Null)));
    assert!(refused(&pod).contains(&"container-privileged"));
    let reference = |uid: &str| json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": uid, "controller": true}]);
    pod["metadata"]["ownerReferences"] = reference("forged");
    assert!(refused(&pod).contains(&"container-privileged"), "a reference alone proves nothing");
    pod["metadata"]["ownerReferences"] = reference("11e8");
    assert_eq!(refused(&pod), [""; 0]);
    pod["spec"]["hostPID"] = json!(true);
    assert_eq!(refused(&pod), ["pod-host-namespace"], "what the owner does not have counts");

    let mut by_controller = request("CREATE", &pod, &Value::Null);
    by_controller["userInfo"]["username"] = json!("system:serviceaccount:kube-system:statefulset-controller");
    assert!(!decide(cluster(""), &by_controller).is_refused());
    by_controller["object"]["metadata"]["ownerReferences"] = Value::Null;
    assert!(decide(cluster(""), &by_controller).is_refused(), "controllers make what has an owner");
}

#[test]
fn marked_objects_are_not_deleted() {
    let budget = object(
        "{apiVersion: policy/v1, kind: PodDisruptionBudget,
          metadata: {name: web, namespace: shop, labels: {hardline.dev/delete-protection: 'true'}}}",
    );
    let mut delete = request("DELETE", &Value::Null, &budget);
    let decision = decide(cluster(""), &delete);
    insta::assert_snapshot!(decision.refusal.unwrap_or_default());
    delete["userInfo"]["username"] = json!("system:serviceaccount:kube-system:namespace-controller");
    assert!(!decide(cluster(""), &delete).is_refused());
    let mut unmarked = request("DELETE", &Value::Null, &budget);
    unmarked["oldObject"]["metadata"]["labels"] = Value::Null;
    assert!(!decide(cluster(""), &unmarked).is_refused());
}

#[test]
fn the_cluster_starts_without_hardline() {
    for namespace in ["kube-system", "kube-node-lease", "hardline-system"] {
        let create = request("CREATE", &object(&POD.replace("shop", namespace)), &Value::Null);
        assert!(!decide(cluster(""), &create).is_refused(), "{namespace}");
    }
    let mut status = request("UPDATE", &object(POD), &Value::Null);
    status["subResource"] = json!("status");
    assert!(!decide(cluster(""), &status).is_refused());
}

#[test]
fn changed_labels_that_orphan_a_service_are_told() {
    let shop = "
{apiVersion: v1, kind: Service, metadata: {name: tool, namespace: shop}, spec: {selector: {app: tool}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: other, namespace: shop}, spec: {selector: {app: lost}, ports: [{port: 80}]}}
";
    let old = object(POD);
    let new = set(&old, "/metadata/labels/app", json!("renamed"));
    let response = response(cluster(shop), &request("UPDATE", &new, &old));
    assert_eq!(response["allowed"], json!(true));
    let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
    assert!(warnings.iter().any(|it| it.as_str().is_some_and(|it| it.contains("Service shop/tool"))), "{warnings:?}");
    assert!(!warnings.iter().any(|it| it.as_str().is_some_and(|it| it.contains("Service shop/other"))), "{warnings:?}");
}

#[test]
fn policies_and_labels_that_open_or_close_something_are_told() {
    let files = ["namespace", "network", "orders-db", "priority", "checkout"];
    let all = files.map(|file| example(&format!("3am-fixed/{file}.yaml"))).join("\n---\n") + STRANGERS;
    let told = |operation: &str, object: &Value, old: &Value| {
        let response = response(cluster(&all), &request(operation, object, old));
        let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
        let warnings = warnings.into_iter().filter_map(|it| it.as_str().map(str::to_owned));
        warnings.filter(|it| !it.starts_with('[')).collect::<Vec<_>>().join("\n")
    };
    let find = |kind: &str, name: &str| {
        let is_it = |it: &&hardline_core::resource::Resource| (it.kind_name(), it.name()) == (kind, name);
        objects(&all).iter().find(is_it).expect("it is there").value().to_json()
    };
    let policy = find("NetworkPolicy", "orders-db");
    let mut open = policy.clone();
    open["spec"]["ingress"] = json!([{}]);
    insta::assert_snapshot!("a_policy_opens", told("UPDATE", &open, &policy));
    let gone = told("DELETE", &Value::Null, &find("NetworkPolicy", "vault"));
    assert!(gone.starts_with("opens every port of `vault/vault` to `tools/tool`"), "{gone}");
    assert_eq!(told("DELETE", &Value::Null, &find("NetworkPolicy", "default-deny")), "", "others still deny");
    assert_eq!(told("UPDATE", &set(&policy, "/metadata/name", json!("orders-db")), &policy), "");

    let tools = find("Namespace", "tools");
    let trusted = set(&tools, "/metadata/labels/trust", json!("some"));
    insta::assert_snapshot!("labels_of_a_namespace_open", told("UPDATE", &trusted, &tools));
    let off = find("NetworkPolicy", "quiet");
    assert_eq!(told("DELETE", &Value::Null, &off), "", "where findings do nothing, nothing is told");
}

/// Namespaces beside the shop, and who is in them.
const STRANGERS: &str = "
---
{apiVersion: v1, kind: Namespace, metadata: {name: tools, labels: {trust: none}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: tool, namespace: tools, labels: {app: tool}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: vault}}
---
{apiVersion: v1, kind: Pod, metadata: {name: vault, namespace: vault, labels: {app: vault}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: vault, namespace: vault}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {trust: some}}}], ports: [{port: 8200}]}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: quiet, labels: {hardline.dev/enforcement: 'off'}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: quiet, namespace: quiet}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: quiet, namespace: quiet}, spec: {podSelector: {}}}
";

#[test]
fn answers_stay_within_the_limits_of_the_api_server() {
    let mut pod = object(POD);
    let container = pod["spec"]["containers"][0].clone();
    let containers = (0..400).map(|at| set(&container, "/name", json!(format!("c{at}-{}", "x".repeat(50)))));
    pod["spec"]["containers"] = containers.collect();
    let response = response(cluster(""), &request("CREATE", &pod, &Value::Null));
    let message = response["status"]["message"].as_str().unwrap_or_default();
    assert!(message.len() < 9000 && message.ends_with("more: `hardline check` shows all"), "{message}");
    let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
    let lengths: Vec<_> = warnings.iter().filter_map(Value::as_str).map(|it| it.chars().count()).collect();
    assert!(lengths.iter().all(|&length| length <= 256) && lengths.iter().sum::<usize>() <= 4096, "{lengths:?}");
}
