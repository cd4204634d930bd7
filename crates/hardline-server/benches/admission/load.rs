//! Whole servers under load.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use hardline_server::tls::roots;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::quantile;
use crate::reviews::reviews;

/// Connections of the API server.
const CONNECTIONS: usize = 8;

/// How long each load lasts.
const LASTS: Duration = Duration::from_secs(2);

/// How often each server is loaded; the middle counts.
const ROUNDS: usize = 5;

/// A server in a process of its own.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    /// In PEM.
    pub(crate) certificate: String,
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
    /// All servers that there are, by name.
    pub(crate) fn all() -> Vec<(&'static str, Self)> {
        let own = |name| {
            let mut command = Command::new(env::current_exe().expect("this program is a file"));
            command.arg(name);
            command
        };
        let mut servers = vec![("trivial", Self::start(own("trivial"))), ("hardline", Self::start(own("hardline")))];
        let go = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/trivial-webhook"));
        if go.exists() {
            servers.push(("trivial in Go", Self::start(Command::new(go))));
        } else {
            println!("trivial in Go: not built, `cargo xtask tools` builds it");
        }
        servers
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
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
        Self { child, address, certificate, client: TlsConnector::from(Arc::new(client)) }
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
        let count = took.len() as f64;
        let processor = (self.processor_time() - before) * 1e6 / count;
        Load { per_second: count / elapsed, p50: quantile(&took, 0.5), p99: quantile(&took, 0.99), processor }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already only has to be waited for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// All servers in turns, so that what else the machine does meets all.
pub(crate) fn measure() {
    let runtime = tokio::runtime::Runtime::new().expect("it starts");
    runtime.block_on(async {
        let servers = Running::all();
        println!(
            "{:<42} {:>10} {:>10} {:>10} {:>12} {:>8}",
            "servers", "per second", "p50", "p99", "processor", "memory"
        );
        for (kind, body) in reviews() {
            let body = Bytes::from(body);
            let most = measure_load(&servers, kind, &body, None).await;
            // Half of what hardline can, which all others can as well.
            measure_load(&servers, kind, &body, Some(most / 2.0)).await;
        }
    });
}

/// Measures each server under a load, and gives the requests that the slowest answered each second.
async fn measure_load(servers: &[(&'static str, Running)], kind: &str, body: &Bytes, per_second: Option<f64>) -> f64 {
    let mut rounds: Vec<Vec<Load>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (rounds, (_, server)) in rounds.iter_mut().zip(servers) {
            rounds.push(server.load(body, per_second).await);
        }
    }
    let load = if per_second.is_some() { "half load" } else { "as fast as it goes" };
    let mut least = f64::INFINITY;
    for (rounds, (name, server)) in rounds.iter().zip(servers) {
        let middle = |of: fn(&Load) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.5)
        };
        let per_second = middle(|load| load.per_second);
        least = least.min(per_second);
        println!(
            "{:<42} {per_second:>10.0} {:>7.0} us {:>7.0} us {:>9.0} us {:>5.1} MB",
            format!("{kind}, {load}: {name}"),
            middle(|load| load.p50),
            middle(|load| load.p99),
            middle(|load| load.processor),
            server.resident(),
        );
    }
    least
}
