//! Who may change guarded namespaces, what they are told, and what is written down.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardline_core::config::Config;
use hardline_core::guard::Guard;
use hardline_core::inventory::Inventory;
use hardline_core::ledger::{Entry, Op, Outcome, Role};
use hardline_core::profile::Enforcement;
use hardline_server::admission::{Admission, Decision};
use hardline_server::clock::date;
use hardline_server::ledger::Ledger;
use hardline_server::metrics::Metrics;
use serde_json::{Value, json};

use crate::support::{NOW, cluster, object, observed, options, request, review};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web}
  managedFields:
    - manager: argocd-controller
      operation: Apply
      apiVersion: apps/v1
      fieldsType: FieldsV1
      fieldsV1: {'f:spec': {'f:replicas': {}}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example.com/web:1'}]}
";

fn guard() -> Guard {
    let of = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Guard { groups: of(&["release"]), service_accounts: of(&["argocd/*"]), ..Guard::default() }
}

/// A cluster whose namespace `shop` is guarded so; rules judge nothing there.
fn shop(guard: &str, rest: &str) -> Inventory {
    cluster(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels:
          {{hardline.dev/guard: '{guard}', hardline.dev/enforcement: 'off'}}}}}}\n---\n{rest}"
    ))
}

fn decide_with(guard: Guard, cluster: Inventory, request: &Value) -> Decision {
    let config = Config { guard, ..Config::new(date(NOW)) };
    Admission::new(options(), config, observed(cluster)).decide(&review(request), NOW)
}

fn decide(cluster: Inventory, request: &Value) -> Decision {
    decide_with(guard(), cluster, request)
}

/// A request to scale the deployment by an update.
fn scaling() -> Value {
    let old = object(DEPLOYMENT);
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(1);
    request("UPDATE", &new, &old)
}

fn by(mut request: Value, user: &str, groups: &[&str]) -> Value {
    request["userInfo"] = json!({"username": user, "groups": groups});
    request
}

fn grant(user: &str, opened: &str, until: &str) -> String {
    format!(
        "{{apiVersion: hardline.dev/v1alpha1, kind: BreakGlass,
          metadata: {{name: fire, namespace: shop, creationTimestamp: '{opened}'}},
          spec: {{user: {user}, reason: INC-4711, until: '{until}'}}}}"
    )
}

#[test]
fn a_person_is_told_how_it_is_done_right() {
    let decision = decide(shop("deny", ""), &scaling());
    insta::assert_snapshot!(decision.refusal.unwrap_or_default());
}

#[test]
fn those_who_deploy_and_kubernetes_itself_pass() {
    for (user, groups) in [
        ("system:serviceaccount:argocd:argocd-application-controller", [].as_slice()),
        ("ada", &["release"]),
        ("system:serviceaccount:kube-system:deployment-controller", &[]),
        ("system:serviceaccount:kube-system:horizontal-pod-autoscaler", &[]),
        ("system:serviceaccount:kube-system:generic-garbage-collector", &[]),
        ("system:kube-scheduler", &[]),
    ] {
        assert!(!decide(shop("deny", ""), &by(scaling(), user, groups)).is_refused(), "{user}");
    }
    for user in ["jane", "system:admin", "system:serviceaccount:default:argocd-application-controller", ""] {
        let mut request = by(scaling(), user, &["system:masters", "system:authenticated"]);
        request["options"] = json!({"kind": "UpdateOptions", "fieldManager": "argocd-controller"});
        assert!(decide(shop("deny", ""), &request).is_refused(), "{user}");
    }
}

#[test]
fn the_label_says_how_much_is_done() {
    let done = |label: &str| decide(shop(label, ""), &scaling()).guarded.map(|guarded| guarded.enforcement);
    assert_eq!(done("deny"), Some(Enforcement::Deny));
    assert_eq!(done("warn"), Some(Enforcement::Warn));
    assert_eq!(done("audit"), Some(Enforcement::Audit));
    assert_eq!(done("off"), None);
    assert!(decide(cluster(""), &scaling()).guarded.is_none());
    assert!(decide(shop("warn", ""), &scaling()).warns());
    assert!(!decide(shop("audit", ""), &scaling()).warns());
}

#[test]
fn the_label_itself_is_guarded() {
    let labelled = |labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}});
    let update = |old: &Value, new: &Value| {
        let mut update = request("UPDATE", new, old);
        update["namespace"] = json!("shop");
        decide(cluster(""), &update).is_refused()
    };
    let (free, guarded) = (labelled(json!({})), labelled(json!({"hardline.dev/guard": "deny"})));
    assert!(update(&guarded, &free), "who could take it off needs no grant");
    assert!(!update(&free, &guarded));
    let mut delete = request("DELETE", &Value::Null, &guarded);
    delete["namespace"] = json!("shop");
    assert!(decide(cluster(""), &delete).is_refused());
}

#[test]
fn what_changes_nothing_that_is_desired_passes() {
    let old = object(DEPLOYMENT);
    let mut touched = old.clone();
    touched["metadata"]["resourceVersion"] = json!("2");
    touched["status"] = json!({"replicas": 3});
    assert!(decide(shop("deny", ""), &request("UPDATE", &touched, &old)).guarded.is_none());

    let mut going = scaling();
    going["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-06-01T00:00:00Z");
    assert!(!decide(shop("deny", ""), &going).is_refused());

    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1-a", "namespace": "shop"}});
    let delete = |pod: &Value| decide(shop("deny", ""), &request("DELETE", &Value::Null, pod)).is_refused();
    assert!(delete(&pod), "nobody makes it anew");
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "11e8", "controller": true}]);
    assert!(!delete(&pod), "its controller makes it anew");

    let mut eviction = request(
        "CREATE",
        &json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-1-a", "namespace": "shop"}}),
        &Value::Null,
    );
    eviction["subResource"] = json!("eviction");
    assert!(!decide(shop("deny", ""), &eviction).is_refused(), "nodes are drained");
}

#[test]
fn containers_are_entered_as_far_as_the_configuration_allows() {
    let exec = json!({
        "uid": "1", "operation": "CONNECT", "subResource": "exec", "name": "web-1-a", "namespace": "shop",
        "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "userInfo": {"username": "jane"},
        "object": {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]},
    });
    let enter = |connections| decide_with(Guard { connections, ..guard() }, shop("deny", ""), &exec);
    assert!(!enter(Enforcement::Audit).is_refused());
    assert!(enter(Enforcement::Audit).guarded.is_some());
    assert!(enter(Enforcement::Off).guarded.is_none());
    let refused = enter(Enforcement::Deny);
    insta::assert_snapshot!(refused.refusal.unwrap_or_default());

    let old =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1-a", "namespace": "shop"}, "spec": {}});
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "busybox"}]);
    let mut debug = request("UPDATE", &new, &old);
    debug["subResource"] = json!("ephemeralcontainers");
    let enter = |connections| decide_with(Guard { connections, ..guard() }, shop("deny", ""), &debug).is_refused();
    assert_eq!([enter(Enforcement::Audit), enter(Enforcement::Deny)], [false, true]);
}

#[test]
fn a_grant_opens_for_its_user_until_it_ends() {
    // Now is 2026-05-28T20:26:40Z.
    let role = |grant: &str, user: &str| {
        let guarded = decide(shop("deny", grant), &by(scaling(), user, &[])).guarded;
        guarded.map(|guarded| (guarded.role, guarded.enforcement))
    };
    let open = grant("jane", "2026-05-28T20:00:00Z", "2026-05-28T21:00:00Z");
    assert_eq!(role(&open, "jane"), Some((Role::Granted, Enforcement::Off)));
    assert_eq!(role(&open, "joe"), Some((Role::Other, Enforcement::Deny)));
    let closed = Some((Role::Other, Enforcement::Deny));
    for (what, grant) in [
        ("has ended", grant("jane", "2026-05-28T20:00:00Z", "2026-05-28T20:26:40Z")),
        ("lasts longer than one may", grant("jane", "2026-05-28T16:26:40Z", "2027-01-01T00:00:00Z")),
        ("does not say when it ends", grant("jane", "2026-05-28T20:00:00Z", "soon")),
        ("is in another namespace", open.replace("namespace: shop", "namespace: other")),
        ("is of another group", open.replace("hardline.dev/v1alpha1", "example.com/v1")),
    ] {
        assert_eq!(role(&grant, "jane"), closed, "a grant that {what}");
    }
    let ended = grant("jane", "2026-05-28T19:00:00Z", "2026-05-28T20:00:00Z");
    let message = decide(shop("deny", &ended), &by(scaling(), "jane", &[])).refusal.unwrap_or_default();
    assert!(message.contains("`fire` has ended at 2026-05-28T20:00:00Z"), "{message}");

    // Who may open one is not the guard's business.
    let opened = object(&grant("joe", "2026-05-28T20:00:00Z", "2026-05-28T21:00:00Z"));
    let mut create = request("CREATE", &opened, &Value::Null);
    create["resource"]["resource"] = json!("breakglasses");
    assert!(!decide(shop("deny", ""), &create).is_refused());
}

/// Output that tests read.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A guarded cluster, its ledger, and how it is asked.
struct Recorded {
    admission: Admission,
    ledger: Ledger,
}

impl Recorded {
    fn new(cluster: Inventory, ledger: Ledger) -> Self {
        let config = Config { guard: guard(), ..Config::new(date(NOW)) };
        Self { admission: Admission::new(options(), config, observed(cluster)), ledger }
    }

    fn ask(&self, request: &Value) {
        let review = review(request);
        self.ledger.record(&review, &self.admission.decide(&review, NOW), NOW);
    }
}

#[test]
fn what_is_asked_for_is_written_down() {
    let metrics = Arc::new(Metrics::default());
    let written = Written::default();
    let ledger = Ledger::new(metrics.clone()).writing(written.clone()).unwrap();
    let open = grant("joe", "2026-05-28T20:00:00Z", "2026-05-28T21:00:00Z");
    let recorded = Recorded::new(shop("deny", &open), ledger);
    recorded.ask(&by(scaling(), "jane", &["developers"]));
    recorded.ask(&by(scaling(), "joe", &[]));
    recorded.ask(&by(scaling(), "system:serviceaccount:argocd:argocd-application-controller", &[]));
    recorded.ask(&by(scaling(), "system:serviceaccount:kube-system:horizontal-pod-autoscaler", &[]));
    let mut dry = scaling();
    dry["dryRun"] = json!(true);
    recorded.ask(&dry);

    let recent = recorded.ledger.recent();
    let told: Vec<_> = recent.iter().map(|entry| (&*entry.user, entry.role, entry.outcome)).collect();
    assert_eq!(
        told,
        [
            ("system:serviceaccount:argocd:argocd-application-controller", Role::Deployer, Outcome::Allowed),
            ("joe", Role::Granted, Outcome::Allowed),
            ("jane", Role::Other, Outcome::Refused),
        ]
    );
    let first = &recent[2];
    assert_eq!((first.time.as_str(), first.operation.as_str()), ("2026-05-28T20:26:40.000Z", "UPDATE"));
    assert_eq!((&first.groups[..], &first.reasons[..]), (&["developers".to_owned()][..], &["guard".to_owned()][..]));
    let change = &first.changes[0];
    assert_eq!(
        (&*change.field, change.op, &change.old, &change.new),
        ("spec.replicas", Op::Changed, &Some(json!(3)), &Some(json!(1)))
    );
    assert_eq!(recent[1].grant.as_ref().map(|grant| &*grant.reason), Some("INC-4711"));

    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    let lines = loop {
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        if text.lines().count() == 4 || std::time::Instant::now() > deadline {
            break text;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let lines: Vec<Entry> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "those of Kubernetes' own parts are written");
    assert_eq!(lines[0], **first);
    let text = metrics.text();
    let counted = "hardline_guard_requests_total{role=\"other\",outcome=\"refused\"} 1";
    assert!(text.lines().any(|line| line == counted), "{text}");
}

#[test]
fn what_rules_refuse_elsewhere_is_kept_and_not_written() {
    let written = Written::default();
    let ledger = Ledger::new(Arc::new(Metrics::default())).writing(written.clone()).unwrap();
    let recorded = Recorded::new(cluster(""), ledger);
    let pod = |privileged: bool| {
        let pod = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: tool, namespace: lab}}, spec: {{containers: [{{name: app,
              image: 'registry.example.com/app:1', securityContext: {{privileged: {privileged}}}}}]}}}}"
        );
        request("CREATE", &object(&pod), &Value::Null)
    };
    let count = recorded.ledger.count();
    recorded.ask(&pod(true));
    recorded.ask(&by(scaling(), "jane", &[]));
    let recent = recorded.ledger.recent();
    assert_eq!((recent.len(), *count.borrow()), (1, 1), "what passes where nobody guards is nobody's business");
    assert!(recent[0].reasons.contains(&"container-privileged".to_owned()), "{:?}", recent[0]);
    assert!(written.0.lock().unwrap().is_empty());
}

/// Output that takes nothing.
struct Stuck;

impl Write for Stuck {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        loop {
            std::thread::park();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_ledger_is_bounded_and_nobody_waits_for_it() {
    let metrics = Arc::new(Metrics::default());
    let ledger = Ledger::new(metrics.clone()).writing(Stuck).unwrap();
    let recorded = Recorded::new(shop("deny", ""), ledger);
    for _ in 0..2100 {
        recorded.ask(&scaling());
    }
    assert_eq!(recorded.ledger.recent().len(), 1000);
    let text = metrics.text();
    assert!(text.contains("hardline_ledger_lost_total{outlet=\"lines\"} 1"), "{text}");

    // Long lists of changes are cut.
    let mut many = scaling();
    let data: serde_json::Map<_, _> = (0..150).map(|at| (format!("k{at}"), json!("v"))).collect();
    many["object"]["metadata"]["annotations"] = json!({});
    many["oldObject"]["metadata"]["annotations"] = json!({"a": "b"});
    many["object"]["metadata"]["annotations"] = Value::Object(data);
    recorded.ask(&many);
    let entry = recorded.ledger.recent().remove(0);
    assert_eq!((entry.changes.len(), entry.more), (100, 52));
}
