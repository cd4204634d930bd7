//! `hardline serve` behind a real API server: what people are told, what is judged, and what is none of
//! its business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, LazyLock};

use hardline_controlplane::{ControlPlane, Response, Setup};
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

use crate::run::{Run, hardline, root, run, run_with};
use crate::server::{self, Server};

struct Judged {
    plane: ControlPlane,
    server: Server,
}

/// A control plane with controllers whose changes are judged, and refused where a namespace says so.
fn judged() -> &'static Judged {
    static JUDGED: LazyLock<Judged> = LazyLock::new(|| start(ControlPlane::setup()));
    &JUDGED
}

fn start(setup: Setup) -> Judged {
    let plane = setup.controllers().start().unwrap();
    server::install(&plane);
    let server = Server::start(&plane, &["--enforcement=warn"]);
    plane.until("the webhook is registered", |plane| !server::registered(plane).is_empty()).unwrap();
    Judged { plane, server }
}

/// The judged control plane, with a namespace of these labels, once the server knows them.
fn with_namespace(name: &str, labels: &[&str]) -> &'static Judged {
    let judged = judged();
    create_namespace(judged, name, labels);
    judged
}

fn create_namespace(judged: &Judged, name: &str, labels: &[&str]) {
    let plane = &judged.plane;
    run(&mut plane.kubectl(&["create", "namespace", name])).succeeds();
    let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
    plane.until("its service account exists", |plane| plane.expect("GET", &account, None).is_ok()).unwrap();
    label(judged, name, labels);
}

/// Labels a namespace, and waits until the server knows: it is asked about a pod that is privileged.
fn label(Judged { plane, .. }: &Judged, name: &str, labels: &[&str]) {
    if labels.is_empty() {
        return;
    }
    run(plane.kubectl(&["label", "--overwrite", "namespace", name]).args(labels)).succeeds();
    let is_denied = labels.contains(&"hardline.dev/enforcement=deny");
    let is_warned = labels.contains(&"hardline.dev/enforcement=warn");
    let knows = |_: &ControlPlane| {
        let response = try_pod(plane, name, &privileged());
        (response.status == 403, !response.warnings.is_empty()) == (is_denied, is_denied || is_warned)
    };
    plane.until("the server knows the labels of the namespace", knows).unwrap();
}

/// A pod for which much is warned, and which is refused for one reason.
fn privileged() -> Json {
    let container = json!({"name": "app", "image": "registry.example.com/app:1.4", "resources": {"limits": {"memory": "64Mi"}}, "securityContext": {"privileged": true}});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tool"}, "spec": {"containers": [container]}})
}

/// Creates a pod, without anything coming of it.
fn try_pod(plane: &ControlPlane, namespace: &str, pod: &Json) -> Response {
    plane.request("POST", &format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), Some(pod)).unwrap()
}

/// The rules that a refusal names, each reason once.
fn reasons(refusal: &str) -> Vec<String> {
    let lines = refusal.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
    lines.map(|(rule, _)| rule.to_owned()).collect()
}

/// Applies a text of manifests in a namespace.
fn apply(plane: &ControlPlane, namespace: &str, text: &str) -> Run {
    run_with(&mut plane.kubectl(&["apply", "--namespace", namespace, "-f", "-"]), text)
}

#[test]
fn a_debug_image_is_refused_with_every_reason() {
    a_debug_image_is_refused(with_namespace("shop", &["hardline.dev/enforcement=deny"]));
}

/// In the namespace `shop`, which denies.
fn a_debug_image_is_refused(Judged { plane, .. }: &Judged) {
    let apply = || run(plane.kubectl(&["apply", "-f", "examples/3am"]).current_dir(root())).exits(1).stderr;
    apply();

    // The volume claim is there by now, so that a reason rests on it.
    let report = run(&mut hardline(&["check", "examples/3am", "--no-config", "--format=json"])).exits(1).json();
    let denied = |finding: &&Json| finding["enforcement"] == "deny" && finding["resource"]["kind"] == "Deployment";
    let denied = report["findings"].as_array().unwrap().iter().filter(denied);
    let denied: BTreeSet<_> = denied.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
    assert_eq!(denied.len(), 6, "{denied:?}");
    plane.until("every reason is known", |_| reasons(&apply()).into_iter().collect::<BTreeSet<_>>() == denied).unwrap();
    let refused = apply();
    for line in [
        "Deployment shop/checkout is refused for 6 reasons",
        "[image-tag-forbidden] the image of container `checkout` has the tag `v1.2.3-debug-DONT-PUSH`, which says \
         `debug` and `dont-push`",
        "  at    /spec/template/spec/containers/0/image",
        "  fix   deploy a build that was released",
        "  more  hardline explain image-tag-forbidden",
    ] {
        assert!(refused.contains(line), "{line}\nis not in\n{refused}");
    }
}

#[test]
fn what_is_mended_is_admitted_in_silence() {
    what_is_mended_is_admitted(with_namespace("mended", &["hardline.dev/enforcement=deny"]));
}

#[test]
fn an_older_api_server_asks_alike() {
    let judged = start(ControlPlane::setup().kubernetes("1.34"));
    for namespace in ["shop", "mended"] {
        create_namespace(&judged, namespace, &["hardline.dev/enforcement=deny"]);
    }
    a_debug_image_is_refused(&judged);
    what_is_mended_is_admitted(&judged);
}

/// In the namespace `mended`, which denies.
fn what_is_mended_is_admitted(Judged { plane, .. }: &Judged) {
    for file in ["namespace", "priority", "network", "orders-db", "checkout"] {
        let text = fs::read_to_string(root().join(format!("examples/3am-fixed/{file}.yaml"))).unwrap();
        let applied = apply(plane, "mended", &text.replace(" shop\n", " mended\n")).succeeds();
        assert!(!applied.stderr.contains('['), "{}", applied.stderr);
    }
    let scale = |replicas: &str| {
        let scale = ["scale", "deployment", "checkout", "--namespace=mended", replicas];
        run(&mut plane.kubectl(&scale))
    };
    scale("--replicas=4").succeeds();
    // The profile is `critical` now.
    plane.until("the server knows the workload", |_| scale("--replicas=1").code != 0).unwrap();
    let refused = scale("--replicas=1").stderr;
    assert_eq!(reasons(&refused), ["replicas-single"], "{refused}");
}

#[test]
fn labels_of_the_namespace_decide() {
    let judged = with_namespace("labelled", &["hardline.dev/enforcement=warn"]);
    let count = || judged.server.metric("hardline_admission_requests_total{operation=\"CREATE\"");
    for labels in ["hardline.dev/enforcement=deny", "hardline.dev/enforcement=audit", "hardline.dev/enforcement=off"] {
        label(judged, "labelled", &[labels]);
    }
    let before = count();
    assert_eq!(try_pod(&judged.plane, "labelled", &privileged()).status, 201);
    assert!(count() > before, "it was judged");
    label(judged, "labelled", &["hardline.dev/enforcement=deny"]);
    let mut mild = privileged();
    mild["spec"]["containers"][0]["securityContext"] = Json::Null;
    assert_eq!(try_pod(&judged.plane, "labelled", &mild).status, 201);
    let profile = &["hardline.dev/profile=pod-security-restricted"];
    run(judged.plane.kubectl(&["label", "namespace", "labelled"]).args(profile)).succeeds();
    let refused = |_: &ControlPlane| try_pod(&judged.plane, "labelled", &mild).status == 403;
    judged.plane.until("the profile holds", refused).unwrap();
}

#[test]
fn what_the_cluster_needs_to_start_is_not_judged() {
    let Judged { plane, server } = with_namespace("leases", &["hardline.dev/enforcement=deny"]);
    for namespace in ["kube-system", "kube-node-lease", "hardline-system"] {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        // Those who are slow to make it are helped.
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        plane.request("POST", &accounts, Some(&account)).unwrap();
        let pod = if namespace == "hardline-system" { restricted() } else { privileged() };
        assert_eq!(try_pod(plane, namespace, &pod).status, 201, "{namespace}");
    }
    let leases = "/apis/coordination.k8s.io/v1/namespaces/leases/leases";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "one"}});
    assert_eq!(plane.request("POST", leases, Some(&lease)).unwrap().status, 201);
    let names = ["kube-system", "kube-node-lease", "hardline-system"];
    for webhook in server::registered(plane) {
        let excluded = &webhook["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(excluded["operator"], "NotIn");
        assert!(names.iter().all(|name| excluded["values"].as_array().unwrap().contains(&json!(name))), "{excluded}");
        assert!(!webhook["rules"].to_string().contains("leases") && !webhook["rules"].to_string().contains("\"*/*\""));
    }
    assert!(!server.metrics().contains("operation=\"\""), "nothing else was sent: {}", server.metrics());
}

/// A pod that Pod Security admits to the namespace of hardline.
fn restricted() -> Json {
    let mut pod = privileged();
    pod["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}});
    pod["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    // It would be refused elsewhere.
    pod["spec"]["containers"][0]["image"] = json!("registry.example.com/app:debug");
    // The quota there counts these.
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m"}});
    pod
}

/// A deployment that is refused for one reason.
const BAD: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1.4
          resources: {limits: {memory: 64Mi}}
          securityContext: {privileged: true}
";

#[test]
fn changes_are_judged_by_what_they_make_worse_and_pods_with_their_template() {
    let judged = with_namespace("changed", &[]);
    let Judged { plane, .. } = judged;
    let kubectl = |arguments: &[&str]| run(plane.kubectl(&["--namespace=changed"]).args(arguments));
    let pods = || {
        let listed = kubectl(&["get", "pods", "--output=json"]).succeeds().json();
        listed["items"].as_array().unwrap().clone()
    };
    // Before the namespace was strict, this came in.
    apply(plane, "changed", BAD).succeeds();
    plane.until("it has its pods", |_| pods().len() == 2).unwrap();
    label(judged, "changed", &["hardline.dev/enforcement=deny"]);

    kubectl(&["label", "deployment", "web", "team=shop"]).succeeds();
    kubectl(&["set", "image", "deployment/web", "web=registry.example.com/web:1.5"]).succeeds();
    let refused = kubectl(&["set", "image", "deployment/web", "web=registry.example.com/web:1.5-debug"]).exits(1);
    assert_eq!(reasons(&refused.stderr), ["image-tag-forbidden"], "{}", refused.stderr);
    let host = r#"{"spec":{"template":{"spec":{"hostPID":true}}}}"#;
    let refused = kubectl(&["patch", "deployment", "web", "--patch", host]).exits(1);
    assert_eq!(reasons(&refused.stderr), ["pod-host-namespace"], "{}", refused.stderr);

    // The controller makes pods of what is there, the new image included.
    kubectl(&["scale", "deployment", "web", "--replicas=4"]).succeeds();
    let runs = |pod: &&Json| pod["spec"]["containers"][0]["image"] == "registry.example.com/web:1.5";
    plane.until("the rollout goes on", |_| pods().len() >= 5 && pods().iter().any(|pod| runs(&pod))).unwrap();

    // Whoever names the same owner is not the controller.
    let pod = pods()[0].clone();
    let mut forged = privileged();
    forged["metadata"]["ownerReferences"] = pod["metadata"]["ownerReferences"].clone();
    forged["metadata"]["labels"] = pod["metadata"]["labels"].clone();
    forged["spec"]["hostNetwork"] = json!(true);
    let refused = try_pod(plane, "changed", &forged);
    assert_eq!(refused.status, 403, "{}", refused.body);
    forged["metadata"]["ownerReferences"][0]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    forged["spec"]["hostNetwork"] = Json::Null;
    let refused = try_pod(plane, "changed", &forged);
    assert_eq!(refused.status, 403, "{}", refused.body);

    // What is there can always go.
    kubectl(&["delete", "deployment", "web", "--timeout=60s"]).succeeds();
    plane.until("its pods are gone", |_| pods().is_empty()).unwrap();
}

#[test]
fn every_other_way_into_a_pod_is_asked_about() {
    let Judged { plane, server } = with_namespace("entered", &["hardline.dev/enforcement=deny"]);
    let pod = r"
apiVersion: v1
kind: Pod
metadata: {name: tool, labels: {app: tool}}
spec:
  containers:
    - name: app
      image: registry.example.com/app:1.4
      env: [{name: JAVA_TOOL_OPTIONS, value: -Xmx2g}]
      resources: {requests: {memory: 3Gi, cpu: 100m}, limits: {memory: 3Gi}}
";
    apply(plane, "entered", pod).succeeds();
    let kubectl = |arguments: &[&str]| run(plane.kubectl(&["--namespace=entered"]).args(arguments));
    let count =
        |operation: &str| server.metric(&format!("hardline_admission_requests_total{{operation=\"{operation}\""));

    let debug = ["debug", "tool", "--image=busybox:1.36", "--profile=sysadmin", "--attach=false"];
    let refused = kubectl(&debug).exits(1);
    assert_eq!(reasons(&refused.stderr), ["container-privileged"], "{}", refused.stderr);
    kubectl(&["debug", "tool", "--image=busybox:1.36", "--profile=restricted", "--attach=false"]).succeeds();

    let small = r#"{"spec":{"containers":[{"name":"app","resources":{"requests":{"memory":"1Gi"},"limits":{"memory":"1Gi"}}}]}}"#;
    let refused = kubectl(&["patch", "pod", "tool", "--subresource=resize", "--patch", small]).exits(1);
    assert!(reasons(&refused.stderr).contains(&"heap-exceeds-limit".to_owned()), "{}", refused.stderr);

    let before = count("CONNECT");
    // No kubelet runs it: the API server says so once everybody else has let it pass.
    let exec = kubectl(&["exec", "tool", "--", "sh"]).exits(1);
    assert!(exec.stderr.contains("does not have a host assigned"), "{}", exec.stderr);
    assert!(count("CONNECT") > before);

    let before = count("CREATE");
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "tool", "namespace": "entered"}});
    plane.expect("POST", "/api/v1/namespaces/entered/pods/tool/eviction", Some(&eviction)).unwrap();
    assert!(count("CREATE") > before);
}

#[test]
fn custom_workloads_are_judged_by_their_templates() {
    let Judged { plane, .. } = with_namespace("custom", &["hardline.dev/enforcement=deny"]);
    let definition = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Rollout, plural: rollouts, singular: rollout, listKind: RolloutList}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
    apply(plane, "custom", definition).succeeds();
    let wait = ["wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=60s"];
    run(&mut plane.kubectl(&wait)).succeeds();
    let rollout = BAD.replace("apps/v1", "argoproj.io/v1alpha1").replace("Deployment", "Rollout");
    let refused = apply(plane, "custom", &rollout).exits(1);
    assert_eq!(reasons(&refused.stderr), ["container-privileged"], "{}", refused.stderr);
    apply(plane, "custom", &rollout.replace("privileged: true", "privileged: false")).succeeds();
}

/// The plural of each kind that a version of the API has.
fn plurals(plane: &ControlPlane, api_version: &str) -> BTreeMap<String, String> {
    let prefix = if api_version.contains('/') { "apis" } else { "api" };
    let Ok(listed) = plane.expect("GET", &format!("/{prefix}/{api_version}"), None) else { return BTreeMap::new() };
    let resources = listed["resources"].as_array().unwrap().iter();
    let namespaced = resources.filter(|it| it["namespaced"] == true && !it["name"].as_str().unwrap().contains('/'));
    let text = |it: &Json, key: &str| it[key].as_str().unwrap().to_owned();
    namespaced
        .map(|it| (text(it, "kind"), format!("/{prefix}/{api_version}/namespaces/corpus/{}", text(it, "name"))))
        .collect()
}

#[test]
fn real_manifests_go_through_where_findings_only_warn() {
    let Judged { plane, server } = with_namespace("corpus", &["hardline.dev/enforcement=warn"]);
    let mut served: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut sent, mut taken, mut warned) = (0, 0, 0);
    for file in ignore::Walk::new(root().join("../shared/corpus")).filter_map(Result::ok) {
        if file.path().extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let Ok(text) = fs::read_to_string(file.path()) else { continue };
        for resource in hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources {
            let mut object = resource.value().to_json();
            let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
            let known = served.entry(api_version).or_insert_with_key(|version| plurals(plane, version));
            let Some(path) = known.get(resource.kind_name()) else { continue };
            object["metadata"]["namespace"] = json!("corpus");
            let response = plane.request("POST", &format!("{path}?dryRun=All"), Some(&object)).unwrap();
            assert!(!response.body.to_string().contains("hardline"), "{}: {}", file.path().display(), response.body);
            sent += 1;
            taken += usize::from(response.status == 201);
            warned += usize::from(response.warnings.iter().any(|warning| warning.starts_with('[')));
        }
    }
    println!("{sent} objects were sent, {taken} taken, {warned} with warnings");
    assert!(sent > 1000 && taken > sent / 2 && warned > 100, "{sent} {taken} {warned}");
    for answer in ["invalid", "shed"] {
        assert!(!server.metrics().contains(&format!("answer=\"{answer}\"")), "{}", server.metrics());
    }
}
