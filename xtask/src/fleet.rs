//! What it costs to watch a large fleet on a real control plane.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hardline_controlplane::ControlPlane;
use hardline_controlplane::fleet::Fleet;
use serde_json::json;

use crate::root;

/// Pods of a deployment.
const PODS: usize = 100;
/// Deployments of a namespace.
const DEPLOYMENTS: usize = 10;
/// Nodes that kwok plays.
const NODES: usize = 50;

/// Makes at least so many pods, and measures a hardline that watches them: the one given, or one that is built.
pub(crate) fn run(pods: usize, program: Option<&Path>) -> anyhow::Result<()> {
    let built = root().join("target/release/hardline");
    if program.is_none() {
        let status = Command::new("cargo").args(["build", "--release"]).current_dir(root()).status()?;
        ensure!(status.success(), "hardline does not build");
    }
    let plane = ControlPlane::setup().nodes(NODES).start()?;
    let namespaces = pods.div_ceil(PODS * DEPLOYMENTS);
    let started = Instant::now();
    for at in 0..namespaces {
        let namespace = format!("team-{at}");
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        plane.expect("POST", "/api/v1/namespaces", Some(&object))?;
        Fleet { namespace: &namespace, deployments: DEPLOYMENTS, pods: PODS, nodes: NODES }.create(&plane)?;
    }
    println!("{} pods made in {:.0} s", namespaces * DEPLOYMENTS * PODS, started.elapsed().as_secs_f64());

    let started = Instant::now();
    let dashboard = Dashboard::start(program.unwrap_or(&built), &plane)?;
    dashboard.until("/", |page| page.contains("id=\"checklist\""))?;
    println!("read and judged in {:.2} s", started.elapsed().as_secs_f64());
    dashboard.say_memory()?;
    for (page, path) in [("overview", "/"), ("namespace", "/namespaces/team-0"), ("findings", "/findings")] {
        let started = Instant::now();
        let length = dashboard.get(path)?.len();
        println!("{page}: {:.0} ms, {} KB", started.elapsed().as_secs_f64() * 1000.0, length / 1000);
    }
    let container = json!({"name": "app", "image": "app:1.4", "securityContext": {"privileged": true}});
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug"}, "spec": {"containers": [container]}});
    let started = Instant::now();
    plane.expect("POST", "/api/v1/namespaces/team-0/pods", Some(&pod))?;
    dashboard.until("/namespaces/team-0/Pod/debug", |page| page.contains("container-privileged"))?;
    println!("a privileged pod is shown after {:.2} s", started.elapsed().as_secs_f64());
    dashboard.say_memory()
}

/// `hardline audit -A --serve`. It ends with this.
struct Dashboard {
    child: Child,
    address: String,
}

impl Dashboard {
    fn start(program: &Path, plane: &ControlPlane) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["audit", "-A", "--no-config", "--serve", "127.0.0.1:0"]);
        let mut child = command.env("KUBECONFIG", plane.kubeconfig()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("standard error is piped")?).lines();
        let told = |line: String| Some(line.split_once("http://")?.1.split(' ').next()?.to_owned());
        let address = lines.by_ref().map_while(Result::ok).find_map(told);
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address: address.context("hardline does not serve")? })
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    fn until(&self, path: &str, shows: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_mins(5);
        while !shows(&self.get(path)?) {
            ensure!(Instant::now() < deadline, "{path} does not show it");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What Linux says of its memory.
    fn say_memory(&self) -> anyhow::Result<()> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("this needs Linux")?;
        let lines = status.lines().filter(|line| line.starts_with("VmRSS:") || line.starts_with("VmHWM:"));
        println!(
            "{}",
            lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
        );
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
