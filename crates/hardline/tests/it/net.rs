//! `hardline net` on the example of a policy that is there and allows nothing.

use std::path::Path;

use snapbox::cmd::Command;
use snapbox::str;

use crate::hardline;
use crate::since::git;

/// `hardline net`, run beside the examples.
fn net(arguments: &[&str]) -> Command {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    hardline(&["net"]).args(arguments).current_dir(examples)
}

#[test]
fn why_names_the_denying_line_and_what_would_change_it() {
    net(&["why", "shop/checkout", "orders-db", "5432", "--from", "3am"]).assert().success().stdout_eq(str![[r#"
shop/checkout[Deployment] => shop/orders-db[StatefulSet] : TCP 5432 is denied
  egress of shop/checkout[Deployment]: allowed, a rule allows it
    NetworkPolicy shop/allow-db-access /spec/egress/0 at 3am/network.yaml:22:7
  ingress of shop/orders-db[StatefulSet]: denied, policies isolate it and none allows this
    NetworkPolicy shop/default-deny /spec/podSelector at 3am/network.yaml:8:3
  to change it: let a policy that selects `shop/orders-db[StatefulSet]` allow ingress from `shop/checkout[Deployment]` on TCP 5432
  note: `shop/checkout[Deployment]` cannot resolve names: no policy lets it reach kube-dns in kube-system on UDP 53

"#]]);
}

/// The data of a page of `net graph`.
fn graph(arguments: &[&str]) -> serde_json::Value {
    let output = net(&["graph"]).args(arguments).assert().success().get_output().stdout.clone();
    let page = String::from_utf8(output).expect("the page is text");
    assert!(page.contains("default-src 'none'"));
    let data = page.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>"));
    let (data, _) = data.expect("the page holds data");
    assert!(!data.contains('<'));
    serde_json::from_str(data).expect("the data is JSON")
}

#[test]
fn graph_holds_what_is_allowed_and_what_is_needed_and_denied() {
    let data = graph(&["3am"]);
    let names: Vec<_> = data["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    let at = |name| names.iter().position(|known| *known == name).unwrap();
    let blocked = &data["blocked"].as_array().unwrap().iter().find(|it| it["to"] == at("orders-db")).unwrap();
    assert_eq!((&blocked["from"], &blocked["ports"]), (&at("checkout").into(), &"TCP 5432".into()));
    assert!(data["before"].is_null());
    let fixed = graph(&["3am-fixed", "--before", "3am"]);
    assert!(fixed["blocked"].as_array().unwrap().iter().all(|it| it["because"] != blocked["because"]));
    assert!(fixed["before"]["rows"].is_array());
}

#[test]
fn graph_takes_no_markup_from_manifests() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: '</script><script>alert(1)', namespace: '<b>'}\nspec: {containers: []}\n";
    let output = net(&["graph", "-"]).stdin(pod).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("alert(1)"));
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn net_leaves_out_what_hardline_yaml_excludes() {
    let folder = tempfile::tempdir().unwrap();
    let pod = |name| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: []}}\n");
    std::fs::write(folder.path().join("a.yaml"), pod("a")).unwrap();
    std::fs::write(folder.path().join("b.yaml"), pod("b")).unwrap();
    let list = || String::from_utf8(net(&["list"]).current_dir(folder.path()).output().unwrap().stdout).unwrap();
    assert!(list().contains("default/a[Pod] => default/b[Pod]"));
    std::fs::write(folder.path().join("hardline.yaml"), "exclude: [b.yaml]\n").unwrap();
    assert!(!list().contains("default/b[Pod]"));
}

#[test]
fn why_speaks_json_and_takes_addresses_and_dns() {
    net(&["why", "checkout", "dns", "--from", "3am-fixed", "-o", "json"]).assert().success().stdout_eq(str![[r#"
{
  "schema": "hardline.net-why/v1",
  "answers": [
    {
      "src": "shop/checkout[Deployment]",
      "dst": "kube-system/kube-dns",
      "port": "UDP 53",
      "allowed": true,
      "egress": {
        "allowed": true,
        "reason": "a rule allows it",
        "policies": [
          {
            "policy": "NetworkPolicy shop/allow-dns",
            "path": "/spec/egress/0",
            "location": "3am-fixed/network.yaml:19:7"
          }
        ]
      },
      "ingress": {
        "allowed": true,
        "reason": "no policy selects it",
        "policies": []
      }
    },
    {
      "src": "shop/checkout[Deployment]",
      "dst": "kube-system/kube-dns",
      "port": "TCP 53",
      "allowed": true,
      "egress": {
        "allowed": true,
        "reason": "a rule allows it",
        "policies": [
          {
            "policy": "NetworkPolicy shop/allow-dns",
            "path": "/spec/egress/0",
            "location": "3am-fixed/network.yaml:19:7"
          }
        ]
      },
      "ingress": {
        "allowed": true,
        "reason": "no policy selects it",
        "policies": []
      }
    }
  ]
}

"#]]);
    net(&["why", "203.0.113.7", "checkout", "8080", "--from", "3am-fixed"]).assert().success().stdout_eq(str![[r#"
203.0.113.7 => shop/checkout[Deployment] : TCP 8080 is denied
  egress of 203.0.113.7: allowed, policies do not hold it
  ingress of shop/checkout[Deployment]: denied, policies isolate it and none allows this
    NetworkPolicy shop/default-deny /spec/podSelector at 3am-fixed/network.yaml:7:3
    NetworkPolicy shop/checkout /spec/podSelector at 3am-fixed/network.yaml:38:3
  to change it: let a policy that selects `shop/checkout[Deployment]` allow ingress from `203.0.113.7` on TCP 8080

"#]]);
}

#[test]
fn list_prints_every_format() {
    for (format, expected) in [
        (
            "txt",
            str![[r#"
shop/checkout[Deployment] => shop/orders-db[StatefulSet] : TCP 5432

"#]],
        ),
        (
            "json",
            str![[r#"
{
  "schema": "hardline.net/v1",
  "connections": [
    {
      "src": "shop/checkout[Deployment]",
      "dst": "shop/orders-db[StatefulSet]",
      "conn": "TCP 5432"
    }
  ]
}

"#]],
        ),
        (
            "csv",
            str![[r#"
src,dst,conn
shop/checkout[Deployment],shop/orders-db[StatefulSet],TCP 5432

"#]],
        ),
        (
            "md",
            str![[r#"
| src | dst | conn |
|-----|-----|------|
| shop/checkout[Deployment] | shop/orders-db[StatefulSet] | TCP 5432 |

"#]],
        ),
        (
            "dot",
            str![[r#"
digraph {
  subgraph "cluster_shop" {
    label="shop"
    "shop/checkout[Deployment]" [label="checkout[Deployment]" color="blue"]
    "shop/orders-db[StatefulSet]" [label="orders-db[StatefulSet]" color="blue"]
  }
  "shop/checkout[Deployment]" -> "shop/orders-db[StatefulSet]" [label="TCP 5432"]
}

"#]],
        ),
    ] {
        net(&["list", "--format", format, "3am-fixed"]).assert().success().stdout_eq(expected);
    }
}

#[test]
fn what_lines_cannot_show_is_drawn_as_a_table() {
    let pods = |count: usize| {
        let pod = |at: usize| {
            let namespace = if at.is_multiple_of(2) { "even" } else { "odd" };
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {namespace}}}\nspec: {{containers: []}}\n---\n"
            )
        };
        let text: String = (0..count).map(pod).collect();
        let drawn = net(&["list", "-o", "svg", "-"]).stdin(text).assert().success().get_output().stdout.clone();
        String::from_utf8(drawn).unwrap()
    };
    // Each of 20 reaches 19 others, those outside reach each, and each reaches those outside.
    let by_workload = pods(20);
    assert_eq!(by_workload.matches("<title>").count(), 20 * 19 + 2 * 20, "{by_workload}");
    assert!(by_workload.contains("<title>even/p0 to odd/p1: All Connections</title>"));
    let by_namespace = pods(80);
    assert_eq!(by_namespace.matches("<title>").count(), 4 + 2 * 2, "{by_namespace}");
    assert!(by_namespace.contains("even to odd: 1600 pairs, 1600 on every port"));
    assert!(by_namespace.contains("even to even: 1560 pairs") && by_namespace.contains("80 workloads by namespace"));
}

#[test]
fn the_drawing_is_well_formed_and_stays_the_same() {
    let draw = || {
        let drawn = net(&["list", "-o", "svg", "3am"]).assert().success().get_output().stdout.clone();
        String::from_utf8(drawn).unwrap()
    };
    let drawn = draw();
    assert_eq!(drawn, draw());
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: '<script>', namespace: 'a&b'}\nspec: {containers: []}\n";
    let drawn = net(&["list", "-o", "svg", "-"]).stdin(pod).assert().success().get_output().stdout.clone();
    let drawn = String::from_utf8(drawn).unwrap();
    assert!(drawn.contains("&lt;script&gt;") && drawn.contains("a&amp;b") && !drawn.contains("<script"), "{drawn}");
    assert!(drawn.contains("any address outside"));
}

#[test]
fn diff_fails_when_somebody_can_reach_more() {
    net(&["diff", "3am", "3am-fixed"]).assert().code(1).stdout_eq(str![[r#"
+ shop/checkout[Deployment] => shop/orders-db[StatefulSet] : TCP 5432

"#]]);
    net(&["diff", "3am-fixed", "3am", "-o", "json"]).assert().success().stdout_eq(str![[r#"
{
  "schema": "hardline.net-diff/v1",
  "differences": [
    {
      "src": "shop/checkout[Deployment]",
      "dst": "shop/orders-db[StatefulSet]",
      "before": "TCP 5432"
    }
  ]
}

"#]]);
}

#[test]
fn diff_takes_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let example = |name: &str| {
        let files = ["checkout.yaml", "orders-db.yaml", "network.yaml"];
        let text = |file| std::fs::read_to_string(Path::new("../../examples").join(name).join(file)).unwrap();
        std::fs::write(at.join("shop.yaml"), files.map(text).join("---\n")).unwrap();
    };
    git(at, &["init", "-q"]);
    example("3am");
    git(at, &["add", "-A"]);
    git(at, &["commit", "-qm", "first"]);
    git(at, &["tag", "before"]);
    example("3am-fixed");
    let diff = |arguments: &[&str]| hardline(&["net", "diff"]).args(arguments).current_dir(at).assert();
    diff(&["git:.@before:shop.yaml", "shop.yaml"]).code(1).stdout_eq(str![[r#"
+ shop/checkout[Deployment] => shop/orders-db[StatefulSet] : TCP 5432

"#]]);
    diff(&["git:.@before:shop.yaml", "git:.@before:"]).success().stdout_eq(str![[""]]);
    diff(&["git:.@gone:shop.yaml", "shop.yaml"]).code(2);
}

/// A dump of two namespaces, of which the policies of one are known.
const DUMP: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, uid: w}
  spec:
    selector: {matchLabels: {app: web}}
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-1
    namespace: shop
    uid: r
    ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: w, controller: true}]
  spec:
    selector: {matchLabels: {app: web}}
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
- apiVersion: v1
  kind: Pod
  metadata:
    name: web-1-a
    namespace: shop
    labels: {app: web}
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]
  spec: {containers: [{name: web, image: web}]}
  status: {phase: Running, podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: db, namespace: shop, labels: {app: db}}
  spec: {containers: [{name: db, image: db}]}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: db, namespace: shop}
  spec:
    podSelector: {matchLabels: {app: db}}
    policyTypes: [Ingress, Egress]
    ingress: [{from: [{ipBlock: {cidr: 10.0.0.7/32}}], ports: [{port: 5432}]}]
";

#[test]
fn a_dump_knows_the_addresses_of_pods_and_what_manifests_would_change() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.yaml"), DUMP).unwrap();
    let net = |arguments: &[&str]| net(arguments).current_dir(folder.path());
    net(&["why", "web", "db", "5432", "--from", "dump:dump.yaml"]).assert().success().stdout_eq(str![[r#"
shop/web[Deployment] => shop/db[Pod] : TCP 5432 is allowed
  egress of shop/web[Deployment]: allowed, no policy selects it
  ingress of shop/db[Pod]: allowed, a rule allows it
    NetworkPolicy shop/db /spec/ingress/0 at cluster/shop/NetworkPolicy/db:8:7

"#]]);
    let opened = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]}
";
    std::fs::write(folder.path().join("opened.yaml"), opened).unwrap();
    net(&["diff", "dump:dump.yaml", "opened.yaml"]).assert().code(1).stdout_eq(str![[r#"
+ shop/web[Deployment] => shop/db[Pod] : TCP 5432

"#]]);
    net(&["list", "dump:dump.yaml", "opened.yaml"]).assert().code(2).stderr_eq(str![[r#"
error: `dump:dump.yaml` is all that there is: name no source beside it

"#]]);
}

#[test]
fn nothing_is_said_where_policies_are_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let net = |arguments: &[&str]| net(arguments).current_dir(folder.path());
    std::fs::write(folder.path().join("dump.yaml"), DUMP).unwrap();
    let pod =
        "apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: ledger, namespace: bank}, spec: {containers: []}}]\n";
    std::fs::write(folder.path().join("bank.yaml"), pod).unwrap();
    let listed = net(&["list", "dump:."]).assert().success().stderr_eq(str![[r#"
notice: AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy not known, and taken not to be there
notice: the policies of bank are not known: these namespaces are left out

"#]]);
    let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(listed.contains("shop/web[Deployment]") && !listed.contains("ledger"), "{listed}");
    net(&["list", "dump:bank.yaml"]).assert().code(2).stderr_eq(str![[r#"
notice: AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy not known, and taken not to be there
error: the policies of bank are not known, and nothing else was read
help: read NetworkPolicies as well, or name the dump without `dump:` if they are all in it

"#]]);
}

#[test]
fn a_name_that_is_unknown_or_unclear_is_an_error() {
    net(&["why", "checkout", "payment", "--from", "3am"]).assert().code(2).stderr_eq(str![[r#"
error: no workload is called `payment`; `hardline net list` names those that can connect

"#]]);
}

#[test]
fn generate_takes_flows_and_the_present_reach() {
    let flows = "shop/checkout,shop/orders-db,TCP,5432,passed,7\nshop/checkout,203.0.113.7,TCP,443,passed,2\n";
    let generated = net(&["generate", "--flows", "-", "3am"]).stdin(flows).assert().success();
    let generated = String::from_utf8(generated.get_output().stdout.clone()).unwrap();
    assert!(generated.contains("    # orders-db, by 7 flows\n    - to:\n        - podSelector:"), "{generated}");
    assert!(generated.contains("cidr: \"203.0.113.7/32\""), "{generated}");
    let frozen = net(&["generate", "--reachability", "3am-fixed"]).assert().success();
    let frozen = String::from_utf8(frozen.get_output().stdout.clone()).unwrap();
    assert!(frozen.contains("# checkout, by NetworkPolicy shop/"), "{frozen}");
    let twins = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: x}}\nspec: {containers: []}\n---\n\
                 apiVersion: v1\nkind: Pod\nmetadata: {name: b, labels: {app: x}}\nspec: {containers: []}\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("twins.yaml"), twins).unwrap();
    let twins = net(&["generate", "--flows", "-"]).current_dir(folder.path());
    twins.stdin("default/a,203.0.113.7,TCP,443,passed,1\n").assert().code(1).stderr_eq(str![[r#"
notice: default/b[Pod] reaches 203.0.113.7-203.0.113.7[External] on TCP 443 as well

"#]]);
}

#[test]
fn generate_writes_policies_that_repair_the_example() {
    net(&["generate", "3am"]).assert().success().stdout_eq(str![[r#"
# Whatever no other policy allows is denied, also to pods that are added later.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: shop
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
# Every connection starts with a name, and UDP answers that are too long come over TCP.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-dns
  namespace: shop
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - protocol: TCP
          port: 53
        - protocol: UDP
          port: 53
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: checkout
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: checkout
  policyTypes: [Egress]
  egress:
    # orders-db, by Service shop/orders-db
    - to:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: orders-db
      ports:
        - protocol: TCP
          port: 5432
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: orders-db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: orders-db
  policyTypes: [Ingress]
  ingress:
    # checkout, by Service shop/orders-db
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: checkout
      ports:
        - protocol: TCP
          port: 5432

"#]]);
}

#[test]
fn verify_holds_manifests_to_an_intent() {
    let intent = "../crates/hardline/tests/manifests/intent.txt";
    net(&["verify", "--intent", intent, "3am"]).assert().code(1).stdout_eq(str![[r#"
../crates/hardline/tests/manifests/intent.txt:2: `shop/checkout must reach shop/orders-db on TCP 5432` does not hold: shop/checkout[Deployment] reaches shop/orders-db[StatefulSet] on no port
2 of 3 sentences hold

"#]]);
    net(&["verify", "--intent", intent, "3am-fixed"]).assert().success().stdout_eq(str![[r#"
3 of 3 sentences hold

"#]]);
}

#[test]
fn exposure_names_ways_in_and_ports_for_metrics() {
    net(&["exposure", "3am"]).assert().success().stdout_eq(str![[r#"
shop/checkout[Deployment]
  from every pod of the cluster: All Connections
  metrics port 9090 is reachable from every pod of the cluster, set by `--metrics-bind-address` at 3am/checkout.yaml:33:15
0 of 2 workloads reachable from outside, 1 from every pod of the cluster

"#]]);
}

#[test]
fn blast_marks_what_an_attacker_looks_for() {
    net(&["blast", "shop/checkout", "--from", "3am-fixed"]).assert().success().stdout_eq(str![[r#"
shop/checkout[Deployment] reaches 1 of 1 other workloads
hop 1
  shop/orders-db[StatefulSet] on TCP 5432: keeps data (postgres)

"#]]);
}

#[test]
fn observed_tells_what_was_attempted_and_names_broken_lines() {
    net(&["observed", "--flows", "-", "3am"])
        .stdin("shop/checkout,shop/orders-db,tcp,5432,denied,4\nhello\n")
        .assert()
        .success()
        .stderr_eq(str![[r#"
notice: -:2: the line is in none of the known formats

"#]])
        .stdout_eq(str![[r#"
attempted, and denied by policies
  shop/checkout[Deployment] => shop/orders-db[StatefulSet] : TCP 5432 (4 times)
1 lines cannot be read

"#]]);
    let passed = "shop/checkout,shop/orders-db,tcp,5432,allowed\n";
    net(&["observed", "--flows", "-", "3am"]).stdin(passed).assert().code(1);
}

#[test]
fn migrate_anp_needs_something_to_migrate() {
    net(&["migrate-anp", "3am"]).assert().code(2).stderr_eq(str![[r#"
[..]nothing to migrate

"#]]);
}
