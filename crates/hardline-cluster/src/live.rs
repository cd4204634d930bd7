//! What a cluster holds, all the time: watches that feed a [`Store`].
//!
//! [`Live::start`] watches every kind of [`OBSERVED`] and publishes an inventory whenever something
//! changed that rules can see, a moment later so that a rollout is one change and not a hundred.
//! Whoever judges takes [`Live::now`], which costs nothing, or waits on [`Live::changes`].
//!
//! The watches are made here and not by `kube::runtime::watcher`, whose stream does not show
//! bookmarks or that a broken watch goes on again: without these nobody could tell a quiet cluster
//! from a cut line, and [`Live::age`] says just that.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::Kind;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::DefaultBackoff;
use tokio::sync::{Notify, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{sleep, timeout};

use crate::client::{Cluster, Error};
use crate::kinds::OBSERVED;
use crate::observed::{Observed, Scope};
use crate::place::{Event, Place, Served, WATCH_SECONDS};
use crate::store::Store;

/// How long changes are gathered before they are published.
const GATHER: Duration = Duration::from_millis(100);
/// Of the time, one part in so many is spent on making inventories.
const SHARE: u32 = 10;
/// How often a kind that the cluster does not serve is looked for.
const ABSENT: Duration = Duration::from_mins(1);

/// A cluster that is watched. The watches end when this is dropped.
#[derive(Debug)]
pub struct Live {
    observed: watch::Receiver<Arc<Observed>>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// When the API server last said something about each kind, in the order of [`OBSERVED`].
    heard: Mutex<Vec<Instant>>,
    changed: Notify,
}

impl Live {
    /// Begins to watch. Must be called within a Tokio runtime.
    pub fn start(cluster: &Cluster) -> Self {
        let store = Store::new(Scope::Everything, true);
        let heard = vec![Instant::now(); OBSERVED.len()];
        let shared = Shared { store: Mutex::new(store), heard: Mutex::new(heard), changed: Notify::new() };
        let shared = Arc::new(shared);
        let nothing = Observed {
            inventory: Inventory::new(Vec::new(), Coverage::nothing()),
            origins: Vec::new(),
            gaps: Vec::new(),
            objects: 0,
        };
        let (publish, observed) = watch::channel(Arc::new(nothing));
        let mut tasks = JoinSet::new();
        for kind in 0..OBSERVED.len() {
            tasks.spawn(keep_watching(cluster.clone(), kind, shared.clone()));
        }
        tasks.spawn(keep_publishing(shared.clone(), publish));
        Self { observed, shared, _tasks: tasks }
    }

    /// What the cluster holds now. Nothing, and covered as such, before the first lists are read.
    pub fn now(&self) -> Arc<Observed> {
        self.observed.borrow().clone()
    }

    /// A channel that has each new state, for those who judge whatever changes.
    pub fn changes(&self) -> watch::Receiver<Arc<Observed>> {
        self.observed.clone()
    }

    /// Whether every kind has been read once, but for those that may not be: what [`Live::now`]
    /// gives is the cluster. Every cluster has something; where nothing at all may be read, this
    /// never comes.
    pub fn is_synced(&self) -> bool {
        self.observed.borrow().objects > 0
    }

    /// Waits until [`Live::is_synced`].
    pub async fn synced(&self) {
        let mut changes = self.changes();
        // The channel closes when the tasks are gone, and then there is nothing to wait for.
        let _ = changes.wait_for(|observed| observed.objects > 0).await;
    }

    /// How long ago the API server last spoke about the kind that it has said least about: at most
    /// somewhat more than a minute while all is well, for so often it says that nothing changed.
    pub fn age(&self) -> Duration {
        let heard = lock(&self.shared.heard);
        heard.iter().min().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// How long ago the API server last spoke about each kind that rules know by itself.
    pub fn ages(&self) -> impl Fn() -> Vec<(Kind, Duration)> + Send + 'static {
        let shared = self.shared.clone();
        move || {
            let heard = lock(&shared.heard);
            let ages = OBSERVED.iter().zip(heard.iter()).map(|(observed, at)| (observed.kind(), at.elapsed()));
            ages.filter(|(kind, _)| *kind != Kind::Other).collect()
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Lets the store take something in.
    fn tell(&self, kind: usize, take: impl FnOnce(&mut Store)) {
        lock(&self.heard)[kind] = Instant::now();
        let mut store = lock(&self.store);
        take(&mut store);
        if store.is_changed() {
            self.changed.notify_one();
        }
    }
}

/// Publishes what changed, for ever.
async fn keep_publishing(shared: Arc<Shared>, publish: watch::Sender<Arc<Observed>>) {
    loop {
        shared.changed.notified().await;
        sleep(GATHER).await;
        let started = Instant::now();
        let store = shared.clone();
        let snapshot = task::spawn_blocking(move || {
            let mut store = lock(&store.store);
            (store.is_read() && store.is_changed()).then(|| store.snapshot())
        });
        // A panic there is said by the runtime; the next change tries again.
        if let Ok(Some(observed)) = snapshot.await {
            publish.send_replace(Arc::new(observed));
        }
        sleep(started.elapsed() * (SHARE - 1)).await;
    }
}

/// Watches a kind, for ever.
async fn keep_watching(cluster: Cluster, kind: usize, shared: Arc<Shared>) {
    let mut backoff = DefaultBackoff::default();
    let mut place = None;
    let mut from = None;
    loop {
        match follow(&cluster, kind, &shared, &mut place, &mut from).await {
            // The API server ends watches now and then; go on from where it was.
            Ok(true) => {
                backoff.reset();
                continue;
            }
            Ok(false) => {}
            Err(Error::NotFound(_)) => {
                (place, from) = (None, None);
                shared.tell(kind, |store| {
                    store.begin(kind);
                    store.complete(kind);
                });
                sleep(ABSENT).await;
                continue;
            }
            Err(error) => {
                // Whatever went wrong, a list is the sure way to go on; only a line that was cut can
                // be taken up where it was.
                if !matches!(error, Error::Unreachable(_)) {
                    from = None;
                }
                if let Error::Forbidden(why) = error {
                    shared.tell(kind, |store| store.lacks(kind, why));
                }
            }
        }
        sleep(backoff.next().unwrap_or(ABSENT)).await;
    }
}

/// Reads a kind and follows its changes until the watch ends. Says whether the watch said anything.
async fn follow(
    cluster: &Cluster,
    kind: usize,
    shared: &Shared,
    place: &mut Option<Place>,
    from: &mut Option<String>,
) -> Result<bool, Error> {
    if place.is_none() {
        let served = Served::by(&cluster.client).await?;
        *place = Some(Place::new(&cluster.client, &OBSERVED[kind], &served, &Scope::Everything));
    }
    let Some(place) = place else { return Ok(false) };
    let starts = from.is_none();
    if starts {
        shared.tell(kind, |store| store.begin(kind));
    }
    let events = match place.watch(from.as_deref()).await {
        // An API server that has no streaming lists says that the request is invalid.
        Err(Error::Answer(_)) if starts => {
            *from = Some(list(place, kind, shared).await?);
            return Ok(true);
        }
        events => events?,
    };
    let mut events = pin!(events);
    let patience = Duration::from_secs(u64::from(WATCH_SECONDS) + 10);
    let mut listed = !starts;
    let mut spoke = false;
    while let Ok(Some(seen)) = timeout(patience, events.next()).await {
        let seen = seen?;
        spoke = true;
        shared.tell(kind, |store| match seen.event {
            Event::Applied(lean) => store.apply(kind, lean),
            Event::Deleted(lean) => store.delete(kind, &lean.namespace, &lean.name),
            Event::Listed => {
                listed = true;
                store.complete(kind);
            }
            Event::Quiet => {}
        });
        // Before all is listed there is no place to go on from.
        if listed && !seen.version.is_empty() {
            *from = Some(seen.version);
        }
    }
    Ok(spoke)
}

/// Reads a kind by pages. Gives the state to watch from.
async fn list(place: &Place, kind: usize, shared: &Shared) -> Result<String, Error> {
    let mut pages = pin!(place.pages());
    let mut version = String::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        // The state of the first page holds for all, but where the list outlived it.
        version = page.version;
        shared.tell(kind, |store| page.objects.into_iter().for_each(|object| store.apply(kind, object)));
    }
    shared.tell(kind, |store| store.complete(kind));
    Ok(version)
}
