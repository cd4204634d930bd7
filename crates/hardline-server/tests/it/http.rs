//! The server as its clients see it.

use std::sync::Arc;
use std::time::Duration;

use hardline_server::http::{Entrance, Limits, Server, Stopping};
use hardline_server::metrics::Metrics;
use hardline_server::readiness::Readiness;
use hardline_server::tls::{Certificate, Shown, roots, server_config};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{admission, body, cluster, example, object, observed, request};

const NAMESPACE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}";

struct Running {
    address: String,
    client: TlsConnector,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["gate".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let (metrics, shown) = (Arc::new(Metrics::default()), Arc::new(Shown::default()));
    let now = std::time::SystemTime::now();
    shown.set(
        Certificate::of_pem(certificate.as_bytes(), key.serialize_pem().as_bytes(), "gate", now).unwrap(),
        &metrics,
    );
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(certificate.as_bytes()).unwrap())
        .with_no_client_auth();
    let readiness = Arc::new(Readiness::new(observed(cluster(NAMESPACE)), shown.clone()));
    let server = Arc::new(Server::new(admission(cluster(NAMESPACE)), metrics, readiness, limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let entrance = Entrance::Admission(Arc::new(server_config(shown, None).unwrap()));
    let stopping = Stopping { delay: Duration::from_millis(300), grace: Duration::from_secs(5) };
    let server = tokio::spawn(server.run(vec![(listener, entrance)], stopping, async {
        _ = stopped.await;
    }));
    Running { address, client: TlsConnector::from(Arc::new(client)), stop, server }
}

impl Running {
    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        self.client.connect(ServerName::try_from("gate").unwrap(), stream).await.unwrap()
    }

    /// Status and body of the answer to a request on a connection of its own.
    async fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect().await;
        let head =
            format!("{head} HTTP/1.1\r\nhost: gate\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses by the headers may close before it has the body.
        _ = stream.write_all(body).await;
        answer(&mut stream).await
    }

    async fn admit(&self, body: &[u8]) -> (u16, String) {
        self.ask_json("POST /admit?timeout=5s", body).await
    }

    async fn ask_json(&self, line: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect().await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: gate\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        _ = stream.write_all(body).await;
        answer(&mut stream).await
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> (u16, String) {
    let mut answer = Vec::new();
    // A connection that ends without a goodbye still has its answer.
    _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0), body.to_owned())
}

fn create() -> Vec<u8> {
    body(&request("CREATE", &object(&example("3am/checkout.yaml")), &Value::Null))
}

#[tokio::test]
async fn reviews_are_answered_and_everything_else_is_told_what_is_wrong() {
    let running = start(Limits { body: 64 << 10, ..Limits::default() }).await;
    let (status, answer) = running.admit(&create()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["response"]["allowed"]), (200, &Value::Bool(false)));

    let whole = create();
    let old_version = String::from_utf8(create()).unwrap().replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let long = vec![b' '; 70_000];
    for (body, expected, says) in [
        (&b""[..], 400, "cannot be read"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"a: 1", 400, "cannot be read"),
        (b"[]", 400, "not an AdmissionReview"),
        (&whole[..whole.len() / 2], 400, "cannot be read"),
        (old_version.as_bytes(), 400, "AdmissionReview of admission.k8s.io/v1beta1"),
        (deep.as_bytes(), 400, "nested deeper"),
        (br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, 400, "`request`"),
        (&long, 413, "limit of 65536 bytes"),
    ] {
        let (status, answer) = running.admit(body).await;
        assert_eq!(status, expected, "{answer}");
        assert!(answer.contains(says), "{answer}");
    }
    assert_eq!(running.ask_json("GET /admit", b"").await.0, 405);
    assert_eq!(running.ask("POST /admit", &create()).await.0, 415);
    assert_eq!(running.ask("GET /else", b"").await.0, 404);
    assert_eq!(running.ask("GET /readyz", b"").await, (200, "ok".to_owned()));
    assert_eq!(running.ask("GET /healthz", b"").await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn slow_clients_are_not_waited_for() {
    let running = start(Limits { patience: Duration::from_millis(200), connections: 2, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(&running.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "no handshake");

    let mut headers = running.connect().await;
    headers.write_all(b"POST /admit HTTP/1.1\r\n").await.unwrap();
    let (status, _) = answer(&mut headers).await;
    assert!(matches!(status, 0 | 408), "{status}");

    let mut bodies = running.connect().await;
    let head = "POST /admit HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    bodies.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut bodies).await.0, 408);

    let _held = [running.connect().await, running.connect().await];
    let mut third = TcpStream::connect(&running.address).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0, "one connection too many");
}

#[tokio::test]
async fn requests_beyond_the_limit_are_turned_away() {
    let running = start(Limits { requests: 1, ..Limits::default() }).await;
    let mut occupied = running.connect().await;
    let head = "POST /admit HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    occupied.write_all(head.as_bytes()).await.unwrap();
    let turned_away = async {
        while running.admit(&create()).await.0 != 429 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), turned_away).await.unwrap();
    drop(occupied);
    let admitted = async {
        while running.admit(&create()).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), admitted).await.unwrap();
}

#[tokio::test]
async fn a_stop_is_announced_and_finishes_what_is_in_flight() {
    let running = start(Limits::default()).await;
    let body = create();
    let mut open = running.connect().await;
    let head = format!(
        "POST /admit HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    open.write_all(head.as_bytes()).await.unwrap();
    let Running { address, client, stop, server } = running;
    stop.send(()).unwrap();
    let (again, _) = oneshot::channel();
    let running = Running { address, client, stop: again, server };
    while running.ask("GET /readyz", b"").await.0 != 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.admit(&body).await.0, 200, "it still serves");
    tokio::time::sleep(Duration::from_millis(400)).await;
    open.write_all(&body).await.unwrap();
    assert_eq!(answer(&mut open).await.0, 200, "the request in flight is answered");
    running.server.await.unwrap();
    assert!(TcpStream::connect(&running.address).await.is_err());
}
