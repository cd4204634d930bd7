//! Watches, and what becomes of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardline_cluster::live::Live;
use hardline_cluster::observed::Observed;
use hardline_core::resource::Kind;
use serde_json::{Value as Json, json};
use tokio::time::timeout;

use crate::support::{Answers, bookmark, pod, shop};

/// Waits until the cluster is seen to be as expected.
async fn until(live: &Live, expected: impl Fn(&Observed) -> bool) -> Arc<Observed> {
    let mut changes = live.changes();
    let seen = changes.wait_for(|observed| expected(observed));
    timeout(Duration::from_secs(30), seen).await.expect("it is seen in time").unwrap().clone()
}

fn holds(kind: Kind, name: &'static str) -> impl Fn(&Observed) -> bool {
    move |observed| observed.inventory.find(kind, Some("shop"), name).is_some()
}

fn event(kind: &str, version: &str, mut object: Json) -> Json {
    object["metadata"]["resourceVersion"] = json!(version);
    json!({"type": kind, "object": object})
}

#[tokio::test]
async fn lists_are_streamed_or_paged_to_the_same_effect() {
    for streams in [true, false] {
        let answers = Answers { streams, ..shop(1100) };
        let live = Live::start(&answers.cluster());
        live.synced().await;
        let observed = live.now();
        assert!(live.is_synced() && live.age() < Duration::from_mins(1));
        assert_eq!(observed.origins.iter().map(|origin| origin.pods).collect::<Vec<_>>(), [0, 1100], "{streams}");
        let covers = |kind| observed.inventory.covers(kind, Some("shop"));
        assert!(covers(Kind::Pod) && covers(Kind::NetworkPolicy), "{streams}");
    }
}

#[tokio::test]
async fn changes_are_seen_one_after_the_other() {
    let mut debugged = pod("web", "abc", 0);
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debugger", "image": "busybox"}]);
    let mut answers = Answers { streams: true, ..shop(3) };
    let changes = [vec![bookmark("9", false), event("MODIFIED", "10", debugged.clone())]];
    answers.watches.insert("/api/v1/pods".to_owned(), changes.into());
    let answers = Arc::new(Mutex::new(answers));
    let live = Live::start(&Answers::shared(&answers));
    let observed = until(&live, holds(Kind::Pod, "web-abc-00000")).await;
    assert_eq!(observed.origins[2].variant_of, Some(1));
    let gone = vec![event("DELETED", "11", debugged)];
    answers.lock().unwrap().watches.insert("/api/v1/pods".to_owned(), VecDeque::from([gone]));
    let observed = until(&live, |observed| !holds(Kind::Pod, "web-abc-00000")(observed)).await;
    assert_eq!(observed.origins[1].pods, 2);
}

#[tokio::test]
async fn a_watch_that_is_too_old_begins_anew_and_sweeps_what_is_gone() {
    let mut answers = Answers { streams: true, ..shop(3) };
    let expired = json!({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 410,
        "reason": "Expired", "message": "too old resource version"}});
    answers.watches.insert("/apis/apps/v1/deployments".to_owned(), [vec![expired]].into());
    let answers = Arc::new(Mutex::new(answers));
    let live = Live::start(&Answers::shared(&answers));
    until(&live, holds(Kind::Deployment, "web")).await;
    answers.lock().unwrap().lists.get_mut("/apis/apps/v1/deployments").unwrap().clear();
    let observed = until(&live, |observed| !holds(Kind::Deployment, "web")(observed)).await;
    // The replica set has nobody left who judges for it, and judges for the pods.
    assert_eq!(observed.inventory.of_kind(Kind::ReplicaSet, Some("shop")).count(), 1);
    assert_eq!(observed.origins.iter().map(|origin| origin.pods).max(), Some(3));
}

#[tokio::test]
async fn a_busy_api_server_is_read_in_the_end() {
    let mut answers = Answers { streams: true, ..shop(3) };
    answers.busy = ["/api/v1/pods", "/apis/apps/v1/deployments"].map(|path| (path.to_owned(), 3)).into();
    let live = Live::start(&Answers::shared(&Arc::new(Mutex::new(answers))));
    let observed = until(&live, holds(Kind::Deployment, "web")).await;
    assert_eq!((observed.gaps.len(), observed.origins[1].pods), (0, 3));
}

#[tokio::test]
async fn a_kind_that_may_no_longer_be_read_is_a_gap() {
    let mut answers = Answers { streams: true, ..shop(1) };
    answers.forbidden.insert("/api/v1/secrets".to_owned());
    let answers = Arc::new(Mutex::new(answers));
    let live = Live::start(&Answers::shared(&answers));
    live.synced().await;
    let observed = live.now();
    assert_eq!(observed.gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["secrets"]);
    assert!(!observed.inventory.covers(Kind::Secret, Some("shop")));
    answers.lock().unwrap().forbidden.clear();
    let observed = until(&live, |observed| observed.gaps.is_empty()).await;
    assert!(observed.inventory.covers(Kind::Secret, Some("shop")));
}

#[tokio::test]
async fn a_custom_kind_that_is_removed_is_known_to_be_gone() {
    let policy = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "deny", "namespace": "shop", "uid": "c"}});
    let mut answers = Answers { streams: true, ..shop(1) };
    answers.add("/apis/cilium.io/v2", "ciliumnetworkpolicies", policy);
    let answers = Arc::new(Mutex::new(answers));
    let live = Live::start(&Answers::shared(&answers));
    let found = |observed: &Observed| observed.inventory.of_kind(Kind::Other, Some("shop")).count();
    until(&live, |observed| found(observed) == 1).await;
    answers.lock().unwrap().lists.retain(|path, _| !path.contains("cilium"));
    until(&live, |observed| found(observed) == 0).await;
}
