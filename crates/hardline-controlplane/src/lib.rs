//! Real Kubernetes control planes for tests: etcd and kube-apiserver, and on demand the scheduler,
//! the controllers, and nodes that kwok plays.
//!
//! ```no_run
//! use hardline_controlplane::ControlPlane;
//!
//! let plane = ControlPlane::setup().controllers().scheduler().nodes(3).start()?;
//! plane.kubectl(&["apply", "-f", "examples/3am"]).status()?;
//! # anyhow::Ok(())
//! ```
//!
//! Each control plane has its own ports, folder, authority and users, so that tests run beside each
//! other. All its processes end when it is dropped, and also when the process that started it ends
//! in any other way; a static may hold one. When a test that holds one fails, its logs stay.

mod arguments;
mod client;
mod files;
pub mod fleet;
mod processes;
mod programs;

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

use client::Client;
pub use client::Response;
use files::User;
use processes::{Group, Process};
pub use programs::{cargo, program, tool};

/// How often a control plane is started on other ports when somebody else has taken the first.
const ATTEMPTS: u32 = 3;

/// Ports below those that systems give to outgoing connections, so that a port is still free when
/// its program is started again.
const PORTS: Range<u16> = 20_000..30_000;

/// What a control plane consists of; see [`ControlPlane::setup`].
#[derive(Debug, Clone)]
pub struct Setup {
    scheduler: bool,
    controllers: bool,
    nodes: usize,
    kubernetes: Option<String>,
    apiserver: Vec<String>,
    users: Vec<(String, Vec<String>)>,
    deadline: Duration,
}

/// A running control plane.
pub struct ControlPlane {
    processes: Mutex<Vec<Process>>,
    /// After the processes, so that it is dropped after them.
    group: Group,
    server: String,
    apiserver: Apiserver,
    kubectl: PathBuf,
    users: Vec<User>,
    client: Client,
    deadline: Duration,
}

/// How its API server is started.
struct Apiserver {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Setup {
    /// With the scheduler.
    #[must_use]
    pub fn scheduler(mut self) -> Self {
        self.scheduler = true;
        self
    }

    /// With all controllers of kube-controller-manager, each under its own service account.
    /// Without them there are no service accounts, and the API server asks for none.
    #[must_use]
    pub fn controllers(mut self) -> Self {
        self.controllers = true;
        self
    }

    /// With nodes `node-0`, `node-1`… in the zones `zone-0` to `zone-2`, on which kwok plays the
    /// kubelet: Pods that are bound to them become ready at once.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = count;
        self
    }

    /// With the API server of another version, such as `1.34`.
    #[must_use]
    pub fn kubernetes(mut self, version: &str) -> Self {
        self.kubernetes = Some(version.to_owned());
        self
    }

    /// With a further argument of kube-apiserver, such as `--enable-admission-plugins=…`. It wins over
    /// a default; arguments that take lists add up.
    #[must_use]
    pub fn apiserver(mut self, argument: &str) -> Self {
        self.apiserver.push(argument.to_owned());
        self
    }

    /// With a user, who may do nothing that RBAC does not grant.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users.push((name.to_owned(), groups.iter().map(|&group| group.to_owned()).collect()));
        self
    }

    /// With another deadline than two minutes for it to become ready.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts it, and waits until it is ready: the API server answers, the default namespace exists;
    /// with controllers, its service account; all nodes are ready.
    ///
    /// # Errors
    /// When a program is missing or ends, or the deadline passes, with the end of its log.
    pub fn start(self) -> anyhow::Result<ControlPlane> {
        let mut attempt = 1;
        loop {
            match ControlPlane::run(&self) {
                Err(error) if attempt < ATTEMPTS && error.to_string().contains("address already in use") => {
                    attempt += 1;
                }
                result => return result.context("the control plane does not start"),
            }
        }
    }
}

impl ControlPlane {
    /// What to start; by itself only etcd and kube-apiserver.
    pub fn setup() -> Setup {
        Setup {
            scheduler: false,
            controllers: false,
            nodes: 0,
            kubernetes: None,
            apiserver: Vec::new(),
            users: Vec::new(),
            deadline: Duration::from_mins(2),
        }
    }

    /// Starts etcd and kube-apiserver.
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub fn start() -> anyhow::Result<Self> {
        Self::setup().start()
    }

    fn run(setup: &Setup) -> anyhow::Result<Self> {
        let group = Group::new()?;
        let folder = group.folder();
        let users = setup.users.iter().map(|(name, groups)| User::new(name, groups));
        let users = [
            User::new("admin", &["system:masters".to_owned()]),
            User::new("system:kube-controller-manager", &[]),
            User::new("system:kube-scheduler", &[]),
        ]
        .into_iter()
        .chain(users)
        .collect::<Vec<_>>();
        let [port, etcd, peer] = free_ports()?;
        let server = format!("https://127.0.0.1:{port}");
        let authority = files::write(folder, &server, &users)?;

        let apiserver = Apiserver {
            program: program("kube-apiserver", setup.kubernetes.as_deref())?,
            arguments: arguments::apiserver(port, etcd, setup),
        };
        let processes = Mutex::new(vec![
            group.spawn("etcd", Command::new(program("etcd", None)?).args(arguments::etcd(etcd, peer)))?,
            apiserver.start(&group)?,
        ]);
        let client = Client::new(&server, &users[0].token, &authority);
        let kubectl = program("kubectl", None)?;
        let plane = Self { processes, group, server, apiserver, kubectl, users, client, deadline: setup.deadline };
        plane.until("the API server is ready", Self::is_ready)?;
        plane.add(setup)?;
        Ok(plane)
    }

    /// Adds what works on the API server.
    fn add(&self, setup: &Setup) -> anyhow::Result<()> {
        let parts: [(bool, &'static str, &[&str]); 3] = [
            (setup.controllers, "kube-controller-manager", &arguments::CONTROLLERS),
            (setup.scheduler, "kube-scheduler", &arguments::SCHEDULER),
            (setup.nodes > 0, "kwok", &arguments::KWOK),
        ];
        for (_, name, arguments) in parts.into_iter().filter(|(wanted, ..)| *wanted) {
            let process = self.group.spawn(name, Command::new(program(name, None)?).args(arguments))?;
            self.processes().push(process);
        }
        for index in 0..setup.nodes {
            self.expect("POST", "/api/v1/nodes", Some(&node(index)))?;
        }
        self.until("the nodes are ready", |plane| plane.ready_nodes() == setup.nodes)?;
        if setup.controllers {
            let account = "/api/v1/namespaces/default/serviceaccounts/default";
            self.until("the default service account exists", |plane| plane.client.succeeds(account))?;
        }
        Ok(())
    }

    /// Where the API server listens: `https://127.0.0.1:PORT`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Its files and logs, which are removed with it.
    pub fn folder(&self) -> &Path {
        self.group.folder()
    }

    /// The group of its processes. A process that is started in it ends with them, also when the test
    /// is killed.
    pub fn process_group(&self) -> i32 {
        self.group.id()
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of("admin")
    }

    /// The kubeconfig of a user of the setup.
    ///
    /// # Panics
    /// When the setup names no such user.
    pub fn kubeconfig_of(&self, name: &str) -> PathBuf {
        let user = self.users.iter().find(|user| user.name == name);
        user.unwrap_or_else(|| panic!("the control plane has no user {name}")).kubeconfig(self.folder())
    }

    /// kubectl as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        self.kubectl_as("admin", arguments)
    }

    /// kubectl as a user of the setup.
    ///
    /// # Panics
    /// As [`kubeconfig_of`](Self::kubeconfig_of).
    pub fn kubectl_as(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig_of(user)).args(arguments);
        // kubectl caches by the server's address, which other control planes may have had.
        command.env("KUBECACHEDIR", self.folder().join("cache"));
        command
    }

    /// Helm as the administrator.
    ///
    /// # Errors
    /// When there is no Helm and it cannot be built.
    pub fn helm(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(tool("helm")?);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.folder().join("helm"));
        }
        Ok(command)
    }

    /// Asks the API server, as the administrator; PATCH merges. A status such as 403 is an answer, not
    /// an error.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn request(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Response> {
        self.client.request(method, path, body)
    }

    /// As [`request`](Self::request), and gives the body.
    ///
    /// # Errors
    /// When there is no answer, or none of success.
    pub fn expect(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        self.client.expect(method, path, body)
    }

    /// Stops etcd, as a stalled disk would, until [`resume_etcd`](Self::resume_etcd).
    ///
    /// # Errors
    /// When etcd has ended.
    pub fn pause_etcd(&self) -> anyhow::Result<()> {
        named(&mut self.processes(), "etcd").pause()
    }

    /// Lets a paused etcd go on.
    ///
    /// # Errors
    /// When etcd has ended.
    pub fn resume_etcd(&self) -> anyhow::Result<()> {
        named(&mut self.processes(), "etcd").signal(Signal::CONT)
    }

    /// Ends the API server in order, starts it again on the same port, and waits until it is ready.
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub fn restart_apiserver(&self) -> anyhow::Result<()> {
        let mut processes = self.processes();
        let apiserver = named(&mut processes, "kube-apiserver");
        apiserver.signal(Signal::TERM)?;
        apiserver.wait()?;
        *apiserver = self.apiserver.start(&self.group)?;
        drop(processes);
        self.until("the API server is ready again", Self::is_ready)
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not hold before the deadline of the setup, or a process has ended.
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.deadline;
        while !holds(self) {
            let mut processes = self.processes();
            processes.iter_mut().try_for_each(Process::check)?;
            if Instant::now() > deadline {
                let logs: Vec<String> = processes.iter().map(Process::tail).collect();
                bail!("after {:?} it does not hold that {what}\n{}", self.deadline, logs.join("\n"));
            }
            drop(processes);
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self) -> bool {
        self.client.succeeds("/readyz") && self.client.succeeds("/api/v1/namespaces/default")
    }

    fn ready_nodes(&self) -> usize {
        let Ok(list) = self.expect("GET", "/api/v1/nodes", None) else { return 0 };
        let is_ready = |node: &&Json| {
            let conditions = node["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
        };
        list["items"].as_array().map_or(0, |nodes| nodes.iter().filter(is_ready).count())
    }
}

impl Apiserver {
    fn start(&self, group: &Group) -> anyhow::Result<Process> {
        group.spawn("kube-apiserver", Command::new(&self.program).args(&self.arguments))
    }
}

/// One of the processes that every control plane has.
fn named<'p>(processes: &'p mut [Process], name: &str) -> &'p mut Process {
    processes.iter_mut().find(|process| process.name() == name).expect("every control plane has it")
}

/// A random number, from the seed that hash maps get.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// Ports of this machine that nobody listens on. Random, so that programs that choose at the same
/// time choose others.
///
/// # Errors
/// When there are not so many.
pub fn free_ports<const COUNT: usize>() -> anyhow::Result<[u16; COUNT]> {
    let count = u64::from(PORTS.end - PORTS.start);
    let start = random() % count;
    let ports = (0..count).map(|step| PORTS.start + u16::try_from((start + step) % count).unwrap_or_default());
    let free = ports.filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.take(COUNT).collect::<Vec<_>>().try_into().ok().context("no free port")
}

/// A node that kwok makes ready. What it offers is large, so that only those who ask for it run into
/// its limits.
fn node(index: usize) -> Json {
    let name = format!("node-{index}");
    let offer = json!({"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": format!("zone-{}", index % 3),
            },
        },
        "status": {"capacity": offer, "allocatable": offer},
    })
}
