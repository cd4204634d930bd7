//! The continuous audit, and who is told of what it finds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use hardline_cluster::observed::Observed;
use hardline_core::config::Config;
use hardline_core::rule::Severity;
use hardline_server::auditor::{Auditor, Snapshots};
use hardline_server::clock::date;
use hardline_server::history::{Recorder, Retention};
use hardline_server::metrics::Metrics;
use hardline_server::news::{Item, News};
use hardline_server::notify::{self, Sink, SinkForm, Template};
use hardline_server::policy_report::{FORMS, Key, objects};
use hardline_server::snapshot::Snapshot;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::support::{NOW, cluster};

const SOON: Duration = Duration::from_secs(20);

/// Pods that are privileged, which is critical, and nothing else that changes.
fn pods(names: &[&str]) -> String {
    let pod = |name: &&str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, uid: u-{name}}}\nspec: {{containers: [{{name: a, image: 'a:1', securityContext: {{privileged: true}}}}]}}\n"
        )
    };
    names.iter().map(pod).collect::<Vec<_>>().join("---\n")
}

fn observed(text: &str) -> Arc<Observed> {
    let inventory = cluster(text);
    let objects = inventory.resources().count();
    Arc::new(Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects })
}

fn auditor(recorder: Option<Recorder>) -> Auditor {
    Auditor::new("test", Config::new(date(NOW)), recorder, || NOW)
}

fn after(minutes: i64) -> Timestamp {
    NOW + SignedDuration::from_mins(minutes)
}

fn privileged<'i>(items: impl IntoIterator<Item = &'i Item>) -> Vec<(bool, String)> {
    let of_rule = items.into_iter().filter(|item| item.finding.rule.id == "container-privileged");
    of_rule.map(|item| (item.appeared, item.finding.resource.as_ref().unwrap().name.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_new_days_are_judged_as_they_come() {
    static SECOND: AtomicI64 = AtomicI64::new(1_780_000_000);
    let until = date(NOW);
    let exempt = |name| {
        pods(&[name]).replace(
            "namespace: shop,",
            &format!(
                "namespace: shop, annotations: {{exempt.hardline.dev/container-privileged: 'old; until={until}'}},"
            ),
        )
    };
    let (change, changes) = watch::channel(observed(&exempt("a")));
    let (publish, mut snapshots) = watch::channel(None);
    let clock = || Timestamp::from_second(SECOND.load(Ordering::Relaxed)).unwrap();
    let auditor = Auditor::new("test", Config::new(date(NOW)), None, clock);
    tokio::spawn(auditor.run(changes, publish));
    let mut see = async |what: &str, holds: fn(&Snapshot) -> bool| {
        let seen = snapshots.wait_for(|snapshot: &Option<Arc<Snapshot>>| snapshot.as_deref().is_some_and(holds));
        timeout(SOON * 3, seen).await.expect(what).unwrap();
    };
    see("the exemption holds", |snapshot| snapshot.report.exempted.len() == 1).await;
    change.send_replace(observed(&[exempt("a"), pods(&["b"])].join("---\n")));
    see("the change is judged", |snapshot| {
        snapshot.report.findings.iter().any(|it| it.rule.id == "container-privileged")
    })
    .await;
    SECOND.fetch_add(24 * 3600, Ordering::Relaxed);
    see("the exemption has ended", |snapshot| snapshot.report.exempted.is_empty()).await;
}

#[tokio::test]
async fn news_are_told_by_the_leader_and_by_the_next_one() {
    let mut auditor = auditor(None);
    let mut publish_next = |text: &str| Some(auditor.judge(observed(text), NOW));
    let (publish, snapshots) = watch::channel(None);
    let (lead, leading) = watch::channel(false);
    let mut news = News::new(snapshots.clone(), leading);
    let nothing = |news: &mut News| {
        let next = futures_now(news.next());
        assert!(next.is_none());
    };
    nothing(&mut news);
    publish.send_replace(publish_next(&pods(&["a"])));
    lead.send_replace(true);
    nothing(&mut news);
    publish.send_replace(publish_next(&pods(&["b"])));
    let told = news.next().await.unwrap();
    assert_eq!(privileged(&told), [(true, "b".to_owned()), (false, "a".to_owned())]);
    // What comes while somebody else leads is told by this one, should it follow soon.
    lead.send_replace(false);
    publish.send_replace(publish_next(&pods(&["b", "c"])));
    nothing(&mut news);
    lead.send_replace(true);
    assert_eq!(privileged(&news.next().await.unwrap()), [(true, "c".to_owned())]);
    drop((publish, lead));
    assert!(timeout(SOON, news.next()).await.unwrap().is_none());
}

/// What a future gives at once, if it does.
fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

/// Who came since a time, and who went, by name.
fn changed(recorder: &Recorder, since: Timestamp) -> (Vec<String>, Vec<String>) {
    let changes = recorder.changes(since).unwrap().unwrap();
    let of_rule = changes.appeared.keys().filter(|fingerprint| fingerprint.starts_with("container-privileged:"));
    let came = of_rule.map(|it| it.split(' ').nth(1).unwrap().split(':').next().unwrap().to_owned()).collect();
    let of_rule = changes.gone.iter().filter(|gone| gone.rule == "container-privileged");
    (came, of_rule.map(|gone| gone.resource.as_ref().unwrap().name.clone()).collect())
}

fn recorded(file: &Path, states: &[(&[&str], i64)]) -> Recorder {
    let mut auditor = auditor(Some(Recorder::open(file, Retention::default())));
    for (names, minutes) in states {
        auditor.judge(observed(&pods(names)), after(*minutes));
    }
    drop(auditor);
    Recorder::open(file, Retention::default())
}

#[test]
fn history_tells_what_came_and_went_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let recorder = recorded(&file, &[(&["a"], 0), (&["a", "b"], 10), (&["b"], 20)]);
    // What stood when recording began did not come.
    assert_eq!(changed(&recorder, after(-100)), (vec!["shop/b".to_owned()], vec!["a".to_owned()]));
    assert_eq!(changed(&recorder, after(15)), (Vec::new(), vec!["a".to_owned()]));
    let recorder = recorded(&file, &[(&["b", "c"], 30)]);
    assert_eq!(changed(&recorder, after(15)).0, ["shop/c"]);
    let scores = recorder.scores(after(0), after(25)).unwrap();
    assert_eq!(scores.iter().map(|score| score.at).collect::<Vec<_>>(), [after(0), after(10), after(20)]);
    assert!(scores[1].findings.critical > scores[0].findings.critical && scores[2].workloads == 1);
    // A month later, what had gone is forgotten, and what stands is not.
    let recorder = recorded(&file, &[(&["b", "c"], 60 * 24 * 40)]);
    assert_eq!(recorder.scores(after(-100), after(60 * 24 * 50)).unwrap().len(), 1);
    assert!(recorder.changes(after(-100)).unwrap().unwrap().gone.is_empty());
}

#[test]
fn only_what_differs_from_then_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let none = (Vec::new(), Vec::new());
    for (name, states) in [
        ("came and went", [(&["a"][..], 0), (&["a", "b"], 10), (&["a"], 20)]),
        ("went and came", [(&["a"], 0), (&[], 10), (&["a"], 20)]),
    ] {
        let recorder = recorded(&folder.path().join(name), &states);
        assert_eq!(changed(&recorder, after(-1)), none, "{name}");
        assert_ne!(changed(&recorder, after(12)), none, "{name}");
    }
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let states = [(&["a"][..], 0), (&["a", "b"], 60), (&["a", "b", "c"], -600), (&["b", "c"], 70)];
    let recorder = recorded(&folder.path().join("history.db"), &states);
    assert_eq!(recorder.problem(), None);
    assert_eq!(changed(&recorder, after(50)), (vec!["shop/b".to_owned()], vec!["a".to_owned()]));
    assert_eq!(recorder.scores(after(-1000), after(100)).unwrap().len(), 4);
}

#[test]
fn two_replicas_record_into_one_file_what_one_would() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let both = [0, 1].map(|_| Recorder::open(&file, Retention::default()));
    let mut both = both.map(|recorder| auditor(Some(recorder)));
    for (names, minutes) in [(&["a"][..], 0), (&["a", "b"], 10), (&["b"], 20)] {
        for auditor in &mut both {
            auditor.judge(observed(&pods(names)), after(minutes));
        }
    }
    let recorder = Recorder::open(&file, Retention::default());
    assert_eq!(changed(&recorder, after(-1)), (vec!["shop/b".to_owned()], vec!["a".to_owned()]));
    assert_eq!(recorder.scores(after(0), after(30)).unwrap().len(), 3);
}

#[test]
fn a_store_that_is_no_good_is_put_aside_and_one_that_is_full_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    std::fs::write(&file, "no store at all ".repeat(1000)).unwrap();
    let recorder = recorded(&file, &[(&["a"], 0), (&["b"], 10)]);
    assert_eq!((recorder.problem(), changed(&recorder, after(0)).0), (None, vec!["shop/b".to_owned()]));
    assert!(folder.path().join("history.db.unreadable").exists());
    drop(recorder);
    // Damage within: the tables' pages are overwritten.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4096..].fill(7);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(recorded(&file, &[(&["a"], 0)]).problem(), None);

    let nowhere = Recorder::open(Path::new("/proc/none/history.db"), Retention::default());
    assert!(nowhere.problem().is_some());
    let small = Retention { bytes: 64 << 10, ..Retention::default() };
    let mut full = Recorder::open(&folder.path().join("small.db"), small);
    let names: Vec<String> = (0..100).map(|number| format!("pod-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = auditor(None).judge(observed(&pods(&names)), NOW);
    full.record(&many);
    assert!(full.problem().unwrap().contains("full"), "{:?}", full.problem());
    full.record(&auditor(None).judge(observed(&pods(&["a"])), NOW));
    assert_eq!(full.problem(), None);
}

fn policy_reports(text: &str, form: usize) -> BTreeMap<Key, (String, Json)> {
    let snapshot = auditor(None).judge(observed(text), NOW);
    objects(&snapshot.report, &FORMS[form]).into_iter().map(|(key, it)| (key, (it.digest, it.object))).collect()
}

#[test]
fn ten_thousand_findings_in_a_namespace_fit_into_reports_and_few_are_written_again() {
    let longest = "n".repeat(200);
    let names: Vec<String> = (0..1700).map(|number| format!("{longest}-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = pods(&names);
    let found = auditor(None).judge(observed(&text), NOW).report.findings.len();
    assert!(found > 10_000, "{found}");
    for form in [0, 1] {
        let before = policy_reports(&text, form);
        let results = |object: &Json| object["results"].as_array().unwrap().len();
        assert_eq!(before.values().map(|(_, object)| results(object)).sum::<usize>(), found);
        for (digest, object) in before.values() {
            assert!(object.to_string().len() < 1 << 20);
            assert_eq!(object["metadata"]["annotations"]["hardline.dev/digest"], *digest);
            let summary = &object["summary"];
            let counted = summary["fail"].as_u64().unwrap() + summary["warn"].as_u64().unwrap();
            assert_eq!(counted, results(object) as u64);
        }
        let after = policy_reports(&text.replacen("privileged: true", "privileged: false", 1), form);
        let changed =
            before.iter().filter(|(key, (digest, _))| after.get(*key).map(|(digest, _)| digest) != Some(digest));
        assert_eq!((before.len(), changed.count()), (after.len(), 1));
    }
}

#[test]
fn reports_say_what_was_found_in_both_forms() {
    let text = [pods(&["a"]), "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n".to_owned()].join("---\n");
    let of = |form| policy_reports(&text, form);
    let key = Key { namespace: Some("shop".to_owned()), name: "hardline".to_owned() };
    let object = &of(1)[&key].1;
    assert_eq!((&object["apiVersion"], &object["kind"]), (&json!("openreports.io/v1alpha1"), &json!("Report")));
    let results = object["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["policy"] == "container-privileged").unwrap();
    assert_eq!(
        (&result["result"], &result["severity"], &result["resources"]),
        (
            &json!("fail"),
            &json!("critical"),
            &json!([{"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "a"}])
        )
    );
    assert_eq!(result["properties"]["path"], "/spec/containers/0/securityContext/privileged");
    assert_eq!(of(0)[&key].1["kind"], "PolicyReport");
}

/// A receiver of messages, which answers with these statuses and then with 200.
async fn receiver(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<(String, Json)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let asked = Arc::new(AtomicUsize::new(0));
        while let Ok((stream, _)) = listener.accept().await {
            let (send, asked) = (send.clone(), asked.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (send, asked) = (send.clone(), asked.clone());
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let status = statuses.get(asked.fetch_add(1, Ordering::Relaxed)).copied().unwrap_or(200);
                    if status == 200 {
                        send.send((path, serde_json::from_slice(&body).unwrap())).unwrap();
                    }
                    Response::builder().status(status).body(Full::new(Bytes::new()))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, receive)
}

/// Tells a sink of what is published.
async fn told(
    form: SinkForm,
    statuses: &'static [u16],
) -> (watch::Sender<Option<Arc<Snapshot>>>, mpsc::UnboundedReceiver<(String, Json)>, watch::Sender<bool>) {
    let (url, receive) = receiver(statuses).await;
    let (publish, snapshots): (_, Snapshots) = watch::channel(None);
    let (lead, leading) = watch::channel(true);
    let options = notify::Options {
        sinks: Vec::new(),
        least: Severity::Critical,
        template: "{severity} {resource} <{rule}>".parse::<Template>().unwrap(),
        pause: Duration::from_millis(50),
    };
    tokio::spawn(notify::tell(Sink { form, url }, Arc::new(options), snapshots, leading));
    (publish, receive, lead)
}

async fn next(receive: &mut mpsc::UnboundedReceiver<(String, Json)>) -> (String, Json) {
    timeout(SOON, receive.recv()).await.expect("a message comes").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_told_each_thing_once_and_again_after_a_failure() {
    let (publish, mut receive, _lead) = told(SinkForm::Webhook, &[503, 429]).await;
    let mut auditor = auditor(None);
    let mut publish = async |names: &[&str]| {
        publish.send_replace(Some(auditor.judge(observed(&pods(names)), NOW)));
        // A snapshot that nobody looked at is as good as none.
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let names = |message: &Json, what: &str| -> BTreeSet<String> {
        let findings = message[what].as_array().unwrap().iter();
        findings.map(|finding| finding["resource"]["name"].as_str().unwrap().to_owned()).collect()
    };
    publish(&["old"]).await;
    publish(&["old", "new"]).await;
    let (path, message) = next(&mut receive).await;
    assert_eq!((path.as_str(), &message["schema"]), ("/hook", &json!("hardline.notification/v1")));
    assert_eq!(
        (names(&message, "appeared"), names(&message, "gone")),
        (BTreeSet::from(["new".to_owned()]), BTreeSet::new())
    );
    publish(&["old"]).await;
    assert_eq!(names(&next(&mut receive).await.1, "gone"), BTreeSet::from(["new".to_owned()]));
    // What comes back within the hour is not told again.
    publish(&["old", "new"]).await;
    publish(&["old", "new", "newer"]).await;
    assert_eq!(names(&next(&mut receive).await.1, "appeared"), BTreeSet::from(["newer".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_told_in_its_own_words() {
    let (publish, mut receive, _lead) = told(SinkForm::Slack, &[]).await;
    let mut auditor = auditor(None);
    publish.send_replace(Some(auditor.judge(observed(&pods(&["old"])), NOW)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    publish.send_replace(Some(auditor.judge(observed(&pods(&["old", "new"])), NOW)));
    let text = next(&mut receive).await.1["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("hardline in test: ") && text.contains("came"), "{text}");
    assert!(text.contains("• critical Pod shop/new <container-privileged>"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_is_told_what_stands_and_what_ended() {
    let (publish, mut receive, lead) = told(SinkForm::Alertmanager, &[]).await;
    let mut auditor = auditor(None);
    publish.send_replace(Some(auditor.judge(observed(&pods(&["a"])), NOW)));
    let (path, alerts) = next(&mut receive).await;
    assert_eq!(path, "/hook/api/v2/alerts");
    let find = |alerts: &Json| {
        let all = alerts.as_array().unwrap().iter();
        all.filter(|alert| alert["labels"]["rule"] == "container-privileged").cloned().collect::<Vec<_>>()
    };
    let [alert] = &find(&alerts)[..] else { panic!("{alerts}") };
    assert_eq!((&alert["labels"]["name"], &alert["labels"]["severity"]), (&json!("a"), &json!("critical")));
    let ends = |alert: &Json| alert["endsAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(ends(alert) > Timestamp::now());
    publish.send_replace(Some(auditor.judge(observed(&pods(&["b"])), NOW)));
    let (_, alerts) = next(&mut receive).await;
    let both = find(&alerts);
    let ended: Vec<_> = both.iter().filter(|alert| ends(alert) <= Timestamp::now()).collect();
    assert_eq!((both.len(), ended.len(), &ended[0]["labels"]["name"]), (2, 1, &json!("a")));
    // Who does not lead is silent.
    lead.send_replace(false);
    publish.send_replace(Some(auditor.judge(observed(&pods(&["c"])), NOW)));
    assert!(timeout(Duration::from_millis(500), receive.recv()).await.is_err());
}

#[test]
fn metrics_count_what_stands() {
    let snapshot = auditor(None).judge(observed(&pods(&["a", "b"])), NOW);
    let (_publish, snapshots) = watch::channel(Some(snapshot));
    let text = Metrics::default().watching(snapshots, Config::new(date(NOW))).text();
    for line in [
        "hardline_standing_findings{rule=\"container-privileged\",enforcement=\"deny\"} 2",
        "hardline_standing_workloads{profile=\"production\",clean=\"false\"} 2",
        "hardline_standing_timestamp_seconds 1780000000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(text.contains("hardline_standing_namespace_findings{namespace=\"shop\",severity=\"critical\"}"));
}
