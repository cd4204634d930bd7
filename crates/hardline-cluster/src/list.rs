//! Reads a live cluster once.
//!
//! Every kind of [`OBSERVED`] is read by paged lists, a few at a time, owners before what they own.
//! `resourceVersion` is left unset: the list is then consistent, and the API server keeps to the
//! page's limit, which it ignores for `resourceVersion=0`. A hundred thousand pods in one answer
//! are more than either side should hold.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use hardline_core::inventory::Coverage;
use hardline_core::resource::Kind;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::{Cluster, Error};
use crate::kinds::{Keep, OBSERVED, ObservedKind, Owned};
use crate::lean::Lean;
use crate::observed::{Collector, Observed};

/// How many objects are asked for at once.
const PAGE: u32 = 500;
/// As [`PAGE`], for kinds whose objects may be megabytes.
const SMALL_PAGE: u32 = 25;
/// How many requests are under way at once. The API server's fair queues would take more; its
/// memory and etcd are everybody's.
const REQUESTS: usize = 4;

/// Which part of a cluster to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// One namespace, and what is in none.
    Namespace(String),
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which part.
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
    let reader = Reader::new(cluster, &options.scope, progress).await?;
    let mut gathering = Gathering::new(options);
    let (pods, mut others): (Vec<_>, Vec<_>) = OBSERVED.iter().partition(|observed| observed.owned == Owned::ByAny);
    others.sort_by_key(|observed| observed.owned);
    let lists = others.into_iter().map(|observed| {
        let pages = reader.pages(observed);
        async move { (observed, pages.try_concat().await) }
    });
    // The order is kept, so that what is read does not depend on who answers sooner.
    let mut lists = pin!(stream::iter(lists).buffered(REQUESTS));
    while let Some((observed, list)) = lists.next().await {
        let read = list.map(|list| gathering.add(list));
        gathering.close(observed, read)?;
    }
    for observed in pods {
        // Most pods are not kept: one page at a time is in memory.
        let mut pages = pin!(reader.pages(observed));
        let read = loop {
            match pages.try_next().await {
                Ok(Some(page)) => gathering.add(page),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        gathering.close(observed, read)?;
    }
    gathering.finish()
}

/// What is read so far.
struct Gathering<'g> {
    options: &'g Options,
    collector: Collector,
    coverage: Coverage,
    /// Whether any kind could be read that every cluster has.
    permitted: bool,
    /// Why the first of those that could not be read could not.
    denied: Option<Error>,
}

impl<'g> Gathering<'g> {
    fn new(options: &'g Options) -> Self {
        let (collector, coverage) = (Collector::default(), Coverage::nothing());
        Self { options, collector, coverage, permitted: false, denied: None }
    }

    fn add(&mut self, objects: Vec<Lean>) {
        for object in objects {
            if self.options.grouped { self.collector.add(object) } else { self.collector.add_each(object) }
        }
    }

    /// Writes down how the reading of a kind ended. Errors that end all reading come back.
    fn close(&mut self, observed: &ObservedKind, read: Result<(), Error>) -> Result<(), Error> {
        match read {
            Ok(()) => self.permitted = true,
            Err(Error::NotFound(_)) => {}
            Err(Error::Forbidden(why)) => {
                self.collector.lacks(observed.plural, why.as_str());
                self.denied.get_or_insert(Error::Forbidden(why));
                return Ok(());
            }
            Err(Error::Answer(why)) => {
                self.collector.lacks(observed.plural, why);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match &self.options.scope {
            _ if observed.kind() == Kind::Other => {}
            Scope::Namespace(namespace) if observed.namespaced => {
                self.coverage.add_kind(observed.kind(), Some(namespace));
            }
            _ => self.coverage.add_kind_everywhere(observed.kind()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Observed, Error> {
        match self.denied {
            Some(error) if !self.permitted => Err(error),
            _ => Ok(self.collector.finish(self.coverage)),
        }
    }
}

/// Asks for pages.
struct Reader<'r> {
    cluster: &'r Cluster,
    scope: &'r Scope,
    /// The versions that are served of each group, the preferred one first.
    versions: HashMap<String, Vec<String>>,
    read: AtomicUsize,
    progress: &'r (dyn Fn(usize) + Sync),
}

/// One page of a list. Its members are not looked into yet.
#[derive(Deserialize)]
struct Page<'p> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(borrow, default)]
    items: Option<Vec<&'p RawValue>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

impl<'r> Reader<'r> {
    async fn new(cluster: &'r Cluster, scope: &'r Scope, progress: &'r (dyn Fn(usize) + Sync)) -> Result<Self, Error> {
        let mut versions = HashMap::new();
        for group in cluster.client.list_api_groups().await?.groups {
            let preferred = group.preferred_version.map(|version| version.version);
            let served = group.versions.into_iter().map(|version| version.version);
            versions.insert(group.name, preferred.into_iter().chain(served).collect());
        }
        let reader = Self { cluster, scope, versions, read: AtomicUsize::new(0), progress };
        if let Scope::Namespace(namespace) = scope {
            reader.check_namespace(namespace).await?;
        }
        Ok(reader)
    }

    /// A namespace that does not exist is a slip of the hand, and not an empty one.
    async fn check_namespace(&self, namespace: &str) -> Result<(), Error> {
        let is_label = !namespace.is_empty()
            && namespace.len() <= 63
            && namespace.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_label {
            return Err(Error::Namespace(namespace.to_owned()));
        }
        let request = Request::new("/api/v1/namespaces").get(namespace, &GetParams::default());
        let request = request.map_err(kube::Error::BuildRequest)?;
        match self.cluster.client.request_text(request).await.map_err(Error::from) {
            // Who may read a namespace's objects need not be able to read the namespace.
            Ok(_) | Err(Error::Forbidden(_)) => Ok(()),
            Err(Error::NotFound(_)) => Err(Error::NotFound(format!("the cluster has no namespace `{namespace}`"))),
            Err(error) => Err(error),
        }
    }

    /// The version to ask for. One that the cluster does not serve is answered with "not found".
    fn version(&self, observed: &ObservedKind) -> String {
        let served = self.versions.get(observed.group);
        let is_served = served.is_some_and(|served| served.iter().any(|version| version == observed.version));
        match served.and_then(|served| served.first()) {
            Some(preferred) if !is_served => preferred.clone(),
            _ => observed.version.to_owned(),
        }
    }

    /// The pages of a kind's list, one after the other.
    fn pages(&self, observed: &'static ObservedKind) -> impl Stream<Item = Result<Vec<Lean>, Error>> {
        let version = self.version(observed);
        let (root, api_version) = match observed.group {
            "" => (format!("/api/{version}"), version),
            group => (format!("/apis/{group}/{version}"), format!("{group}/{version}")),
        };
        let path = match self.scope {
            Scope::Namespace(namespace) if observed.namespaced => {
                format!("{root}/namespaces/{namespace}/{}", observed.plural)
            }
            _ => format!("{root}/{}", observed.plural),
        };
        let request = Request::new(path);
        let mut params = ListParams::default().limit(PAGE);
        match observed.keep {
            Keep::Definition => params.limit = Some(SMALL_PAGE),
            // Each release of a chart is a megabyte that no rule looks at.
            Keep::Keys => params.field_selector = Some("type!=helm.sh/release.v1".to_owned()),
            Keep::All => {}
        }
        stream::try_unfold(Some(params), move |params| {
            let (request, api_version) = (request.clone(), api_version.clone());
            async move {
                let Some(mut params) = params else { return Ok(None) };
                let (leans, token) = self.page(&request, &mut params, observed, &api_version).await?;
                let next = token.map(|token| params.continue_token(&token));
                Ok(Some((leans, next)))
            }
        })
    }

    async fn page(
        &self,
        request: &Request,
        params: &mut ListParams,
        observed: &ObservedKind,
        api_version: &str,
    ) -> Result<(Vec<Lean>, Option<String>), Error> {
        let text = match self.text(request, params).await {
            // The list took longer than etcd remembers. The API server offers to go on from the same
            // name, in the state of now.
            Err(Error::Expired(Some(token))) if params.continue_token.is_some() => {
                params.continue_token = Some(token);
                self.text(request, params).await?
            }
            answer => answer?,
        };
        let page: Page<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
        let items = page.items.unwrap_or_default();
        let leans = items.into_iter().map(|item| Lean::of(item, observed, api_version)).collect::<Vec<_>>();
        let read = self.read.fetch_add(leans.len(), Ordering::Relaxed) + leans.len();
        (self.progress)(read);
        Ok((leans, page.metadata.token.filter(|token| !token.is_empty())))
    }

    async fn text(&self, request: &Request, params: &ListParams) -> Result<String, Error> {
        let request = request.list(params).map_err(kube::Error::BuildRequest)?;
        Ok(self.cluster.client.request_text(request).await?)
    }
}
