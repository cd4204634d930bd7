//! `hardline serve` as a process beside a control plane, under the rights that `hardline install` gives
//! it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hardline_controlplane::{ControlPlane, free_ports};
use serde_json::{Value as Json, json};

use crate::run::{hardline, root, run, run_with};

/// How long anything may take that takes a moment.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. It ends with this.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// The port of reviews.
    pub(crate) port: u16,
    /// The port of probes and metrics.
    pub(crate) probes: u16,
    log: PathBuf,
}

/// Installs hardline, but for its pods, which the tests play, and the second wall, which would speak
/// first. Writes the server's kubeconfig.
pub(crate) fn install(plane: &ControlPlane) {
    install_with(plane, &["--no-config"]);
}

/// The same, with these arguments.
pub(crate) fn install_with(plane: &ControlPlane, arguments: &[&str]) {
    let print = [&["install", "--image=registry.example.com/hardline:0.1.0"], arguments].concat();
    let text = run(&mut hardline(&print)).succeeds().stdout;
    let is_left_out = |object: &str| {
        let is = |kind: &str| object.contains(&format!("\nkind: {kind}"));
        is("Deployment") || is("ValidatingAdmissionPolicy") && !object.contains("name: hardline-break-glass\n")
    };
    let objects = text.split_inclusive("---\n").filter(|object| !is_left_out(object));
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), &objects.collect::<String>()).succeeds();
    let token = ["create", "token", "hardline", "--namespace=hardline-system", "--duration=1h"];
    let token = run(&mut plane.kubectl(&token)).succeeds().stdout;
    // JSON is YAML.
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "hardline"}}],
        "clusters": [{"name": "test", "cluster": {
            "server": plane.server(),
            "certificate-authority": plane.folder().join("ca.crt"),
        }}],
        "users": [{"name": "hardline", "user": {"token": token.trim()}}],
    });
    fs::write(kubeconfig_of(plane), kubeconfig.to_string()).unwrap();
}

fn kubeconfig_of(plane: &ControlPlane) -> PathBuf {
    plane.folder().join("hardline.kubeconfig")
}

/// Where the webhooks are registered.
pub(crate) const CONFIGURATION: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hardline";

/// The webhooks that are registered.
pub(crate) fn registered(plane: &ControlPlane) -> Vec<Json> {
    plane.expect("GET", CONFIGURATION, None).unwrap()["webhooks"].as_array().cloned().unwrap_or_default()
}

/// The command that serves a control plane where hardline is installed, on these ports, called by the API
/// server at another.
fn command(plane: &ControlPlane, [port, probes, called]: [u16; 3], arguments: &[&str]) -> Command {
    let mut command = hardline(&["serve"]);
    let is_given = |name: &str| arguments.iter().any(|argument| argument.starts_with(name));
    let defaults = [
        ("--certificate", "--certificate-secret=hardline-tls"),
        ("--stop-delay", "--stop-delay=1"),
        ("--config", "--no-config"),
    ];
    command.args(defaults.iter().filter(|(name, _)| !is_given(name)).map(|(_, default)| default));
    command
        .arg(format!("--listen=127.0.0.1:{port}"))
        .arg(format!("--probes=127.0.0.1:{probes}"))
        .arg(format!("--url=https://127.0.0.1:{called}"))
        .args(arguments)
        .env("KUBECONFIG", kubeconfig_of(plane))
        .env("POD_NAME", format!("replica-{port}"));
    command
}

impl Server {
    /// Starts a server that the API server calls itself, and waits until it is ready.
    pub(crate) fn start(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let [port, probes] = free_ports().unwrap();
        Self::spawn(plane, [port, probes], &mut command(plane, [port, probes, port], arguments))
    }

    /// Starts a replica that the API server calls at another port, and waits until it is ready.
    pub(crate) fn start_behind(plane: &ControlPlane, called: u16, arguments: &[&str]) -> Self {
        let [port, probes] = free_ports().unwrap();
        Self::spawn(plane, [port, probes], &mut command(plane, [port, probes, called], arguments))
    }

    /// Starts a server as the first process of its own space of processes, as in a container.
    pub(crate) fn start_as_process_1(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let [port, probes] = free_ports().unwrap();
        let inner = command(plane, [port, probes, port], arguments);
        let mut outer = Command::new("unshare");
        outer.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]);
        outer.arg(inner.get_program()).args(inner.get_args()).current_dir(root());
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::spawn(plane, [port, probes], &mut outer)
    }

    fn spawn(plane: &ControlPlane, [port, probes]: [u16; 2], command: &mut Command) -> Self {
        let log = plane.folder().join(format!("hardline-{port}.log"));
        let child = command
            .stdin(Stdio::null())
            .stdout(fs::File::create(log.with_extension("jsonl")).unwrap())
            .stderr(fs::File::create(&log).unwrap());
        let child = child.process_group(plane.process_group());
        let mut server = Self { child: child.spawn().unwrap(), port, probes, log };
        server.until("it is ready", |server| is_ready(server.probes));
        server
    }

    /// Waits until something holds, as long as the server runs.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "not so: {what}: {ended:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The lines of its ledger.
    pub(crate) fn ledger(&self) -> Vec<Json> {
        let text = fs::read_to_string(self.log.with_extension("jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What it has counted and measured.
    pub(crate) fn metrics(&self) -> String {
        get(self.probes, "/metrics").unwrap().1
    }

    /// The sum of all series that begin so.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.metrics();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already only has to be waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the log of the server on port {}:\n{}", self.port, self.log());
        }
    }
}

/// Whether the server with these probes says that it is ready.
pub(crate) fn is_ready(probes: u16) -> bool {
    get(probes, "/readyz").is_some_and(|(status, _)| status == 200)
}

/// Status and body of an answer, if there is one.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A Service with two replicas or three: sends each connection to one that is ready, as kube-proxy
/// does. Connections that are open stay where they are.
pub(crate) struct Service {
    pub(crate) port: u16,
    endpoints: Arc<Mutex<Vec<Endpoint>>>,
}

#[derive(Clone, Copy, PartialEq)]
struct Endpoint {
    port: u16,
    probes: u16,
    is_ready: bool,
}

impl Service {
    pub(crate) fn start() -> Self {
        let [port] = free_ports().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let endpoints: Arc<Mutex<Vec<Endpoint>>> = Arc::default();
        let watched = endpoints.clone();
        thread::spawn(move || {
            loop {
                let known = watched.lock().unwrap().clone();
                for endpoint in known {
                    let is_ready = is_ready(endpoint.probes);
                    let mut endpoints = watched.lock().unwrap();
                    endpoints.iter_mut().filter(|it| it.port == endpoint.port).for_each(|it| it.is_ready = is_ready);
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        let chosen = endpoints.clone();
        thread::spawn(move || {
            let mut turn = 0;
            for client in listener.incoming().map_while(Result::ok) {
                turn += 1;
                let ready: Vec<_> = chosen.lock().unwrap().iter().copied().filter(|it| it.is_ready).collect();
                let Some(endpoint) = ready.get(turn % ready.len().max(1)) else { continue };
                let Ok(server) = TcpStream::connect(("127.0.0.1", endpoint.port)) else { continue };
                pass(&client, &server);
                pass(&server, &client);
            }
        });
        Self { port, endpoints }
    }

    /// Sends to a replica as well, once it is ready.
    pub(crate) fn add(&self, server: &Server) {
        let (port, probes) = (server.port, server.probes);
        self.endpoints.lock().unwrap().push(Endpoint { port, probes, is_ready: true });
    }

    /// Waits until it has noticed that a replica is not ready any more.
    pub(crate) fn until_left(&self, server: &Server) {
        while self.endpoints.lock().unwrap().iter().any(|it| it.port == server.port && it.is_ready) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Passes on what one says to the other until it is silent.
fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // A connection that breaks ends for both.
        let passed = io::copy(&mut from, &mut to);
        let _ = to.shutdown(if passed.is_ok() { Shutdown::Write } else { Shutdown::Both });
    });
}
