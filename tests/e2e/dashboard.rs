//! The dashboard in a real browser, over a real control plane.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use hardline_controlplane::{ControlPlane, free_ports};

use crate::browser::{Browser, LOOKS};
use crate::run::{hardline, root, run, run_with};
use crate::server::{self, Server};

/// A dashboard that is served. It ends with this.
struct Dashboard {
    child: Child,
    address: String,
}

impl Dashboard {
    /// Starts a command, and waits until it says where the dashboard is.
    fn start(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let mut command = hardline(arguments);
        command.env("KUBECONFIG", plane.kubeconfig()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once("serving: ")?.1.split(' ').next()?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pages that everybody gets to, and what they are called as pictures.
const PAGES: [(&str, &str); 11] = [
    ("overview", "/"),
    ("namespaces", "/namespaces"),
    ("namespace", "/namespaces/shop"),
    ("workload", "/namespaces/shop/Deployment.apps/checkout"),
    ("network", "/network"),
    ("findings", "/findings"),
    ("changes", "/changes"),
    ("exemptions", "/exemptions"),
    ("rules", "/rules"),
    ("rule", "/rules/probe-liveness-calls-dependency"),
    ("coverage", "/coverage"),
];

fn incident(plane: &ControlPlane) {
    let manifests = root().join("examples/3am");
    run(plane.kubectl(&["apply", "-f"]).arg(manifests.join("namespace.yaml"))).succeeds();
    let account = "/api/v1/namespaces/shop/serviceaccounts/default";
    plane.until("its service account exists", |plane| plane.expect("GET", account, None).is_ok()).unwrap();
    run(plane.kubectl(&["apply", "-f"]).arg(manifests)).succeeds();
}

const PRIVILEGED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: debug-me, namespace: shop}
spec:
  containers:
    - name: shell
      image: registry.example.com/shell:1.4
      securityContext: {privileged: true}
";

#[test]
fn a_cluster_is_walked_through_and_seen_to_change() {
    let plane = ControlPlane::setup().controllers().start().unwrap();
    incident(&plane);
    let dashboard = Dashboard::start(&plane, &["audit", "-A", "--no-config", "--serve", "127.0.0.1:0"]);
    let mut browser = Browser::start();

    // From the whole to a line, by clicks.
    browser.open(&dashboard.at("/"));
    browser.until("document.querySelectorAll('.lines > li').length === 10");
    browser.until("document.getElementById('beat').dataset.live === 'yes'");
    browser.click(".worst a", "shop");
    browser.says("1 of 2 workloads");
    browser.click(".list a", "checkout");
    browser.says("memory request 256Mi is below the heap of 2Gi");
    assert_eq!(browser.evaluate("document.querySelector('.finding.high mark').innerText.includes('-Xmx2g')"), true);
    browser.click(".more a", "About heap-exceeds-request");
    browser.says("exempt.hardline.dev/heap-exceeds-request");

    // From a workload to who can reach it, into the network, and back.
    browser.open(&dashboard.at("/namespaces/shop/StatefulSet.apps/orders-db"));
    browser.says("Who can reach it");
    browser.says("0 of 1 workloads");
    browser.click("main a", "Show it in the network");
    browser.until("document.querySelector('#panel h2')?.innerText === 'shop/orders-db'");
    browser.says("from shop/checkout on TCP 5432");
    browser.press("Escape");
    browser.until("document.querySelector('#panel h2').innerText.startsWith('2 workloads')");
    browser.press("/");
    browser.write("shop/checkout");
    browser.press("Enter");
    browser.until("location.hash === '#shop/checkout'");
    browser.until("document.querySelectorAll('#graph .node.self').length === 1");
    // What is chosen stays so while other things change.
    browser.evaluate("document.activeElement.blur()");
    run(&mut plane.kubectl(&["-n", "shop", "delete", "networkpolicy", "--all"])).succeeds();
    browser.until("document.querySelector('#panel h3')?.innerText.startsWith('At once')");
    assert_eq!(browser.evaluate("document.querySelector('#panel h2').innerText"), "shop/checkout");
    run(plane.kubectl(&["apply", "-f"]).arg(root().join("examples/3am/network.yaml"))).succeeds();
    browser.click("#panel h2 a", "shop/checkout");
    browser.says("memory request 256Mi is below the heap of 2Gi");

    // A filter is an address, and is reached by keys.
    browser.open(&dashboard.at("/findings"));
    browser.press("Tab");
    assert_eq!(browser.evaluate("document.activeElement.className"), "skip");
    browser.press("/");
    browser.write("liveness checkout");
    browser.press("Enter");
    browser.until("location.search.includes('text=liveness+checkout')");
    browser.says("names a database");
    let others = "[...document.querySelectorAll('.finding')].filter((it) => !it.innerText.includes('liveness')).length";
    assert_eq!(browser.evaluate(others), 0);
    browser.press("j");
    browser.press("Enter");
    browser.until("document.querySelector('.finding[open]')");

    // A change shows without a reload, and what is open stays open.
    browser.open(&dashboard.at("/namespaces/shop"));
    browser.evaluate("window.sameDocument = true");
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), PRIVILEGED).succeeds();
    browser.says("debug-me");
    browser.until("document.getElementById('said').innerText.includes('Updated')");
    assert_eq!(browser.evaluate("window.sameDocument"), true);
    browser.open(&dashboard.at("/changes"));
    browser.says("container shell runs privileged");

    // Somebody answers for it, for a while, and then not any more.
    browser.open(&dashboard.at("/exemptions"));
    browser.says("Nothing is exempted");
    let exempt = |until: &str| {
        let value = format!("exempt.hardline.dev/container-privileged=debugging; owner=ada; until={until}");
        run(&mut plane.kubectl(&["annotate", "--overwrite", "-n", "shop", "pod", "debug-me", &value])).succeeds();
    };
    exempt("2999-01-31");
    browser.says("days left");
    browser.picture("exemptions-running");
    exempt("2020-01-31");
    browser.says("Ended");
    browser.picture("exemptions-ended");

    // Every page can be seen and used by everybody, in any window.
    for look in LOOKS {
        browser.look(look);
        for (name, path) in PAGES {
            browser.open(&dashboard.at(path));
            browser.picture(&format!("{name}-{}", look.name));
            let problems = browser.evaluate(include_str!("dashboard/accessible.js"));
            assert_eq!(problems, serde_json::json!([]), "{name}, {}", look.name);
        }
    }
    assert_eq!(browser.complaints, [] as [String; 0]);
}

/// A token of an account that may list the pods of its namespace.
fn token(plane: &ControlPlane) -> String {
    for arguments in [
        &["create", "serviceaccount", "ada"][..],
        &["create", "role", "reader", "--verb=list", "--resource=pods"],
        &["create", "rolebinding", "reader", "--role=reader", "--serviceaccount=shop:ada"],
    ] {
        run(plane.kubectl(arguments).args(["--namespace", "shop"])).succeeds();
    }
    run(&mut plane.kubectl(&["create", "token", "ada", "--namespace", "shop"])).succeeds().stdout.trim().to_owned()
}

#[test]
fn people_log_in_and_see_what_they_may_and_what_is_refused() {
    let plane = ControlPlane::setup().controllers().start().unwrap();
    server::install(&plane);
    incident(&plane);
    run(&mut plane.kubectl(&["create", "namespace", "bank"])).succeeds();
    let token = token(&plane);
    let [port] = free_ports().unwrap();
    let listen = format!("--dashboard=127.0.0.1:{port}");
    let mut server = Server::start(&plane, &[&listen, "--enforcement=deny", "--failure-policy=fail"]);
    server.until("it has judged the cluster", |it| it.metric("hardline_standing_timestamp_seconds") > 0.0);
    let at = |path: &str| format!("http://localhost:{port}{path}");
    let mut browser = Browser::start();

    // Nobody gets in without a token that the cluster takes, and then to the page that they wanted.
    browser.open(&at("/"));
    browser.says("Log in");
    browser.picture("login");
    assert_eq!(browser.evaluate(include_str!("dashboard/accessible.js")), serde_json::json!([]));
    let log_in = |browser: &mut Browser, token: &str| {
        browser.until("document.activeElement?.id === 'token'");
        browser.write(token);
        browser.press("Enter");
    };
    log_in(&mut browser, "nonsense");
    browser.says("does not take this token");
    log_in(&mut browser, &token);
    browser.says("of workloads are clean");
    browser.says("1 namespace");
    assert!(browser.text().contains("system:serviceaccount:shop:ada"));

    // What is refused shows while one looks; what is refused elsewhere does not.
    browser.open(&at("/admissions"));
    browser.says("Nothing was refused");
    browser.until("document.getElementById('beat').dataset.live === 'yes'");
    for namespace in ["bank", "shop"] {
        let pod = PRIVILEGED.replace("namespace: shop", &format!("namespace: {namespace}"));
        let refused = run_with(&mut plane.kubectl(&["create", "-f", "-"]), &pod);
        assert!(refused.stderr.contains("is refused"), "{}", refused.stderr);
    }
    browser.says("container-privileged");
    browser.says("1 request");
    assert!(!browser.text().contains("bank"));
    for look in LOOKS {
        browser.look(look);
        browser.open(&at("/admissions"));
        browser.picture(&format!("admissions-{}", look.name));
        assert_eq!(browser.evaluate(include_str!("dashboard/accessible.js")), serde_json::json!([]), "{}", look.name);
    }
    for hidden in ["/namespaces/bank", "/namespaces/bank/Pod/debug-me"] {
        browser.open(&at(hidden));
        browser.says("Nothing here");
    }
    browser.click("button", "Log out");
    browser.says("Log in");
}
