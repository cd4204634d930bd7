//! How much memory and time a large cluster takes: a watch stream is replayed through the decoder, judged, and
//! made ready for the dashboard, as `hardline serve` does.
//!
//! ```console
//! cargo run --release -p hardline-server --example replay -- 100000 5000
//! ```
//!
//! The arguments name the pods and the deployments that they belong to. The stream is made up as it is read, so
//! that what is measured is what hardline holds, not what it is told. `docs/src/watch.md` has the numbers.

use std::convert::Infallible;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, BoxStream, StreamExt as _};
use hardline_cluster::client::Cluster;
use hardline_cluster::kinds::OBSERVED;
use hardline_cluster::live::Live;
use hardline_core::config::{Config, Date};
use hardline_server::auditor::Auditor;
use hardline_server::clock::now;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use tokio::sync::mpsc;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// What the pod watch says beyond the initial pods.
type Later = Arc<tokio::sync::Mutex<mpsc::Receiver<String>>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|number| number.parse().expect("a number"));
    let pods: usize = arguments.next().unwrap_or(100_000);
    let deployments: usize = arguments.next().unwrap_or(5_000).clamp(1, pods);
    let (later, receive) = mpsc::channel(1);
    let receive = Arc::new(tokio::sync::Mutex::new(receive));
    let service = tower::service_fn(move |request: Request<Body>| {
        let response = answer(&request, pods, deployments, &receive);
        async move { Ok::<_, Infallible>(response) }
    });
    let cluster =
        Cluster { client: Client::new(service, "default"), name: "replay".to_owned(), namespace: "default".to_owned() };
    let before = resident("VmRSS");
    let started = Instant::now();
    let live = Live::start(&cluster);
    live.synced().await;
    println!("read:        {:>8.2} s for {pods} pods of {deployments} deployments", started.elapsed().as_secs_f64());
    println!(
        "resident:    {:>8.1} MB, {:.1} MB before, {:.1} MB at most",
        resident("VmRSS"),
        before,
        resident("VmHWM")
    );
    let observed = live.now();
    println!("inventory:   {:>8} resources of {} objects", observed.inventory.resources().count(), observed.objects);
    drop(observed);
    let config = || Config::new(Date { year: 2026, month: 11, day: 24 });
    let mut auditor = Auditor::new("replay", config(), None, now);
    let spent = spend(|| drop(auditor.judge(live.now(), now())));
    println!("judge all:   {spent}");
    println!("resident:    {:>8.1} MB, {:.1} MB at most", resident("VmRSS"), resident("VmHWM"));
    let mut changes = live.changes();
    changes.mark_unchanged();
    let started = Instant::now();
    let debug = pod(0, deployments, "debug").replace("ADDED", "MODIFIED");
    later.send(debug).await.expect("the watch goes on");
    changes.changed().await.expect("the watch goes on");
    println!("one change:  {:>8.0} ms to the new inventory", millis(started));
    let mut snapshot = None;
    let spent = spend(|| snapshot = Some(auditor.judge(live.now(), now())));
    let snapshot = snapshot.expect("it was judged");
    println!("judge it:    {spent}, {} findings", snapshot.report.findings.len());
    drop((snapshot, auditor));
    let mut auditor = Auditor::new("replay", config(), None, now);
    let spent = spend(|| drop(auditor.judge(live.now(), now())));
    println!("again all:   {spent}");
    println!("resident:    {:>8.1} MB, {:.1} MB at most", resident("VmRSS"), resident("VmHWM"));
}

/// How long something takes.
struct Spent {
    wall: f64,
    processor: f64,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.0} ms, {:.0} ms of processor time", self.wall, self.processor)
    }
}

fn spend(act: impl FnOnce()) -> Spent {
    let (before, started) = (processor(), Instant::now());
    act();
    Spent { wall: millis(started), processor: processor() - before }
}

/// The processor time of this process so far, in milliseconds, by what Linux counts in hundredths of seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this needs Linux");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A line of what Linux says of this process, in MB.
fn resident(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this needs Linux");
    let value = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = value.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.expect("Linux says so") / 1024.0
}

fn answer(request: &Request<Body>, pods: usize, deployments: usize, later: &Later) -> Response<Answer> {
    let path = request.uri().path();
    let initial: BoxStream<'static, String> = match path {
        "/apis" => return whole(200, r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#),
        "/api/v1/pods" => stream::iter((0..pods).map(move |number| pod(number, deployments, "1.4"))).boxed(),
        "/apis/apps/v1/deployments" => stream::iter((0..deployments).map(deployment)).boxed(),
        "/apis/apps/v1/replicasets" => stream::iter((0..deployments).map(replica_set)).boxed(),
        _ if OBSERVED
            .iter()
            .any(|kind| kind.kind() != hardline_core::resource::Kind::Other && path.ends_with(kind.plural)) =>
        {
            stream::empty().boxed()
        }
        _ => return whole(404, r#"{"kind":"Status","status":"Failure","code":404,"message":"no such kind"}"#),
    };
    let end = r#"{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
    let later = (path == "/api/v1/pods").then(|| later.clone());
    let more = stream::unfold(later, |later| async move {
        let Some(changes) = &later else { return std::future::pending().await };
        let line = changes.lock().await.recv().await?;
        Some((line, later))
    });
    let lines = initial.chain(stream::iter([end.to_owned()])).chain(more);
    let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(Bytes::from(line + "\n"))));
    Response::builder().body(StreamBody::new(frames).boxed_unsync()).expect("the response is well formed")
}

fn whole(status: u16, body: &'static str) -> Response<Answer> {
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::from(body)).boxed_unsync())
        .expect("the response is well formed")
}

fn labels(number: usize) -> String {
    format!(
        r#""app.kubernetes.io/name":"app-{number}","app.kubernetes.io/part-of":"shop","app.kubernetes.io/version":"1.4""#
    )
}

fn namespace(deployment: usize) -> String {
    format!("team-{}", deployment % 50)
}

/// The spec of a template, or of a pod with what is added to it.
fn spec(number: usize, tag: &str, of_pod: Option<usize>) -> String {
    let mut text = String::new();
    let mounts =
        r#""volumeMounts":[{"name":"config","mountPath":"/etc/app","readOnly":true},{"name":"tmp","mountPath":"/tmp"}"#;
    _ = write!(text, r#"{{"containers":["#);
    for (at, name) in ["app", "metrics"].iter().enumerate() {
        let token = of_pod.map_or(String::new(), |pod| {
            format!(r#",{{"name":"kube-api-access-{pod:05}","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}"#)
        });
        let comma = if at > 0 { "," } else { "" };
        _ = write!(
            text,
            r#"{comma}{{"name":"{name}","image":"registry.example.com/shop/app-{number}:{tag}","args":["--listen=:8080","--level=info"],"env":[{{"name":"DATABASE_URL","valueFrom":{{"secretKeyRef":{{"name":"app-{number}","key":"url"}}}}}},{{"name":"REGION","value":"eu-1"}}],"ports":[{{"name":"http","containerPort":8080,"protocol":"TCP"}}],"resources":{{"limits":{{"memory":"512Mi"}},"requests":{{"cpu":"250m","memory":"512Mi"}}}},{mounts}{token}],"livenessProbe":{{"httpGet":{{"path":"/live","port":"http","scheme":"HTTP"}},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}},"readinessProbe":{{"httpGet":{{"path":"/ready","port":"http","scheme":"HTTP"}},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{{"capabilities":{{"drop":["ALL"]}},"runAsNonRoot":true,"allowPrivilegeEscalation":false}}}}"#
        );
    }
    let token = of_pod.map_or(String::new(), |pod| {
        format!(r#",{{"name":"kube-api-access-{pod:05}","projected":{{"sources":[{{"serviceAccountToken":{{"expirationSeconds":3607,"path":"token"}}}}],"defaultMode":420}}}}"#)
    });
    let placed = of_pod.map_or(String::new(), |pod| {
        format!(r#","nodeName":"node-{}","serviceAccountName":"default","serviceAccount":"default","enableServiceLinks":true,"priority":0,"preemptionPolicy":"PreemptLowerPriority","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}]"#, pod % 1000)
    });
    _ = write!(
        text,
        r#"],"volumes":[{{"name":"config","configMap":{{"name":"app-{number}","defaultMode":420}}}},{{"name":"tmp","emptyDir":{{}}}}{token}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{{}},"schedulerName":"default-scheduler"{placed}}}"#
    );
    text
}

/// As heavy as the fields of a pod that was set up by a controller, a scheduler and a kubelet.
fn managed_fields() -> String {
    let fields =
        (0..60).map(|at| format!(r#""f:field-{at}":{{"f:name":{{}},"f:value":{{}}}}"#)).collect::<Vec<_>>().join(",");
    format!(
        r#""managedFields":[{{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{{{fields}}}}},{{"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:09Z","fieldsType":"FieldsV1","fieldsV1":{{{fields}}},"subresource":"status"}}]"#
    )
}

fn deployment(number: usize) -> String {
    let (labels, spec, fields) = (labels(number), spec(number, "1.4", None), managed_fields());
    format!(
        r#"{{"type":"ADDED","object":{{"kind":"Deployment","apiVersion":"apps/v1","metadata":{{"name":"app-{number}","namespace":"{}","uid":"d-{number}","resourceVersion":"5","creationTimestamp":"2026-01-02T03:04:05Z","labels":{{{labels}}},{fields}}},"spec":{{"replicas":20,"selector":{{"matchLabels":{{"app.kubernetes.io/name":"app-{number}"}}}},"template":{{"metadata":{{"labels":{{{labels}}}}},"spec":{spec}}},"strategy":{{"type":"RollingUpdate"}}}},"status":{{"replicas":20}}}}}}"#,
        namespace(number)
    )
}

fn replica_set(number: usize) -> String {
    let (labels, spec, fields) = (labels(number), spec(number, "1.4", None), managed_fields());
    format!(
        r#"{{"type":"ADDED","object":{{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{{"name":"app-{number}-5d8f9c7b66","namespace":"{}","uid":"r-{number}","resourceVersion":"5","creationTimestamp":"2026-01-02T03:04:05Z","ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"app-{number}","uid":"d-{number}","controller":true}}],{fields}}},"spec":{{"replicas":20,"template":{{"metadata":{{"labels":{{{labels},"pod-template-hash":"5d8f9c7b66"}}}},"spec":{spec}}}}},"status":{{"replicas":20}}}}}}"#,
        namespace(number)
    )
}

fn pod(pod: usize, deployments: usize, tag: &str) -> String {
    let number = pod % deployments;
    let (labels, spec, fields) = (labels(number), spec(number, tag, Some(pod)), managed_fields());
    format!(
        r#"{{"type":"ADDED","object":{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"app-{number}-5d8f9c7b66-{pod:05}","generateName":"app-{number}-5d8f9c7b66-","namespace":"{}","uid":"7a1e0000-0000-4000-8000-{pod:012}","resourceVersion":"6","creationTimestamp":"2026-01-02T03:04:05Z","labels":{{{labels},"pod-template-hash":"5d8f9c7b66"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"app-{number}-5d8f9c7b66","uid":"r-{number}","controller":true}}],{fields}}},"spec":{spec},"status":{{"phase":"Running","podIP":"10.{}.{}.{}","conditions":[{{"type":"Ready","status":"True"}},{{"type":"PodScheduled","status":"True"}}],"qosClass":"Burstable"}}}}}}"#,
        namespace(number),
        pod >> 16 & 255,
        pod >> 8 & 255,
        pod & 255
    )
}
