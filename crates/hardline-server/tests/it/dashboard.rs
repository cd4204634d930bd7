//! The dashboard as browsers ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hardline_controlplane::ControlPlane;
use hardline_server::dashboard::Dashboard;
use hardline_server::dashboard::access::{Access, Tokens};
use hardline_server::ledger::Ledger;
use hardline_server::metrics::Metrics;
use hardline_server::snapshot::Snapshot;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::snapshot::{incident, snapshot};
use crate::support::{NOW, cluster, decide, request, review};

/// A dashboard that is served.
struct Served {
    address: String,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    ledger: Arc<Ledger>,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

async fn serve(snapshot: Option<Snapshot>, access: Access) -> Served {
    serve_with(snapshot, access, Ledger::new(Arc::new(Metrics::default()))).await
}

async fn serve_with(snapshot: Option<Snapshot>, access: Access, ledger: Ledger) -> Served {
    let (publish, snapshots) = watch::channel(snapshot.map(Arc::new));
    let ledger = Arc::new(ledger);
    let dashboard = Arc::new(Dashboard::new(snapshots, access).with_ledger(ledger.clone()));
    let listener = dashboard.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(dashboard.serve(listener, None));
    Served { address, publish, ledger }
}

/// Asks for a privileged pod, which is refused and kept.
fn refuse(ledger: &Ledger, namespace: &str, mark: &str) {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": mark, "namespace": namespace},
        "spec": {"containers": [{"name": mark, "image": mark, "securityContext": {"privileged": true}}]},
    });
    let mut create = request("CREATE", &pod, &Json::Null);
    create["userInfo"]["username"] = json!(mark);
    create["options"] = json!({"fieldManager": mark});
    let review = review(&create);
    let decision = decide(cluster(""), &create);
    assert!(decision.is_refused());
    ledger.record(&review, &decision, NOW);
}

impl Served {
    async fn ask(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn get(&self, path: &str) -> Reply {
        self.get_with(path, "").await
    }

    /// With headers, each ended by a new line.
    async fn get_with(&self, path: &str, headers: &str) -> Reply {
        let host = &self.address;
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n")).await
    }

    async fn post(&self, path: &str, origin: &str, body: &str) -> Reply {
        let (host, length) = (&self.address, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\n");
        self.ask(&format!("{head}content-length: {length}\r\n\r\n{body}")).await
    }

    /// All pages that links lead to.
    async fn crawl(&self) -> BTreeMap<String, Reply> {
        let mut pages = BTreeMap::new();
        let mut ahead = BTreeSet::from(["/".to_owned()]);
        while let Some(path) = ahead.pop_first() {
            let reply = self.get(&path).await;
            for link in links(&reply.body) {
                if !pages.contains_key(&link) && link != path {
                    ahead.insert(link);
                }
            }
            pages.insert(path, reply);
        }
        pages
    }
}

/// Where the links of a page lead to, without their anchors.
fn links(page: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let pages = links.map(|link| link.split('#').next().unwrap().replace("&amp;", "&"));
    pages.filter(|link| !link.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_to_a_page_that_loads_nothing_from_elsewhere() {
    let served = serve(Some(snapshot(&incident("3am"))), Access::Open).await;
    let pages = served.crawl().await;
    assert!(pages.len() > 60, "{}", pages.len());
    for (path, reply) in &pages {
        assert_eq!(reply.status, 200, "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        let cached = reply.header("cache-control").unwrap();
        assert_eq!(cached.contains("no-store"), !path.starts_with("/assets/"), "{path}");
        for foreign in [" style=", " onclick", "<script>", "<style", "http://", "https://"] {
            let about = |it: &str| it.contains("docs") || path.starts_with("/assets/") || path.starts_with("/rules/");
            assert!(!reply.body.contains(foreign) || about(&reply.body), "{path} has {foreign}");
        }
    }
    let findings = pages.keys().filter(|path| path.starts_with("/findings")).count();
    assert!(findings > 20, "{findings}");
    assert!(pages.contains_key("/namespaces/shop/Deployment.apps/checkout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_the_lines_and_no_secrets() {
    let secret = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: example.com/web:latest
          env:
            - name: DB_PASSWORD
              value: swordfish-17
";
    let served = serve(Some(snapshot(secret)), Access::Open).await;
    let page = served.get("/namespaces/shop/Deployment.apps/web").await.body;
    assert!(page.contains("<mark>example.com/web:latest</mark>"), "{page}");
    assert!(page.contains("variable-holds-secret") && page.contains("***"));
    for (path, reply) in served.crawl().await {
        assert!(!reply.body.contains("swordfish"), "{path}");
    }
}

/// Whether a character must not come through as it is.
fn is_special(character: char) -> bool {
    "<>\"&\u{202e}".contains(character)
}

/// Something that may be markup, or the end of some.
fn random_mark(seed: &mut u64) -> String {
    const PARTS: [&str; 16] =
        ["<", ">", "\"", "'", "&", "`", "/", "=", " ", "#", "&#60;", "<!--", "]]>", "{{", "\u{202e}", "%3C"];
    let mut part = || {
        // Knuth's generator: its upper bits are as good as random.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        PARTS[(*seed >> 60) as usize]
    };
    let parts: [_; 6] = std::array::from_fn(|_| part());
    let (before, after) = parts.split_at(4);
    [before, &["x-evil"], after].concat().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_no_markup() {
    // None of these is a name to Kubernetes; a dump may hold anything.
    let marks =
        ["<x-evil>", "\" x-evil=\"", "'x-evil'", "&lt;x-evil&gt;", "</script><x-evil>", "`<x-evil>`", "\u{202e}x-evil"];
    let mut seed = 7;
    let random: Vec<String> = (0..12).map(|_| random_mark(&mut seed)).collect();
    for name in marks.into_iter().chain(random.iter().map(String::as_str)) {
        let mark = serde_json::to_string(name).unwrap();
        let manifest = format!(
            "
apiVersion: v1
kind: Pod
metadata:
  name: {mark}
  namespace: {mark}
  labels: {{a: {mark}}}
  annotations: {{exempt.hardline.dev/image-tag-latest: {mark}}}
spec:
  serviceAccountName: {mark}
  containers:
    - name: {mark}
      image: {mark}
      securityContext: {{privileged: true}}
      env: [{{name: {mark}, value: {mark}}}]
"
        );
        let served = serve(Some(snapshot(&manifest)), Access::Open).await;
        refuse(&served.ledger, name, name);
        let pages = served.crawl().await;
        assert!(pages["/admissions"].body.contains("x-evil"), "{mark}");
        assert!(pages.values().any(|reply| reply.body.contains("x-evil")), "{mark}");
        for (path, reply) in pages {
            assert_eq!(reply.status, 200, "{path}");
            for raw in ["<x-evil", "\" x-evil", "\u{202e}", name].into_iter().filter(|raw| raw.contains(is_special)) {
                assert!(!reply.body.contains(raw), "{path} has {raw:?} of {mark}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_this_machine_is_answered_without_a_token() {
    let served = serve(Some(snapshot(&incident("3am"))), Access::Open).await;
    let host = |host: &str| format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    for (name, status) in [
        ("localhost", 200),
        ("localhost:7357", 200),
        ("[::1]:7357", 200),
        ("127.0.0.1", 200),
        ("evil.example:7357", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ] {
        assert_eq!(served.ask(&host(name)).await.status, status, "{name}");
    }
    let (_, snapshots) = watch::channel(None);
    let open = Dashboard::new(snapshots, Access::Open);
    assert!(open.bind("0.0.0.0:0").await.is_err());
    assert!(open.bind("[::1]:0").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_only_read() {
    let served = serve(Some(snapshot(&incident("3am"))), Access::Open).await;
    let own = format!("http://{}", served.address);
    for path in ["/", "/findings", "/login", "/logout"] {
        assert_eq!(served.post(path, &own, "").await.status, 405, "{path}");
    }
    for path in
        ["/nothing", "/namespaces/none", "/rules/none", "/namespaces/shop/Deployment.apps/none", "/%ff", "/login"]
    {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_and_shown() {
    let served = serve(None, Access::Open).await;
    assert!(served.get("/").await.body.contains("Reading the cluster"));
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let before = snapshot(&incident("3am-fixed"));
    served.publish.send_replace(Some(Arc::new(before)));
    let mut told = async |data: &str| {
        let wait = async { while lines.next_line().await.unwrap().unwrap() != data {} };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect(data);
    };
    told("data: 1").await;

    let before = served.publish.borrow().clone().unwrap();
    let worse = numbered(2, "3am").following(&before);
    let fresh = worse.report.findings.len();
    served.publish.send_replace(Some(Arc::new(worse)));
    told("data: 2").await;
    let page = served.get("/changes").await.body;
    assert!(page.contains(&format!("{fresh} new findings")), "{page}");
    assert!(served.get("/").await.body.contains("Trend"));

    refuse(&served.ledger, "shop", "tool");
    told("data: 3").await;
    let page = served.get("/admissions").await.body;
    assert!(page.contains("1 request") && page.contains("container-privileged"), "{page}");
    assert!(!links(&page).iter().any(|link| link.contains("tool")), "what was refused is not there: {page}");
    assert!(page.contains("data-generation=\"3\""), "{page}");

    let before = served.publish.borrow().clone().unwrap();
    let mended = numbered(3, "3am-fixed").following(&before);
    // What came and went since the beginning is no change.
    let changes = mended.history.changes.as_ref().unwrap();
    assert!(changes.appeared.is_empty() && changes.gone.is_empty(), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_what_the_cluster_lets_them_read() {
    let plane = ControlPlane::setup().user("ada", &["shop-team"]).user("bob", &[]).start().unwrap();
    for arguments in [
        &["create", "namespace", "shop"][..],
        &["create", "role", "reader", "--verb=list", "--resource=pods", "--namespace=shop"],
        &["create", "rolebinding", "team", "--role=reader", "--group=shop-team", "--namespace=shop"],
    ] {
        let output = plane.kubectl(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let tokens = Tokens::new(Client::try_from(config).unwrap());
    let elsewhere =
        incident("3am").replace("namespace: shop", "namespace: bank").replace("name: shop\n", "name: bank\n");
    let role = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: superuser, namespace: shop}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
";
    let manifests = [incident("3am"), elsewhere, role.to_owned()].join("\n---\n");
    let served = serve(Some(snapshot(&manifests)), Access::Tokens(tokens)).await;
    refuse(&served.ledger, "shop", "shop-tool");
    refuse(&served.ledger, "bank", "vault");
    let own = format!("http://{}", served.address);

    // Without a token there is nothing but the form, and the way back.
    let reply = served.get("/namespaces/shop?text=a").await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login?to=%2Fnamespaces%2Fshop%3Ftext%3Da")));
    assert_eq!(served.get("/events").await.status, 401);
    assert_eq!(served.get_with("/", "authorization: Bearer nonsense\r\n").await.status, 401);
    assert!(served.get("/login?to=/namespaces/shop").await.body.contains("value=\"/namespaces/shop\""));

    // A link from elsewhere brings no cookie; the page itself then does.
    let followed = served.get_with("/namespaces/shop", "sec-fetch-site: cross-site\r\n").await;
    assert_eq!((followed.status, followed.header("refresh")), (200, Some("0; url=/namespaces/shop")));
    let away = served.get_with("//evil.example/", "sec-fetch-site: cross-site\r\n").await;
    assert_eq!(away.header("refresh"), Some("0; url=/"));

    // A token is taken from the form on the own page only, and goes into a cookie.
    let ada = token(&plane, "ada");
    let form = format!("token={ada}&to=%2Fnamespaces%2Fshop");
    assert_eq!(served.post("/login", "https://evil.example", &form).await.status, 403);
    assert_eq!(served.post("/login", &own, "token=nonsense").await.status, 401);
    assert_eq!(served.post("/login", &own, "token=%3Cb%3E").await.status, 400);
    let reply = served.post("/login", &own, &form).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/namespaces/shop")));
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let away = served.post("/login", &own, &format!("token={ada}&to=//evil.example")).await;
    assert_eq!(away.header("location"), Some("/"));

    // Ada sees the shop, but for who may do what there, and nothing of the bank.
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = |path: &'static str| served.get_with(path, &cookie);
    assert!(page("/").await.body.contains("ada"));
    assert_eq!(page("/namespaces/shop").await.status, 200);
    assert_eq!(page("/namespaces/shop/Deployment.apps/checkout").await.status, 200);
    for hidden in ["/namespaces/bank", "/namespaces/bank/Deployment.apps/checkout"] {
        assert_eq!(page(hidden).await.status, 404, "{hidden}");
    }
    assert_eq!(page("/namespaces/shop/Role.rbac.authorization.k8s.io/superuser").await.status, 404);
    for path in [
        "/",
        "/namespaces",
        "/findings",
        "/findings?namespace=bank",
        "/exemptions",
        "/changes",
        "/coverage",
        "/admissions",
    ] {
        let body = page(path).await.body;
        assert!(!body.contains("bank") && !body.contains("superuser"), "{path}");
    }
    let admissions = page("/admissions").await.body;
    assert!(admissions.contains("shop-tool") && !admissions.contains("vault"), "{admissions}");

    // Bob may read nothing, the administrator everything.
    let bob = format!("authorization: Bearer {}\r\n", token(&plane, "bob"));
    assert_eq!(served.get_with("/namespaces/shop", &bob).await.status, 404);
    assert!(served.get_with("/", &bob).await.body.contains("No workloads"));
    let admin = format!("authorization: Bearer {}\r\n", token(&plane, "admin"));
    for path in ["/namespaces/bank", "/namespaces/shop/Role.rbac.authorization.k8s.io/superuser"] {
        assert_eq!(served.get_with(path, &admin).await.status, 200, "{path}");
    }

    // Logging out forgets the token.
    assert_eq!(served.post("/logout", "https://evil.example", "").await.status, 405);
    let reply = served.post("/logout", &own, "").await;
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"), "{}", reply.head);
}

/// The incident or what mends it, in a later snapshot.
fn numbered(generation: u64, folder: &str) -> Snapshot {
    let mut snapshot = snapshot(&incident(folder));
    snapshot.generation = generation;
    snapshot
}

/// The token of a user of a control plane.
fn token(plane: &ControlPlane, name: &str) -> String {
    let tokens = std::fs::read_to_string(plane.folder().join("tokens.csv")).unwrap();
    let mut users = tokens.lines().map(|line| line.split(',').collect::<Vec<_>>());
    users.find(|user| user[1] == name).unwrap()[0].to_owned()
}
