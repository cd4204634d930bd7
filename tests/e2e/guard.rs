//! The guard on a real control plane: hands are kept off, those who deploy and Kubernetes itself are not,
//! and all of it is written down.

use std::fs;
use std::sync::LazyLock;

use hardline_controlplane::ControlPlane;
use serde_json::{Value as Json, json};

use crate::run::{Run, run, run_with};
use crate::server::{self, Server};

struct Guarded {
    plane: ControlPlane,
    server: Server,
}

/// Who deploys.
const DEPLOYER: &str = "system:serviceaccount:argocd:application-controller";

const CONFIG: &str = "
guard:
  serviceAccounts: [argocd/*]
  connections: deny
  secrets: true
  longestGrant: 2h
";

/// What is deployed in each guarded namespace.
const DEPLOYED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1
          livenessProbe: {httpGet: {path: /healthz, port: 8080}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {mode: fast}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {token: not-for-the-ledger}
";

/// A control plane with controllers, hardline, and `ada`, whom RBAC allows everything.
fn guarded() -> &'static Guarded {
    static GUARDED: LazyLock<Guarded> = LazyLock::new(|| {
        let setup = ControlPlane::setup().controllers().scheduler().nodes(1);
        let plane = setup.user("ada", &["system:masters"]).start().unwrap();
        let config = plane.folder().join("hardline.yaml");
        fs::write(&config, CONFIG).unwrap();
        let config = format!("--config={}", config.display());
        server::install_with(&plane, &[&config]);
        let role = ["create", "clusterrolebinding", "deployer", "--clusterrole=cluster-admin"];
        run(plane.kubectl(&role).arg(format!("--user={DEPLOYER}"))).succeeds();
        // kubectl reads what it scales, which the autoscaler itself may not.
        let role = ["create", "clusterrolebinding", "autoscaler", "--clusterrole=edit"];
        run(plane.kubectl(&role).arg("--serviceaccount=kube-system:horizontal-pod-autoscaler")).succeeds();
        let server = Server::start(&plane, &["--enforcement=audit", &config]);
        plane.until("the webhook is registered", |plane| !server::registered(plane).is_empty()).unwrap();
        Guarded { plane, server }
    });
    &GUARDED
}

impl Guarded {
    /// A guarded namespace in which [`DEPLOYED`] runs.
    fn namespace(&self, name: &str) {
        let plane = &self.plane;
        run(&mut plane.kubectl(&["create", "namespace", name])).succeeds();
        run(&mut plane.kubectl(&["label", "namespace", name, "hardline.dev/guard=deny"])).succeeds();
        self.deploy(name, DEPLOYED).succeeds();
        plane
            .until("the guard stands, and the deployment is rolled out", |_| {
                let refused = self.by_hand(name, &["create", "configmap", "probe", "--dry-run=server"]).code != 0;
                refused && self.get(name, "deployment/web")["status"]["availableReplicas"] == 2
            })
            .unwrap();
    }

    /// Applies a text as the one who deploys.
    fn deploy(&self, namespace: &str, text: &str) -> Run {
        let apply = ["apply", "--server-side", "--namespace", namespace, "--as", DEPLOYER, "-f", "-"];
        run_with(&mut self.plane.kubectl(&apply), text)
    }

    /// kubectl in the hands of `ada`.
    fn by_hand(&self, namespace: &str, arguments: &[&str]) -> Run {
        run(self.plane.kubectl_as("ada", &["--namespace", namespace]).args(arguments))
    }

    /// kubectl in the name of a part of Kubernetes.
    fn as_controller(&self, namespace: &str, name: &str, arguments: &[&str]) -> Run {
        let user = format!("--as=system:serviceaccount:kube-system:{name}");
        run(self.plane.kubectl(&["--namespace", namespace, &user]).args(arguments))
    }

    fn get(&self, namespace: &str, what: &str) -> Json {
        let get = ["get", what, "--namespace", namespace, "--output=json"];
        serde_json::from_str(&run(&mut self.plane.kubectl(&get)).stdout).unwrap_or_default()
    }

    /// The lines of the ledger about a namespace and a user.
    fn ledger(&self, namespace: &str, user: &str) -> Vec<Json> {
        let lines = self.server.ledger().into_iter();
        lines.filter(|line| line["resource"]["namespace"] == namespace && line["user"] == user).collect()
    }
}

#[track_caller]
fn is_guarded(run: &Run) {
    assert!(run.code != 0 && run.stderr.contains("is guarded: `ada` may not"), "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn hands_are_kept_off() {
    let it = guarded();
    let namespace = "hands";
    it.namespace(namespace);
    let hand = |arguments: &[&str]| it.by_hand(namespace, arguments);
    let edit = run(it
        .plane
        .kubectl_as("ada", &["--namespace", namespace, "edit", "deployment/web"])
        .env("KUBE_EDITOR", "sed -i s/web:1/web:2/"));
    is_guarded(&edit);
    let scale = hand(&["scale", "deployment/web", "--replicas=1"]);
    for refused in [
        &scale,
        &hand(&["patch", "deployment/web", "--patch", r#"{"spec": {"replicas": 1}}"#]),
        &hand(&["set", "image", "deployment/web", "web=web:2-debug"]),
        &hand(&["set", "env", "deployment/web", "MODE=slow"]),
        &hand(&["rollout", "restart", "deployment/web"]),
        &hand(&["label", "deployment/web", "team=me"]),
        &hand(&["annotate", "configmap/web", "by=me"]),
        &hand(&["patch", "configmap/web", "--patch", r#"{"data": {"mode": "slow"}}"#]),
        &hand(&["patch", "secret/web", "--patch", r#"{"stringData": {"token": "mine"}}"#]),
        &hand(&["create", "configmap", "mine"]),
        &hand(&["run", "tool", "--image=busybox"]),
        &hand(&["delete", "deployment/web"]),
        &hand(&["delete", "secret/web"]),
        &hand(&["create", "rolebinding", "mine", "--clusterrole=admin", "--user=ada"]),
        &hand(&["label", "namespace", namespace, "hardline.dev/guard-"]),
        &hand(&["delete", "namespace", namespace]),
    ] {
        is_guarded(refused);
    }
    assert!(scale.stderr.contains("changes  spec.replicas\n"), "{}", scale.stderr);
    assert_eq!(it.get(namespace, "deployment/web")["spec"]["replicas"], 2);

    // What claims to be somebody else is still ada.
    is_guarded(&hand(&["label", "deployment/web", "team=me", "--field-manager=argocd-controller"]));

    let pods = it.get(namespace, "pods");
    let pod = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    is_guarded(&hand(&["exec", pod, "--", "sh"]));
    is_guarded(&hand(&["attach", pod]));
    is_guarded(&hand(&["port-forward", pod, "8080"]));
    is_guarded(&hand(&["debug", pod, "--image=busybox", "--quiet"]));
    // A pod that is made anew may go.
    assert_eq!(hand(&["delete", "pod", pod, "--wait=false"]).code, 0);
}

#[test]
fn those_who_deploy_and_the_controllers_pass() {
    let it = guarded();
    let namespace = "controllers";
    it.namespace(namespace);
    let deployment = || it.get(namespace, "deployment/web");

    // The deployment controller rolls out what was deployed, and writes how that goes.
    it.deploy(namespace, &DEPLOYED.replace("web:1", "web:2")).succeeds();
    it.plane
        .until("the new image is rolled out", |_| {
            let deployment = deployment();
            let is = |field: &str| deployment["status"][field] == 2;
            is("updatedReplicas") && is("availableReplicas") && is("replicas")
        })
        .unwrap();
    assert_eq!(it.get(namespace, "replicasets")["items"].as_array().unwrap().len(), 2);

    it.as_controller(namespace, "horizontal-pod-autoscaler", &["scale", "deployment/web", "--replicas=3"]).succeeds();
    let scaled = it.ledger(namespace, "system:serviceaccount:kube-system:horizontal-pod-autoscaler").remove(0);
    assert_eq!(
        (&scaled["role"], &scaled["subresource"], &scaled["outcome"]),
        (&json!("system"), &json!("scale"), &json!("allowed"))
    );
    assert_eq!(scaled["changes"], json!([{"field": "spec.replicas", "op": "changed", "old": 2, "new": 3}]));

    // hardline itself puts back what was deployed, where RBAC lets it. Another account of its namespace is
    // somebody.
    for (account, passes) in [("hardline", true), ("default", false)] {
        let role = ["create", "rolebinding", account, "--clusterrole=edit", "--as", DEPLOYER];
        let account = format!("hardline-system:{account}");
        run(it.plane.kubectl(&role).arg(format!("--namespace={namespace}")).arg(format!("--serviceaccount={account}")))
            .succeeds();
        let user = format!("--as=system:serviceaccount:{account}");
        let restore = ["--namespace", namespace, &user, "annotate", "deployment/web", "--overwrite"];
        let restored = run(it.plane.kubectl(&restore).arg(format!("restored-by={account}")));
        assert_eq!(restored.code == 0, passes, "{}", restored.stderr);
        assert!(passes || restored.stderr.contains("is guarded"), "{}", restored.stderr);
    }

    // Status is nobody's configuration.
    let status = [
        "patch",
        "deployment/web",
        "--subresource=status",
        "--type=merge",
        r#"--patch={"status": {"observedGeneration": 1}}"#,
    ];
    it.by_hand(namespace, &status).succeeds();

    // Garbage is collected.
    let delete = ["delete", "deployment/web", "--namespace", namespace, "--as", DEPLOYER];
    run(&mut it.plane.kubectl(&delete)).succeeds();
    it.plane
        .until("replica sets and pods are gone", |_| {
            ["replicasets", "pods"].iter().all(|kind| it.get(namespace, kind)["items"] == json!([]))
        })
        .unwrap();
    // And so are namespaces, by whoever deploys.
    run(&mut it.plane.kubectl(&["delete", "namespace", namespace, "--as", DEPLOYER, "--timeout=60s"])).succeeds();
}

#[test]
fn the_glass_is_broken_as_the_refusal_says_and_mends_itself() {
    let it = guarded();
    let namespace = "fire";
    it.namespace(namespace);
    let patch = r#"--patch={"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2-debug", "livenessProbe": null}]}}}}"#;
    let by_hand = || it.by_hand(namespace, &["patch", "deployment/web", patch]);
    let refused = by_hand();
    is_guarded(&refused);
    let (_, grant) = refused.stderr.split_once("kubectl create -f - <<'END'\n").unwrap();
    let (grant, _) = grant.split_once("END").unwrap();
    let open = |grant: &str| run_with(&mut it.plane.kubectl_as("ada", &["create", "-f", "-"]), grant);

    let forged = open(&grant.replace("user: \"ada\"", "user: bob"));
    assert!(forged.stderr.contains("`spec.user` is bob, and ada opens the grant"), "{}", forged.stderr);
    let until = grant.lines().find(|line| line.contains("until:")).unwrap();
    let long = open(&grant.replace(until, "  until: '2999-01-01T00:00:00Z'"));
    assert!(long.stderr.contains("more than 2h away"), "{}", long.stderr);

    let opened = open(grant).succeeds().stdout;
    let name = opened.trim().trim_start_matches("breakglass.hardline.dev/").trim_end_matches(" created").to_owned();
    it.plane.until("the grant opens", |_| by_hand().code == 0).unwrap();
    let changed = it
        .ledger(namespace, "ada")
        .into_iter()
        .find(|line| line["role"] == "granted" && line["operation"] == "UPDATE")
        .unwrap();
    assert_eq!(changed["grant"], json!({"name": name, "reason": "what is on fire"}));
    assert_eq!(changed["manager"], "kubectl-patch");
    let container = "spec.template.spec.containers[name=web]";
    assert_eq!(
        changed["changes"][0],
        json!({"field": format!("{container}.image"), "op": "changed", "old": "registry.example.com/web:1", "new": "web:2-debug"})
    );
    let removed = &changed["changes"][1];
    assert_eq!((&removed["field"], &removed["op"]), (&json!(format!("{container}.livenessProbe")), &json!("removed")));
    assert_eq!(removed["old"]["httpGet"]["path"], "/healthz");
    assert_eq!(changed["changes"].as_array().unwrap().len(), 2);

    // A grant is what it was opened as.
    let grants = format!("/apis/hardline.dev/v1alpha1/namespaces/{namespace}/breakglasses/{name}");
    let longer = it.plane.request("PATCH", &grants, Some(&json!({"spec": {"reason": "another"}}))).unwrap();
    assert!(longer.body["message"].as_str().unwrap().contains("a grant is not changed"), "{}", longer.body);
    // It ends early when it is deleted, and by itself.
    it.by_hand(namespace, &["delete", "breakglass", &name]).succeeds();
    it.plane
        .until("the grant has gone", |_| {
            it.by_hand(namespace, &["label", "deployment/web", "team=me", "--dry-run=server"]).code != 0
        })
        .unwrap();
    let soon =
        run(std::process::Command::new("date").args(["--utc", "--date=+5 seconds", "+%Y-%m-%dT%H:%M:%SZ"])).succeeds();
    open(&grant.replace(until, &format!("  until: '{}'", soon.stdout.trim()))).succeeds();
    // Each time something else, for what changes nothing passes.
    let mut times = 0;
    let mut again = || {
        times += 1;
        it.by_hand(namespace, &["annotate", "configmap/web", "--overwrite", &format!("times={times}")])
    };
    it.plane.until("the short grant opens", |_| again().code == 0).unwrap();
    it.plane.until("the short grant ends", |_| again().code != 0).unwrap();
    let ended = again();
    is_guarded(&ended);
    assert!(ended.stderr.contains("has ended at"), "{}", ended.stderr);

    // Secrets are in no line, and hands are in the events.
    is_guarded(
        &it.by_hand(namespace, &["patch", "secret/web", "--patch", r#"{"stringData": {"token": "bm90LW1pbmU"}}"#]),
    );
    let secret = it.ledger(namespace, "ada").pop().unwrap();
    assert_eq!(secret["changes"], json!([{"field": "data.token", "op": "changed", "withheld": "secret"}]));
    let all = serde_json::to_string(&it.server.ledger()).unwrap();
    assert!(!all.contains("not-for-the-ledger") && !all.contains("bm90LWZvci10aGUtbGVkZ2Vy"), "{all}");
    // Events are few on purpose, and all tests share them: it takes more than one change until one is told.
    // Many refusals use up their own share, and not that of a grant.
    for _ in 0..30 {
        is_guarded(&again());
    }
    let is_told = |reason: &str| {
        let events = it.get(namespace, "events.events.k8s.io");
        events["items"].as_array().unwrap().iter().any(|event| event["reason"] == reason)
    };
    let mut is_told_after_one = |reason: &str| {
        again();
        is_told(reason)
    };
    it.plane.until("a refusal is told", |_| is_told_after_one("ChangeRefused")).unwrap();
    open(grant).succeeds();
    it.plane.until("the use of a grant is told", |_| is_told_after_one("BreakGlassUsed")).unwrap();
}

#[test]
fn marked_objects_are_not_deleted_by_hand() {
    let it = guarded();
    let namespace = "marked";
    run(&mut it.plane.kubectl(&["create", "namespace", namespace])).succeeds();
    let marked = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, labels: {hardline.dev/delete-protection: 'true'}}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, labels: {hardline.dev/delete-protection: 'true'}}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: web, labels: {hardline.dev/delete-protection: 'true'}}
spec: {hard: {pods: '10'}}
";
    it.deploy(namespace, marked).succeeds();
    let kinds = ["poddisruptionbudget/web", "networkpolicy/web", "resourcequota/web"];
    for kind in kinds {
        let refused = it.by_hand(namespace, &["delete", kind]);
        assert!(refused.stderr.contains("is protected from deletion"), "{}", refused.stderr);
    }
    let refused = it.by_hand(namespace, &["delete", "networkpolicies", "--all"]);
    assert!(refused.stderr.contains("is protected from deletion"), "{}", refused.stderr);
    it.by_hand(namespace, &["label", "poddisruptionbudget/web", "hardline.dev/delete-protection-"]).succeeds();
    it.by_hand(namespace, &["delete", "poddisruptionbudget/web"]).succeeds();
    // Whoever may delete the namespace deletes what is in it.
    it.by_hand("default", &["delete", "namespace", namespace, "--timeout=60s"]).succeeds();
}
