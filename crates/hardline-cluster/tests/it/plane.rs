//! A real control plane: what controllers, admission and defaulting make of objects, and how it is
//! seen.

use std::io::Write as _;
use std::process::{Output, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use hardline_cluster::client::{Cluster, Error, Options as Connection, connect};
use hardline_cluster::dump::{self, Limits};
use hardline_cluster::list::{Options, observe};
use hardline_cluster::live::Live;
use hardline_cluster::observed::{Observed, Scope};
use hardline_controlplane::ControlPlane;
use hardline_core::resource::Kind;
use serde_json::{Value as Json, json};

/// One control plane for all tests here, each in a namespace of its own.
static PLANE: LazyLock<ControlPlane> = LazyLock::new(|| {
    let setup = ControlPlane::setup().controllers().scheduler().nodes(3).user("reader", &["readers"]);
    setup.deadline(Duration::from_mins(3)).start().unwrap()
});

/// Held by the test that stops the API server for a while, and by those that it would disturb.
static UNDISTURBED: Mutex<()> = Mutex::new(());

const WORKLOADS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: example.com/web:1.4
          ports: [{ containerPort: 8080 }]
          resources: { limits: { cpu: 500m, memory: 256Mi } }
      tolerations: [{ key: spot, operator: Exists }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: node-agent }
spec:
  selector: { matchLabels: { app: node-agent } }
  template:
    metadata: { labels: { app: node-agent } }
    spec:
      hostNetwork: true
      containers: [{ name: agent, image: 'example.com/agent:2', ports: [{ containerPort: 9100 }] }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  replicas: 2
  podManagementPolicy: Parallel
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      containers:
        - name: db
          image: example.com/db:16
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: logs }
spec:
  selector: { matchLabels: { app: logs } }
  template:
    metadata: { labels: { app: logs } }
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/os, operator: In, values: [linux] }] }]
      containers: [{ name: logs, image: 'example.com/logs:1' }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: import }
spec:
  completions: 2
  parallelism: 2
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: import, image: 'example.com/import:1' }]
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: '* * * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{ name: nightly, image: 'example.com/nightly:1' }]
";

fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn kubectl(arguments: &[&str]) -> String {
    succeed(PLANE.kubectl(arguments).output().unwrap())
}

fn apply(namespace: &str, manifests: &str) {
    let mut command = PLANE.kubectl(&["apply", "-n", namespace, "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(manifests.as_bytes()).unwrap();
    succeed(child.wait_with_output().unwrap());
}

fn pods(namespace: &str) -> Vec<Json> {
    let list = PLANE.expect("GET", &format!("/api/v1/namespaces/{namespace}/pods"), None).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// A namespace with the workloads, all of their pods made.
fn workloads(namespace: &str, before: &str) {
    kubectl(&["create", "namespace", namespace]);
    PLANE
        .until("the service account exists", |plane| {
            let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
            plane.request("GET", &account, None).is_ok_and(|response| response.status == 200)
        })
        .unwrap();
    if !before.is_empty() {
        apply(namespace, before);
    }
    apply(namespace, WORKLOADS);
    kubectl(&["create", "job", "-n", namespace, "--from=cronjob/nightly", "tonight"]);
    let of = |pod: &Json, owner: &str| pod["metadata"]["ownerReferences"][0]["kind"] == owner;
    PLANE
        .until("all pods are made", |_| {
            let pods = pods(namespace);
            let count = |owner: &str| pods.iter().filter(|pod| of(pod, owner)).count();
            ["ReplicaSet", "StatefulSet", "DaemonSet", "Job"].map(count).iter().zip([4, 2, 3, 3]).all(|(a, b)| *a >= b)
        })
        .unwrap();
}

async fn cluster(user: &str) -> Cluster {
    let kubeconfig = Some(PLANE.kubeconfig_of(user));
    connect(&Connection { kubeconfig, context: None }).await.unwrap()
}

async fn read(user: &str, scope: Scope) -> Result<Observed, Error> {
    observe(&cluster(user).await, &Options { scope, grouped: true }, &|_| {}).await
}

/// The workloads of a namespace, as `Kind name`.
fn seen(observed: &Observed, namespace: &str) -> Vec<String> {
    let workloads = observed.inventory.workloads().map(|workload| workload.resource);
    let here = workloads.filter(|resource| resource.namespace() == Some(namespace));
    let mut names: Vec<_> = here.map(|it| format!("{} {}", it.kind_name(), it.name())).collect();
    names.sort();
    names
}

/// The job that is made by hand from a cron job has it as its owner.
fn owners() -> Vec<String> {
    let owners = [
        "CronJob nightly",
        "DaemonSet logs",
        "Deployment node-agent",
        "Deployment web",
        "Job import",
        "StatefulSet db",
    ];
    owners.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn what_controllers_make_is_what_their_owners_say() {
    let _undisturbed = UNDISTURBED.lock();
    let ranges = "
apiVersion: v1
kind: LimitRange
metadata: { name: demands }
spec: { limits: [{ type: Container, default: { memory: 1Gi }, defaultRequest: { cpu: 100m, memory: 64Mi } }] }
";
    for (namespace, before) in [("plain", ""), ("ranged", ranges)] {
        workloads(namespace, before);
        let observed = read("admin", Scope::Namespace(namespace.to_owned())).await.unwrap();
        assert_eq!(seen(&observed, namespace), owners());
        assert_eq!(observed.gaps, []);
        // A dump of the same, by kubectl, says the same.
        let kinds = "ns,deploy,sts,ds,rs,job,cronjob,pod";
        let dumped = kubectl(&["get", kinds, "-n", namespace, "-o", "yaml", "--show-managed-fields"]);
        let of_dump = dump::read_texts([("dump.yaml", dumped.as_str())]).unwrap();
        assert_eq!(seen(&of_dump, namespace), owners());
        let deployment = of_dump.inventory.find(Kind::Deployment, Some(namespace), "web").unwrap();
        let same = observed.inventory.find(Kind::Deployment, Some(namespace), "web").unwrap();
        assert_eq!(deployment.source().text, same.source().text);
    }
    let folder = tempfile::tempdir().unwrap();
    let output = format!("--output-directory={}", folder.path().display());
    kubectl(&["cluster-info", "dump", "--namespaces=plain", &output, "--output=yaml"]);
    let of_folder = dump::read(folder.path(), &Limits::default(), &|_| {}).unwrap();
    // It has neither jobs nor stateful sets; their pods stand for themselves, those alike once.
    let of_folder = seen(&of_folder, "plain");
    let expected = ["DaemonSet logs", "Deployment node-agent", "Deployment web", "Pod db-0"];
    assert_eq!(of_folder[..4], expected, "{of_folder:?}");
}

#[tokio::test]
async fn what_people_do_by_hand_is_seen() {
    let _undisturbed = UNDISTURBED.lock();
    workloads("hand", "");
    let live = Live::start(&cluster("admin").await);
    live.synced().await;
    let web = pods("hand").into_iter().filter(|pod| pod["metadata"]["labels"]["app"] == "web");
    let names: Vec<_> = web.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    let [first, second, third] = &names[..] else { panic!("{names:?}") };
    let path = |name: &str| format!("/api/v1/namespaces/hand/pods/{name}");
    kubectl(&["set", "image", "-n", "hand", &format!("pod/{first}"), "web=example.com/web:1.4-debug"]);
    let mut debugged = PLANE.expect("GET", &path(second), None).unwrap();
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debugger", "image": "busybox"}]);
    PLANE.expect("PUT", &format!("{}/ephemeralcontainers", path(second)), Some(&debugged)).unwrap();
    kubectl(&["label", "-n", "hand", &format!("pod/{third}"), "debug=yes"]);
    let mut expected: Vec<_> = names.iter().map(|name| format!("Pod {name}")).chain(owners()).collect();
    expected.sort();
    let mut changes = live.changes();
    let all = changes.wait_for(|observed| seen(observed, "hand") == expected);
    let observed = tokio::time::timeout(Duration::from_mins(1), all).await;
    let observed = observed.unwrap_or_else(|_| panic!("{:?}", seen(&live.now(), "hand"))).unwrap().clone();
    for (resource, origin) in observed.inventory.resources().zip(&observed.origins) {
        if resource.namespace() == Some("hand") && resource.kind() == Kind::Pod {
            let owner = observed.inventory.get(origin.variant_of.unwrap()).unwrap();
            assert_eq!((owner.kind_name(), owner.name()), ("Deployment", "web"));
        }
    }
    let pod = observed.inventory.find(Kind::Pod, Some("hand"), first).unwrap();
    let index = observed.inventory.resources().position(|it| it.id() == pod.id()).unwrap();
    assert_eq!(&*observed.origins[index].author().unwrap().name, "kubectl-set");
}

#[tokio::test]
async fn who_may_read_one_namespace_sees_that_and_its_gaps() {
    let _undisturbed = UNDISTURBED.lock();
    kubectl(&["create", "namespace", "theirs"]);
    let error = read("reader", Scope::Everything).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error}");
    kubectl(&["create", "role", "-n", "theirs", "see", "--verb=get,list", "--resource=pods,deployments.apps"]);
    kubectl(&["create", "rolebinding", "-n", "theirs", "see", "--role=see", "--group=readers"]);
    let scope = Scope::Namespace("theirs".to_owned());
    PLANE
        .until("the role holds", |plane| {
            plane.kubectl_as("reader", &["get", "pods", "-n", "theirs"]).status().is_ok_and(|status| status.success())
        })
        .unwrap();
    let observed = read("reader", scope).await.unwrap();
    assert!(observed.inventory.covers(Kind::Deployment, Some("theirs")));
    assert!(!observed.inventory.covers(Kind::Secret, Some("theirs")));
    assert!(
        observed.gaps.iter().any(|gap| gap.what == "secrets" && gap.why.contains("forbidden")),
        "{:?}",
        observed.gaps
    );
    let error = read("admin", Scope::Namespace("thiers".to_owned())).await.unwrap_err();
    assert_eq!(error.to_string(), "the cluster has no namespace `thiers`");
}

#[tokio::test]
async fn wrong_credentials_are_told_from_a_missing_server() {
    let _undisturbed = UNDISTURBED.lock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let config = std::fs::read_to_string(PLANE.kubeconfig()).unwrap();
    let token = config.lines().find_map(|line| line.split("token").nth(1)).unwrap();
    let token: String = token.chars().filter(|it| it.is_ascii_alphanumeric() || "-._".contains(*it)).collect();
    let write = |text: String| std::fs::write(&path, text).unwrap();
    write(config.replace(&token, "expired"));
    let ask = || async {
        let cluster = connect(&Connection { kubeconfig: Some(path.clone()), context: None }).await?;
        observe(&cluster, &Options { scope: Scope::Everything, grouped: true }, &|_| {}).await.map(|_| ())
    };
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    write(config.replace(PLANE.server(), "https://127.0.0.1:1"));
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn watches_outlive_a_restart_of_the_api_server() {
    let _alone = UNDISTURBED.lock();
    kubectl(&["create", "namespace", "lasting"]);
    let live = Live::start(&cluster("admin").await);
    live.synced().await;
    PLANE.restart_apiserver().unwrap();
    apply("lasting", "{apiVersion: v1, kind: ConfigMap, metadata: {name: after}}");
    let mut changes = live.changes();
    let found =
        changes.wait_for(|observed| observed.inventory.find(Kind::ConfigMap, Some("lasting"), "after").is_some());
    tokio::time::timeout(Duration::from_mins(2), found).await.expect("the watch goes on").unwrap();
}
