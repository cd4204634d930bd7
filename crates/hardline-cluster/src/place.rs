//! Where the API server has the objects of a kind, and the requests that get them.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::client::Error;
use crate::kinds::{Keep, ObservedKind};
use crate::lean::Lean;
use crate::observed::Scope;

/// How many objects are asked for at once.
const PAGE: u32 = 500;
/// As [`PAGE`], for kinds whose objects may be megabytes.
const SMALL_PAGE: u32 = 25;
/// How often an API server that is too busy is asked again.
const TRIES: u32 = 5;
/// After how many seconds the API server ends a watch, so that a connection which died unnoticed
/// is noticed then.
pub(crate) const WATCH_SECONDS: u32 = 290;
/// The annotation of the bookmark that ends the initial events of a streaming list.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// The versions that are served of each API group, the preferred one first.
pub(crate) struct Served(HashMap<String, Vec<String>>);

impl Served {
    pub(crate) async fn by(client: &Client) -> Result<Self, Error> {
        let mut versions = HashMap::new();
        for group in client.list_api_groups().await?.groups {
            let preferred = group.preferred_version.map(|version| version.version);
            let served = group.versions.into_iter().map(|version| version.version);
            versions.insert(group.name, preferred.into_iter().chain(served).collect());
        }
        Ok(Self(versions))
    }

    /// The version to ask for. One that the cluster does not serve is answered with "not found".
    fn version(&self, observed: &ObservedKind) -> String {
        let served = self.0.get(observed.group);
        let is_served = served.is_some_and(|served| served.iter().any(|version| version == observed.version));
        match served.and_then(|served| served.first()) {
            Some(preferred) if !is_served => preferred.clone(),
            _ => observed.version.to_owned(),
        }
    }
}

/// The objects of one kind on one API server.
#[derive(Clone)]
pub(crate) struct Place {
    client: Client,
    observed: &'static ObservedKind,
    api_version: String,
    request: Request,
}

/// A part of a list.
pub(crate) struct Page {
    pub(crate) objects: Vec<Lean>,
    /// The state of the cluster that the list shows, to watch from.
    pub(crate) version: String,
}

/// What a watch says.
pub(crate) enum Event {
    /// An object is new or has changed.
    Applied(Lean),
    /// An object is gone.
    Deleted(Lean),
    /// All objects that were there when the watch began have been named.
    Listed,
    /// Nothing has changed up to now.
    Quiet,
}

/// An event, and the state of the cluster after it, to watch on from.
pub(crate) struct Seen {
    pub(crate) event: Event,
    pub(crate) version: String,
}

/// A list in the API's form. Its members are not looked into yet.
#[derive(Deserialize)]
struct RawPage<'p> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(borrow, default)]
    items: Option<Vec<&'p RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    #[serde(rename = "continue")]
    token: Option<String>,
    resource_version: Option<String>,
}

impl Place {
    pub(crate) fn new(client: &Client, observed: &'static ObservedKind, served: &Served, scope: &Scope) -> Self {
        let version = served.version(observed);
        let (root, api_version) = match observed.group {
            "" => (format!("/api/{version}"), version),
            group => (format!("/apis/{group}/{version}"), format!("{group}/{version}")),
        };
        let path = match scope {
            Scope::Namespace(namespace) if observed.namespaced => {
                format!("{root}/namespaces/{namespace}/{}", observed.plural)
            }
            _ => format!("{root}/{}", observed.plural),
        };
        Self { client: client.clone(), observed, api_version, request: Request::new(path) }
    }

    /// Each release of a chart is a megabyte that no rule looks at.
    fn fields(&self) -> Option<String> {
        (self.observed.keep == Keep::Keys).then(|| "type!=helm.sh/release.v1".to_owned())
    }

    /// The pages of the list, one after the other.
    ///
    /// `resourceVersion` is left unset: the list is then consistent, and the API server keeps to the
    /// page's limit, which it ignores for `resourceVersion=0`. A hundred thousand pods in one answer
    /// are more than either side should hold.
    pub(crate) fn pages(&self) -> impl Stream<Item = Result<Page, Error>> + use<'_> {
        let limit = if self.observed.keep == Keep::Definition { SMALL_PAGE } else { PAGE };
        let params = ListParams { field_selector: self.fields(), limit: Some(limit), ..ListParams::default() };
        stream::try_unfold(Some(params), move |params| async move {
            let Some(mut params) = params else { return Ok(None) };
            let (page, token) = self.page(&mut params).await?;
            Ok(Some((page, token.map(|token| params.continue_token(&token)))))
        })
    }

    async fn page(&self, params: &mut ListParams) -> Result<(Page, Option<String>), Error> {
        let text = match self.text(params).await {
            // The list took longer than etcd remembers. The API server offers to go on from the same
            // name, in the state of now.
            Err(Error::Expired(Some(token))) if params.continue_token.is_some() => {
                params.continue_token = Some(token);
                self.text(params).await?
            }
            answer => answer?,
        };
        let page: RawPage<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
        let objects = page.items.unwrap_or_default().into_iter().map(|item| self.lean(item)).collect();
        let version = page.metadata.resource_version.unwrap_or_default();
        Ok((Page { objects, version }, page.metadata.token.filter(|token| !token.is_empty())))
    }

    /// The text of a page. An API server that is too busy says when it would like to be asked again.
    async fn text(&self, params: &ListParams) -> Result<String, Error> {
        let mut tries = 0;
        loop {
            let request = self.request.list(params).map_err(kube::Error::BuildRequest)?;
            match self.client.request_text(request).await {
                Err(kube::Error::Api(status)) if status.code == 429 && tries < TRIES => {
                    tries += 1;
                    let asked = status.details.map_or(0, |details| details.retry_after_seconds);
                    sleep(Duration::from_secs(u64::from(asked.clamp(1, 10)))).await;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// What changes from a state of the cluster on; without one, first what there is (KEP-3157). An
    /// API server that does not know how to do that refuses.
    pub(crate) async fn watch(
        &self,
        from: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Seen, Error>> + use<'_>, Error> {
        let params = WatchParams {
            field_selector: self.fields(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            send_initial_events: from.is_none(),
            ..WatchParams::default()
        };
        let request = self.request.watch(&params, from.unwrap_or_default()).map_err(kube::Error::BuildRequest)?;
        let events = self.client.request_events(request).await?;
        Ok(events.map(move |event: Result<WatchEvent<Box<RawValue>>, kube::Error>| self.seen(event?)))
    }

    fn seen(&self, event: WatchEvent<Box<RawValue>>) -> Result<Seen, Error> {
        let (object, is): (_, fn(Lean) -> Event) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, Event::Applied),
            WatchEvent::Deleted(object) => (object, Event::Deleted),
            WatchEvent::Bookmark(bookmark) => {
                let is_end = bookmark.metadata.annotations.contains_key(INITIAL_END);
                let event = if is_end { Event::Listed } else { Event::Quiet };
                return Ok(Seen { event, version: bookmark.metadata.resource_version });
            }
            WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
        };
        let mut lean = self.lean(&object);
        let version = std::mem::take(&mut lean.version).into();
        Ok(Seen { event: is(lean), version })
    }

    fn lean(&self, object: &RawValue) -> Lean {
        Lean::of(object, self.observed, &self.api_version)
    }
}
