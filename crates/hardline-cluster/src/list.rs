//! Reads a live cluster once.
//!
//! Every kind of [`OBSERVED`] is read by paged lists, a few at a time, pods last.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::api::GetParams;
use kube::core::Request;

use crate::client::{Cluster, Error};
use crate::kinds::{OBSERVED, Owned};
use crate::lean::Lean;
use crate::observed::{Observed, Scope};
use crate::place::{Page, Place, Served};
use crate::store::Store;

/// How many requests are under way at once. The API server's fair queues would take more; its
/// memory and etcd are everybody's.
const REQUESTS: usize = 4;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which part of the cluster.
    pub scope: Scope,
    /// Leave out what another resource stands for, such as the pods of a deployment.
    pub grouped: bool,
}

/// Reads a cluster. `progress` is told how many objects are read.
///
/// A kind that the credentials do not permit to read is a gap, not an error, unless nothing can be
/// read at all. A kind that the cluster does not serve is known completely: there is none.
pub async fn observe(
    cluster: &Cluster,
    options: &Options,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Observed, Error> {
    if let Scope::Namespace(namespace) = &options.scope {
        check_namespace(cluster, namespace).await?;
    }
    let served = Served::by(&cluster.client).await?;
    let read = AtomicUsize::new(0);
    let place = |kind: usize| Place::new(&cluster.client, &OBSERVED[kind], &served, &options.scope);
    let count = |page: Page| {
        let before = read.fetch_add(page.objects.len(), Ordering::Relaxed);
        progress(before + page.objects.len());
        page.objects
    };
    let mut reading = Reading::new(options);
    let (pods, others): (Vec<_>, Vec<_>) = (0..OBSERVED.len()).partition(|&kind| OBSERVED[kind].owned == Owned::ByAny);
    let lists = others.into_iter().map(|kind| {
        let place = place(kind);
        async move { (kind, place.pages().map_ok(count).try_concat().await) }
    });
    let mut lists = pin!(stream::iter(lists).buffer_unordered(REQUESTS));
    while let Some((kind, list)) = lists.next().await {
        let read = list.map(|objects| reading.add(kind, objects));
        reading.close(kind, read)?;
    }
    for kind in pods {
        let place = place(kind);
        // Most pods are not kept: one page at a time is in memory.
        let mut pages = pin!(place.pages().map_ok(count));
        let read = loop {
            match pages.try_next().await {
                Ok(Some(objects)) => reading.add(kind, objects),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        reading.close(kind, read)?;
    }
    reading.finish()
}

/// A namespace that does not exist is a slip of the hand, and not an empty one.
async fn check_namespace(cluster: &Cluster, namespace: &str) -> Result<(), Error> {
    let is_label = !namespace.is_empty()
        && namespace.len() <= 63
        && namespace.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_label {
        return Err(Error::Namespace(namespace.to_owned()));
    }
    let request = Request::new("/api/v1/namespaces").get(namespace, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest)?;
    match cluster.client.request_text(request).await.map_err(Error::from) {
        // Who may read a namespace's objects need not be able to read the namespace.
        Ok(_) | Err(Error::Forbidden(_)) => Ok(()),
        Err(Error::NotFound(_)) => Err(Error::NotFound(format!("the cluster has no namespace `{namespace}`"))),
        Err(error) => Err(error),
    }
}

/// What is read so far.
struct Reading {
    store: Store,
    /// Whether any kind could be read that every cluster has.
    permitted: bool,
    /// Why the first of those that could not be read could not.
    denied: Option<Error>,
}

impl Reading {
    fn new(options: &Options) -> Self {
        Self { store: Store::new(options.scope.clone(), options.grouped), permitted: false, denied: None }
    }

    fn add(&mut self, kind: usize, objects: Vec<Lean>) {
        for object in objects {
            self.store.apply(kind, object);
        }
    }

    /// Writes down how the reading of a kind ended. Errors that end all reading come back.
    fn close(&mut self, kind: usize, read: Result<(), Error>) -> Result<(), Error> {
        match read {
            Ok(()) => {
                self.permitted = true;
                self.store.complete(kind);
            }
            Err(Error::NotFound(_)) => self.store.complete(kind),
            Err(Error::Forbidden(why)) => {
                self.store.lacks(kind, why.as_str());
                self.denied.get_or_insert(Error::Forbidden(why));
            }
            Err(Error::Answer(why)) => self.store.lacks(kind, why),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Observed, Error> {
        match self.denied {
            Some(error) if !self.permitted => Err(error),
            _ => Ok(self.store.snapshot()),
        }
    }
}
