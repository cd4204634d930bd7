//! What admission costs, beside a webhook that always allows: `cargo bench -p hardline-server`.
//!
//! Reviews of deployments and a cluster of a thousand pods are made from `examples/3am-fixed`. First the
//! processor time of hardline's own part, on one thread: reading the review, judging it and writing the
//! answer. Then whole servers, each a process of its own, over TLS on this machine: hardline's, and one
//! of the same HTTP stack that reads the body and answers `allowed`.
//!
//! `own` and `servers` as arguments do one of the two.

#![expect(clippy::cast_precision_loss, reason = "these are numbers for people to look at")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length is less than it")]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use hardline_cluster::observed::Observed;
use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Enforcement;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_server::admission::{Admission, Options, Updates};
use hardline_server::answer;
use hardline_server::http::{Entrance, Limits, Server, Stopping};
use hardline_server::metrics::Metrics;
use hardline_server::readiness::Readiness;
use hardline_server::review::Review;
use hardline_server::tls::{Certificate, Shown, roots, server_config};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use serde_json::{Value as Json, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAMESPACES: usize = 50;
const PODS: usize = 1_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let says = |word: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == word);
    if let Some(server @ ("hardline" | "trivial")) = arguments.first().map(String::as_str) {
        return serve(server);
    }
    if says("own") {
        own();
    }
    if says("servers") {
        servers();
    }
}

fn example(file: &str) -> String {
    let path = format!("{}/../../examples/3am-fixed/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("the example exists")
}

fn objects(text: String) -> Vec<Resource> {
    hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources
}

/// The shop of the example, once in each namespace. Its deployment and its stateful set judge for their
/// pods, as they do where a cluster is watched.
fn cluster() -> Inventory {
    let files = ["namespace", "network", "orders-db", "checkout"].map(example).join("\n---\n");
    let mut resources = objects(example("priority"));
    for namespace in 0..NAMESPACES {
        resources.extend(objects(files.replace(" shop\n", &format!(" team-{namespace}\n"))));
    }
    Inventory::new(resources, Coverage::everything())
}

/// A review of a change of the example's deployment, of about so many bytes: what is missing is fields
/// that tools manage, and containers beside the first.
fn review(operation: &str, bytes: usize) -> Vec<u8> {
    let deployment = objects(example("checkout")).remove(0);
    let mut object = deployment.value().to_json();
    object["metadata"]["namespace"] = json!("team-7");
    object["metadata"]["uid"] = json!("3e1f3a3c-4b1e-4c55-9a3f-2f3f3c1b9a77");
    let old = if operation == "UPDATE" { object.clone() } else { Json::Null };
    object["metadata"]["labels"]["team"] = json!("shop");
    let request = |object: &Json, old: &Json| {
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "requestKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "requestResource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "name": "checkout",
                "namespace": "team-7",
                "operation": operation,
                "userInfo": {"username": "jane", "groups": ["developers", "system:authenticated"]},
                "object": object,
                "oldObject": old,
                "dryRun": false,
                "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
            },
        })
        .to_string()
    };
    let containers = object["spec"]["template"]["spec"]["containers"].as_array_mut().expect("there are some");
    for name in ["proxy", "metrics"] {
        let mut another = containers[0].clone();
        another["name"] = json!(name);
        another["ports"] = Json::Null;
        for probe in ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle"] {
            another[probe] = Json::Null;
        }
        containers.push(another);
    }
    let mut fields = serde_json::Map::new();
    while request(&object, &old).len() < bytes {
        for _ in 0..10 {
            let at = fields.len();
            fields.insert(format!("f:field-{at}"), json!({"f:name": {}, "f:value": {}}));
        }
        object["metadata"]["managedFields"] = json!([{
            "manager": "kubectl-client-side-apply",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }]);
    }
    request(&object, &old).into_bytes()
}

fn reviews() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("create, 8 KB", review("CREATE", 8 << 10)),
        ("create, 18 KB", review("CREATE", 18 << 10)),
        ("update, 30 KB", review("UPDATE", 30 << 10)),
    ]
}

fn observed(inventory: Inventory) -> tokio::sync::watch::Receiver<Arc<Observed>> {
    let observed = Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects: PODS };
    tokio::sync::watch::channel(Arc::new(observed)).1
}

fn admission(inventory: Inventory) -> Admission {
    let options = Options {
        enforcement: Enforcement::Deny,
        absence: Enforcement::Audit,
        updates: Updates::Worse,
        own_namespace: None,
    };
    Admission::new(options, Config::new(Date { year: 2026, month: 6, day: 1 }), observed(inventory))
}

/// Processor time of this thread, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The least and the middle microseconds of processor time that something takes.
fn measure(mut act: impl FnMut()) -> (f64, f64) {
    const BATCH: usize = 50;
    let mut batches: Vec<f64> = (0..40)
        .map(|_| {
            let started = processor_time();
            (0..BATCH).for_each(|_| act());
            (processor_time() - started) * 1e6 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    (batches[0], batches[batches.len() / 2])
}

/// hardline's own part, step by step.
fn own() {
    let now = Timestamp::constant(1_780_000_000, 0);
    println!("{:<44} {:>10} {:>10}", "own part, processor time", "least", "middle");
    let line = |what: String, (least, middle): (f64, f64)| println!("{what:<44} {least:>7.1} us {middle:>7.1} us");
    for (name, body) in reviews() {
        line(format!("{name}: read"), measure(|| drop(Review::read(body.clone()))));
        let review = Review::read(body.clone()).expect("it is a review");
        for (where_, inventory) in
            [("alone", Inventory::new(Vec::new(), Coverage::nothing())), ("among 1,000 pods", cluster())]
        {
            let admission = admission(inventory);
            let decision = admission.decide(&review, now);
            line(format!("{name}: judge {where_}"), measure(|| drop(admission.decide(&review, now))));
            line(format!("{name}: answer"), measure(|| drop(answer::body(&review, &decision))));
            line(
                format!("{name}: all {where_}"),
                measure(|| {
                    let review = Review::read(body.clone()).expect("it is a review");
                    drop(answer::body(&review, &admission.decide(&review, now)));
                }),
            );
        }
    }
}

/// Connections of the API server.
const CONNECTIONS: usize = 8;

/// How long each load lasts.
const LASTS: Duration = Duration::from_secs(4);

/// A server in a process of its own.
struct Running {
    child: Child,
    address: SocketAddr,
    client: TlsConnector,
}

/// What a load came to.
#[derive(Debug, Clone, Copy)]
struct Load {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of processor time of the server for each request.
    processor: f64,
}

impl Running {
    fn start(name: &str) -> Self {
        let program = env::current_exe().expect("this program is a file");
        let mut child = Command::new(program).arg(name).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let address = lines.next().and_then(|line| line.parse().ok()).expect("it says its address");
        let mut certificate = String::new();
        for line in lines {
            certificate += &(line + "\n");
            if certificate.ends_with("END CERTIFICATE-----\n") {
                break;
            }
        }
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_root_certificates(roots(certificate.as_bytes()).expect("it is a certificate"))
            .with_no_client_auth();
        Self { child, address, client: TlsConnector::from(Arc::new(client)) }
    }

    /// Seconds of processor time that it has taken.
    fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("this needs Linux");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Megabytes that it holds.
    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("this needs Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
        let kilobytes: f64 = line.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a number");
        kilobytes / 1024.0
    }

    /// Sends reviews for a while: so many each second, or as fast as they are answered.
    async fn load(&self, body: &Bytes, per_second: Option<f64>) -> Load {
        let before = self.processor_time();
        let started = Instant::now();
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|caller| {
                let (address, client, body) = (self.address, self.client.clone(), body.clone());
                tokio::spawn(async move {
                    let stream = TcpStream::connect(address).await.expect("it listens");
                    stream.set_nodelay(true).expect("it is open");
                    let name = ServerName::try_from("gate").expect("it is a name");
                    let stream = client.connect(name, stream).await.expect("it is trusted");
                    let (mut sender, connection) =
                        http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
                    tokio::spawn(connection);
                    let mut took = Vec::new();
                    let interval = per_second.map(|all| Duration::from_secs_f64(CONNECTIONS as f64 / all));
                    let mut due = started + interval.unwrap_or_default().mul_f64(caller as f64 / CONNECTIONS as f64);
                    while started.elapsed() < LASTS {
                        match interval {
                            Some(interval) => {
                                due += interval;
                                tokio::time::sleep_until(due.into()).await;
                            }
                            None => due = Instant::now(),
                        }
                        let sent = Instant::now();
                        let request = Request::post("/admit?timeout=3s").header(HOST, "gate");
                        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body.clone()));
                        let response = sender.send_request(request.expect("it is valid")).await.expect("it answers");
                        assert_eq!(response.status(), 200);
                        let answer = response.into_body().collect().await.expect("it answers").to_bytes();
                        assert!(answer.windows(14).any(|part| part == b"\"allowed\":true"), "{answer:?}");
                        took.push(sent.elapsed().as_secs_f64() * 1e6);
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for caller in callers {
            took.extend(caller.await.expect("it ends"));
        }
        let elapsed = started.elapsed().as_secs_f64();
        took.sort_by(f64::total_cmp);
        let at = |part: f64| took[(took.len() as f64 * part) as usize];
        let count = took.len() as f64;
        let processor = (self.processor_time() - before) * 1e6 / count;
        Load { per_second: count / elapsed, p50: at(0.5), p99: at(0.99), processor }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already only has to be waited for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Both servers in turns, so that what else the machine does meets both.
fn servers() {
    let runtime = tokio::runtime::Runtime::new().expect("it starts");
    runtime.block_on(async {
        let servers = ["trivial", "hardline"].map(|name| (name, Running::start(name)));
        println!(
            "{:<36} {:>10} {:>10} {:>10} {:>12} {:>8}",
            "servers", "per second", "p50", "p99", "processor", "memory"
        );
        for (kind, body) in reviews() {
            let body = Bytes::from(body);
            let mut most = f64::INFINITY;
            for (load, share) in [("as fast as it goes", None), ("half load", Some(0.5))] {
                let mut rounds: [Vec<Load>; 2] = [Vec::new(), Vec::new()];
                for _ in 0..3 {
                    for (rounds, (_, server)) in rounds.iter_mut().zip(&servers) {
                        rounds.push(server.load(&body, share.map(|share| share * most)).await);
                    }
                }
                for (rounds, (name, server)) in rounds.iter().zip(&servers) {
                    let middle = |of: fn(&Load) -> f64| {
                        let mut values: Vec<f64> = rounds.iter().map(of).collect();
                        values.sort_by(f64::total_cmp);
                        values[values.len() / 2]
                    };
                    let per_second = middle(|load| load.per_second);
                    most = most.min(per_second);
                    println!(
                        "{:<36} {per_second:>10.0} {:>7.0} us {:>7.0} us {:>9.0} us {:>5.1} MB",
                        format!("{kind}, {load}: {name}"),
                        middle(|load| load.p50),
                        middle(|load| load.p99),
                        middle(|load| load.processor),
                        server.resident(),
                    );
                }
            }
        }
    });
}

/// Runs a server until it is killed. Says where it listens, and whom to trust.
fn serve(name: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("it starts");
    runtime.block_on(async {
        let key = rcgen::KeyPair::generate().expect("it can be made");
        let params = rcgen::CertificateParams::new(["gate".to_owned()]).expect("it is a name");
        let certificate = params.self_signed(&key).expect("it can be made").pem();
        let (metrics, shown) = (Arc::new(Metrics::default()), Arc::new(Shown::default()));
        let now = SystemTime::now();
        let pem = Certificate::of_pem(certificate.as_bytes(), key.serialize_pem().as_bytes(), "gate", now);
        shown.set(pem.expect("it is fit"), &metrics);
        let tls = Arc::new(server_config(shown.clone(), None).expect("it is complete"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        print!("{}\n{certificate}", listener.local_addr().expect("it is bound"));
        if name == "trivial" {
            return allow_always(listener, TlsAcceptor::from(tls)).await;
        }
        let readiness = Arc::new(Readiness::new(observed(cluster()), shown));
        let server = Arc::new(Server::new(admission(cluster()), metrics, readiness, Limits::default()));
        let stopping = Stopping { delay: Duration::ZERO, grace: Duration::ZERO };
        server.run(vec![(listener, Entrance::Admission(tls))], stopping, std::future::pending()).await;
    });
}

/// A webhook that reads what it is sent and allows it.
async fn allow_always(listener: TcpListener, acceptor: TlsAcceptor) {
    const ANSWER: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}"#;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request: Request<Incoming>| async {
                request.into_body().collect().await?;
                let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok::<_, hyper::Error>(response)
            });
            _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
