//! The drift detector: what Helm has deployed against what runs, all the time.
//!
//! The kinds that releases hold are watched as whole objects, for who owns which field is nowhere
//! else. An object is compared when it comes by, and kept only while it has drifted.
//!
//! The leader also puts right what has drifted, in namespaces that ask for it by the label
//! [`LABEL`], while nobody has broken the glass there and nothing says that it is to pause.

pub mod remedy;
pub mod sheet;
pub mod state;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use hardline_cluster::client::{Cluster, Error};
use hardline_cluster::observed::Observed;
use hardline_cluster::whole::{self, Write};
use hardline_core::config::Config;
use hardline_core::drift::{self as core, Method};
use hardline_core::guard::Guard;
use hardline_core::inventory::Inventory;
use hardline_core::resource::{Kind, Resource, ResourceId};
use hardline_manifest::release;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::events::{Event as Told, EventType, Recorder, Reporter};
use kube::runtime::watcher::{Config as Selection, Error as WatchError, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until};

use crate::clock;
use crate::events::{LONGEST, cut, regarding};
use crate::guard;
use crate::metrics::Metrics;
use remedy::{Decision, Remedies};
use sheet::Sheet;
use state::{Change, Drifted, Key, State, Version};

/// The label by which a namespace asks that drift is put right: `remediate`.
pub const LABEL: &str = "hardline.dev/drift";

/// The annotation of a namespace or an object that lets drift be until a time, by RFC 3339.
pub const PAUSE: &str = "hardline.dev/drift-paused-until";

/// How often a namespace is looked at again that does not let drift be put right now.
const AGAIN: Duration = Duration::from_secs(10);

/// How soon a watch that fails is tried again at first.
const SOON: Duration = Duration::from_secs(1);

/// How many events may wait.
const WAITING: usize = 256;

/// Something that a watch has seen.
enum Seen {
    /// All revisions that the cluster keeps.
    Revisions(Vec<Revision>),
    /// One that is new, or has another status; without one it is gone.
    Revision(Revision),
    /// An object as it is now.
    Object(Version, Box<DynamicObject>),
    /// An object that is gone.
    Gone(Version, Box<DynamicObject>),
    /// Of a kind there are these objects, by namespace and name, and no others.
    Listed(Version, HashSet<(Option<String>, String)>),
    /// The definition of a custom kind.
    Defined(Version, Box<Resource>),
}

/// A revision of a release, by the labels of the Secret that holds it.
#[derive(Debug, Clone)]
struct Revision {
    namespace: String,
    name: String,
    number: u64,
    status: Option<String>,
}

/// Looks for drift, and puts it right where that is asked for.
pub struct Detector {
    cluster: Cluster,
    observed: watch::Receiver<Arc<Observed>>,
    leading: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    recorder: Recorder,
    state: State,
    remedies: Remedies,
    /// When to look at an object again that is to be put right.
    due: BTreeMap<Key, Instant>,
    watched: HashMap<Version, AbortHandle>,
    publish: watch::Sender<Arc<Vec<Arc<Sheet>>>>,
}

impl Detector {
    /// A detector for a cluster, of which `observed` tells the namespaces and the break-glass grants.
    pub fn new(
        cluster: Cluster,
        observed: watch::Receiver<Arc<Observed>>,
        leading: watch::Receiver<bool>,
        config: Config,
        metrics: Arc<Metrics>,
        replica: String,
    ) -> Self {
        let reporter = Reporter { controller: "hardline.dev/drift".to_owned(), instance: Some(replica) };
        let recorder = Recorder::new(cluster.client.clone(), reporter);
        Self {
            cluster,
            observed,
            leading,
            metrics,
            recorder,
            state: State::new(config),
            remedies: Remedies::default(),
            due: BTreeMap::new(),
            watched: HashMap::new(),
            publish: watch::Sender::default(),
        }
    }

    /// This detector, which publishes what has drifted whenever that changes.
    #[must_use]
    pub fn publishing(self, publish: watch::Sender<Arc<Vec<Arc<Sheet>>>>) -> Self {
        Self { publish, ..self }
    }

    /// Detects for good.
    pub async fn run(mut self) {
        let (seen, mut events) = mpsc::channel(WAITING);
        tokio::spawn(watch_releases(self.cluster.clone(), seen.clone()));
        loop {
            let next = self.due.values().min().copied();
            let wait = async {
                match next {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event, &seen).await,
                    None => return,
                },
                () = wait => self.put_right().await,
            }
        }
    }

    async fn take(&mut self, seen: Seen, events: &mpsc::Sender<Seen>) {
        match seen {
            Seen::Revisions(all) => {
                self.state.keep_revisions(all.iter().map(|it| (&*it.namespace, &*it.name, it.number)));
                for it in all {
                    self.state.revision(&it.namespace, &it.name, it.number, it.status);
                }
                self.read_releases(events).await;
            }
            Seen::Revision(it) => {
                self.state.revision(&it.namespace, &it.name, it.number, it.status);
                self.read_releases(events).await;
            }
            Seen::Object(version, object) => {
                let namespace = object.metadata.namespace.as_deref();
                let name = object.metadata.name.as_deref().unwrap_or_default();
                let Some(key) = self.state.desired_key(group(&version), &version.1, namespace, name) else { return };
                let observed = resource(&version, *object);
                self.observe(&key, observed).await;
            }
            Seen::Gone(version, object) => {
                let namespace = object.metadata.namespace.as_deref();
                let name = object.metadata.name.as_deref().unwrap_or_default();
                if let Some(key) = self.state.desired_key(group(&version), &version.1, namespace, name) {
                    self.observe(&key, None).await;
                }
            }
            Seen::Listed(version, names) => {
                for key in self.state.desired_of(&version) {
                    let is =
                        |namespace: Option<&str>| names.contains(&(namespace.map(str::to_owned), key.name.clone()));
                    if !is(Some(&key.namespace)) && !is(None) {
                        self.observe(&key, None).await;
                    }
                }
            }
            Seen::Defined(version, definition) => self.state.define(version, *definition),
        }
    }

    /// Reads the releases that are deployed now and were not, and looks at their objects.
    async fn read_releases(&mut self, events: &mpsc::Sender<Seen>) {
        for (namespace, name, number) in self.state.wanted() {
            let secret = format!("sh.helm.release.v1.{name}.v{number}");
            let held = whole::get(&self.cluster, ("v1", "Secret"), Some(&namespace), &secret).await;
            let release = match held {
                Ok(Some(held)) => release::decode(&held).map_err(|error| error.to_string()),
                Ok(None) => Err("it is gone".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            match release {
                Ok(release) => {
                    for key in self.state.release(release) {
                        self.look(&key).await;
                    }
                }
                Err(problem) => tracing::warn!(namespace, secret, problem, "a release cannot be read"),
            }
        }
        let versions = self.state.versions();
        self.watched.retain(|version, task| {
            let wanted = versions.contains(version);
            if !wanted {
                task.abort();
            }
            wanted
        });
        for version in versions {
            self.watched.entry(version.clone()).or_insert_with(|| {
                tokio::spawn(watch_objects(self.cluster.clone(), version, events.clone())).abort_handle()
            });
        }
        self.count();
    }

    /// Looks at an object whose desired form is new, where its kind is watched already: else it is listed.
    async fn look(&mut self, key: &Key) {
        let Some(desired) = self.state.desired(key) else { return };
        let version = (desired.api_version().to_owned(), desired.kind_name().to_owned());
        if !self.watched.contains_key(&version) {
            return;
        }
        let namespace = desired.namespace().map(str::to_owned);
        match whole::get(&self.cluster, (&version.0, &version.1), namespace.as_deref(), &key.name).await {
            Ok(observed) => self.observe(key, observed).await,
            Err(error) => tracing::warn!(object = ?key, %error, "an object cannot be read"),
        }
    }

    async fn observe(&mut self, key: &Key, observed: Option<Resource>) {
        let started = Instant::now();
        let change = self.state.observe(key, observed);
        self.metrics.compared(started.elapsed());
        match change {
            Change::None => {}
            Change::Settled => {
                self.due.remove(key);
                tracing::info!(object = %name(key), "drift is gone");
                self.count();
            }
            Change::Drifted => {
                if let Some(drifted) = self.state.drifted().get(key) {
                    let id = drifted.id();
                    for finding in &drifted.sheet.findings {
                        tracing::warn!(object = %id, rule = finding.rule.id, "{}", finding.message);
                    }
                    if *self.leading.borrow() {
                        let findings = &drifted.sheet.findings;
                        let note = findings.iter().map(|it| &*it.message).collect::<Vec<_>>().join("; ");
                        self.tell(&id, uid(drifted), EventType::Warning, "Drifted", note).await;
                    }
                }
                self.due.insert(key.clone(), Instant::now());
                self.count();
            }
        }
    }

    fn count(&self) {
        let drifted = self.state.drifted();
        let mut namespaces: BTreeMap<&str, usize> = BTreeMap::new();
        for key in drifted.keys() {
            *namespaces.entry(&key.namespace).or_default() += 1;
        }
        self.metrics.drifted(&namespaces);
        self.publish.send_replace(Arc::new(drifted.values().map(|it| it.sheet.clone()).collect()));
    }

    /// Puts right what is due.
    async fn put_right(&mut self) {
        let now = Instant::now();
        let due: Vec<Key> = self.due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            let next = self.put_one_right(&key).await;
            match next {
                Some(wait) => self.due.insert(key, Instant::now() + wait),
                None => self.due.remove(&key),
            };
        }
    }

    /// Puts an object right, if that is asked for. Says when to look at it again.
    async fn put_one_right(&mut self, key: &Key) -> Option<Duration> {
        let drifted = self.state.drifted().get(key)?;
        // Whoever leads next finds the drift again.
        if !*self.leading.borrow() {
            return Some(AGAIN);
        }
        let now = clock::now();
        let cluster = self.observed.borrow().clone();
        let of = (&drifted.desired, drifted.observed.as_ref());
        match permission(&cluster.inventory, of, self.state.guard(), now) {
            Permission::NotAsked => return Some(AGAIN),
            Permission::Until(time) => return Some(until(time, now).min(AGAIN)),
            Permission::Granted => {}
        }
        let (id, uid) = (drifted.id(), uid(drifted));
        let fields = drifted.fields();
        match self.remedies.decide(key, drifted.release.revision, &fields, now) {
            Decision::Wait(time) => return Some(until(time, now)),
            Decision::Stopped => return None,
            Decision::Stop { manager, field } => {
                let by = if manager.is_empty() { "somebody".to_owned() } else { format!("`{manager}`") };
                let field = if field.is_empty() { "the object".to_owned() } else { format!("`{field}`") };
                let note = format!(
                    "{by} changes {field} back each time it is restored: it is left alone until the release has a new revision"
                );
                self.metrics.remediated(&key.namespace, "stopped");
                tracing::warn!(object = %id, "{note}");
                self.tell(&id, uid, EventType::Warning, "RemediationStopped", note).await;
                return None;
            }
            Decision::Restore => {}
        }
        let restored = restore(&self.cluster, drifted, self.state.expectations()).await;
        let (outcome, kind, reason, note) = match restored {
            Ok(()) => ("restored", EventType::Normal, "DriftRestored", format!("restored {}", named(&fields))),
            Err(Refusal::Interrupts(why)) => {
                ("refused", EventType::Warning, "RemediationRefused", format!("left as it is: {why}"))
            }
            Err(Refusal::Failed(why)) => ("failed", EventType::Warning, "RemediationFailed", why),
        };
        self.metrics.remediated(&key.namespace, outcome);
        tracing::info!(object = %id, outcome, "{note}");
        self.tell(&id, uid, kind, reason, note).await;
        if outcome == "refused" {
            return None;
        }
        // What failed is tried again as rarely as what is changed again and again; and what was restored
        // may have been changed again before anybody saw it.
        self.remedies.restored(key, if outcome == "restored" { fields } else { Vec::new() }, now);
        Some(AGAIN)
    }

    async fn tell(&self, id: &ResourceId, uid: Option<String>, type_: EventType, reason: &str, note: String) {
        let about = regarding(id, uid);
        // Events of the same action are counted and not told again.
        let action = cut(note.clone(), 120);
        let note = Some(cut(note, LONGEST));
        let event = Told { type_, reason: reason.to_owned(), note, action, secondary: None };
        if let Err(error) = self.recorder.publish(&event, &about).await {
            tracing::warn!(%error, "an Event cannot be made");
        }
    }
}

/// Whether drift may be put right.
#[derive(Debug, PartialEq, Eq)]
enum Permission {
    /// The namespace does not ask for it.
    NotAsked,
    /// Not until this time.
    Until(Timestamp),
    /// Now.
    Granted,
}

/// Whether an object may be put right: its namespace asks for it, neither is paused, and nobody has
/// broken the glass there. A pause whose end cannot be read has no end.
fn permission(
    cluster: &Inventory,
    (desired, observed): (&Resource, Option<&Resource>),
    guard: &Guard,
    now: Timestamp,
) -> Permission {
    let Some(namespace) = desired.namespace() else { return Permission::NotAsked };
    let mut of_namespace = cluster.named(Kind::Namespace, None, namespace);
    let Some(labels) = of_namespace.next().filter(|it| it.label(LABEL) == Some("remediate")) else {
        return Permission::NotAsked;
    };
    let pauses = [Some(labels), observed].into_iter().flatten();
    let pauses = pauses.filter_map(|resource| resource.annotation(PAUSE)).map(end);
    let grants = cluster.of_kind(Kind::BreakGlass, Some(namespace)).filter_map(|grant| guard::end(grant, guard));
    match pauses.chain(grants).filter(|end| *end > now).max() {
        Some(end) => Permission::Until(end),
        None => Permission::Granted,
    }
}

fn end(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::MAX)
}

fn until(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default()
}

/// Why an object is not put right.
enum Refusal {
    /// It would stop a service.
    Interrupts(String),
    /// It cannot be.
    Failed(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn restore(cluster: &Cluster, drifted: &Drifted, expected: &[core::Expectation]) -> Result<(), Refusal> {
    let Drifted { desired, observed, release, drift, .. } = drifted;
    let misfit = |error: hardline_core::edit::Misfit| Refusal::Failed(error.to_string());
    let release = Some((&*release.name, &*release.namespace));
    let apply = core::to_apply(desired, observed.as_ref(), release, expected).map_err(misfit)?;
    let (Some(observed), Some(object)) = (observed, drift.objects.first()) else {
        whole::write(cluster, desired, Write::Apply(&apply), "helm", false).await?;
        return Ok(());
    };
    let Some(restoration) = core::restore(object, desired, observed).map_err(misfit)? else { return Ok(()) };
    if let Some(why) = restoration.interrupts {
        return Err(Refusal::Interrupts(why));
    }
    let manager = &restoration.manager;
    if !restoration.patch.is_empty() {
        whole::write(cluster, observed, Write::Patch(&restoration.patch), manager, false).await?;
    }
    if restoration.method == Method::Apply {
        whole::write(cluster, observed, Write::Apply(&apply), manager, false).await?;
    }
    Ok(())
}

fn named(fields: &[(String, String)]) -> String {
    let names: Vec<_> = fields.iter().map(|(field, _)| if field.is_empty() { "the object" } else { field }).collect();
    names.join(", ")
}

fn name(key: &Key) -> String {
    format!("{} {}/{}", key.kind, key.namespace, key.name)
}

fn uid(drifted: &Drifted) -> Option<String> {
    drifted.observed.as_ref()?.value().at(&["metadata", "uid"])?.str().map(str::to_owned)
}

fn group(version: &Version) -> &str {
    version.0.rsplit_once('/').map_or("", |(group, _)| group)
}

/// An object of a watch. Members of lists of built-in kinds do not say what they are.
pub fn resource((api_version, kind): &Version, mut object: DynamicObject) -> Option<Resource> {
    object.types = Some(kube::core::TypeMeta { api_version: api_version.clone(), kind: kind.clone() });
    whole::parse(serde_json::to_string(&object).ok()?)
}

/// Watches the Secrets of releases, by their labels alone, for good.
async fn watch_releases(cluster: Cluster, seen: mpsc::Sender<Seen>) {
    let api: Api<PartialObjectMeta<Secret>> = Api::all(cluster.client);
    let mut listed = Vec::new();
    let turn = |event| match event {
        Event::Init => {
            listed.clear();
            None
        }
        Event::InitApply(secret) => {
            listed.extend(revision(&secret, true));
            None
        }
        Event::InitDone => Some(Seen::Revisions(std::mem::take(&mut listed))),
        Event::Apply(secret) => revision(&secret, true).map(Seen::Revision),
        Event::Delete(secret) => revision(&secret, false).map(Seen::Revision),
    };
    follow(api, Selection::default().labels("owner=helm"), "releases", seen, turn).await;
}

fn revision(secret: &PartialObjectMeta<Secret>, is_there: bool) -> Option<Revision> {
    let label = |name: &str| secret.labels().get(name).cloned();
    Some(Revision {
        namespace: secret.namespace()?,
        name: label("name")?,
        number: label("version")?.parse().ok()?,
        status: label("status").filter(|_| is_there),
    })
}

/// Watches the objects of a kind, for good; a kind that the cluster does not serve is looked for again.
async fn watch_objects(cluster: Cluster, version: Version, seen: mpsc::Sender<Seen>) {
    let (api_version, kind) = &version;
    let (group, number) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let wanted = GroupVersionKind::gvk(group, number, kind);
    let served: ApiResource = loop {
        match kube::discovery::pinned_kind(&cluster.client, &wanted).await {
            Ok((served, _)) => break served,
            Err(error) => tracing::warn!(api_version, kind, %error, "the kind of a release cannot be watched"),
        }
        sleep(AGAIN).await;
    };
    let definition = format!("{}.{group}", served.plural);
    let definitions = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    if let Ok(Some(definition)) = whole::get(&cluster, definitions, None, &definition).await {
        let _ = seen.send(Seen::Defined(version.clone(), Box::new(definition))).await;
    }
    let api: Api<DynamicObject> = Api::all_with(cluster.client, &served);
    let mut listed = HashSet::new();
    let turn = |event: Event<DynamicObject>| match event {
        Event::Init => {
            listed.clear();
            None
        }
        Event::InitApply(object) => {
            listed.insert((object.namespace(), object.name_any()));
            Some(Seen::Object(version.clone(), Box::new(object)))
        }
        Event::InitDone => Some(Seen::Listed(version.clone(), std::mem::take(&mut listed))),
        Event::Apply(object) => Some(Seen::Object(version.clone(), Box::new(object))),
        Event::Delete(object) => Some(Seen::Gone(version.clone(), Box::new(object))),
    };
    follow(api, Selection::default(), kind, seen, turn).await;
}

/// Follows a watch for good, and passes on what `turn` makes of its events. The longer it fails, the
/// more rarely it is tried: its own back-off begins anew with each try.
async fn follow<K>(
    api: Api<K>,
    selection: Selection,
    what: &str,
    seen: mpsc::Sender<Seen>,
    mut turn: impl FnMut(Event<K>) -> Option<Seen>,
) where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = watcher(api, selection).boxed();
    let mut wait = SOON;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if !matches!(event, Event::Init) {
                    wait = SOON;
                }
                if let Some(turned) = turn(event)
                    && seen.send(turned).await.is_err()
                {
                    return;
                }
            }
            Err(WatchError::InitialListFailed(error) | WatchError::WatchStartFailed(error)) => {
                tracing::warn!(what, "cannot be watched: {}", Error::from(error));
                sleep(wait).await;
                wait = (wait * 2).min(AGAIN);
            }
            Err(error) => {
                tracing::debug!(what, "the watch begins anew: {error}");
                sleep(wait).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hardline_core::inventory::Coverage;

    use super::*;

    fn resource(text: &str) -> Resource {
        whole::parse(text.to_owned()).unwrap()
    }

    fn namespace(labels: &str, annotations: &str) -> Resource {
        let metadata = format!(r#"{{"name":"shop","labels":{{{labels}}},"annotations":{{{annotations}}}}}"#);
        resource(&format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{metadata}}}"#))
    }

    fn grant(namespace: &str, until: &str) -> Resource {
        resource(&format!(
            r#"{{"apiVersion":"hardline.dev/v1alpha1","kind":"BreakGlass",
                "metadata":{{"name":"fire","namespace":"{namespace}","creationTimestamp":"2026-11-24T03:00:00Z"}},"spec":{{"user":"ada","until":"{until}"}}}}"#
        ))
    }

    fn permitted(cluster: Vec<Resource>, now: &str) -> Permission {
        let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"shop"}}"#;
        let cluster = Inventory::new(cluster, Coverage::nothing());
        permission(&cluster, (&resource(map), None), &Guard::default(), now.parse().unwrap())
    }

    #[test]
    fn drift_is_let_be_while_the_glass_is_broken_or_a_pause_lasts() {
        const ASKED: &str = r#""hardline.dev/drift":"remediate""#;
        let (before, end, after) = ("2026-11-24T03:59:59Z", "2026-11-24T04:00:00Z", "2026-11-24T04:00:01Z");
        let until = || Permission::Until(end.parse().unwrap());
        assert_eq!(permitted(vec![namespace("", "")], before), Permission::NotAsked);
        assert_eq!(permitted(vec![namespace(ASKED, "")], before), Permission::Granted);
        let broken = || vec![namespace(ASKED, ""), grant("shop", end)];
        assert_eq!(permitted(broken(), before), until());
        assert_eq!(permitted(broken(), after), Permission::Granted, "the grant has ended");
        assert_eq!(permitted(vec![namespace(ASKED, ""), grant("other", end)], before), Permission::Granted);
        let pause = |end: &str| format!(r#""{PAUSE}":"{end}""#);
        assert_eq!(permitted(vec![namespace(ASKED, &pause(end))], before), until());
        let unreadable = permitted(vec![namespace(ASKED, &pause("tomorrow"))], after);
        assert_eq!(unreadable, Permission::Until(Timestamp::MAX), "no end is no end");
    }
}
