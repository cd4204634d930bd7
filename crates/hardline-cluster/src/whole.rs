//! Whole objects, as the API server has them: to compare them, and to put them right.
//!
//! [`list::observe`](crate::list::observe) keeps what rules read. Who owns which field, and the
//! values of Secrets, are only in the whole object.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hardline_core::edit::PatchOperation;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::document;
use http::HeaderValue;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::api::{GetParams, ListParams, Patch, PatchParams};
use kube::core::Request;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::client::{Cluster, Error};
use crate::observed::Gap;

/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// Objects, and what could not be read.
#[derive(Debug, Default)]
pub struct Whole {
    /// The objects.
    pub resources: Vec<Resource>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// A kind in a version, and the namespace to look in; `None` for all of them.
pub type Wanted<'w> = (&'w str, &'w str, Option<&'w str>);

/// Reads all objects of some kinds, each kind by one paged list: of its namespace where only one is
/// wanted, else of the cluster. The definitions of custom kinds come with them.
///
/// A kind that may not be read, or is not served, is a gap.
pub async fn read<'w>(cluster: &Cluster, wanted: impl IntoIterator<Item = Wanted<'w>>) -> Result<Whole, Error> {
    let mut namespaces: BTreeMap<(&str, &str), BTreeSet<Option<&str>>> = BTreeMap::new();
    for (api_version, kind, namespace) in wanted {
        namespaces.entry((api_version, kind)).or_default().insert(namespace);
    }
    let mut served = Served::default();
    let mut whole = Whole::default();
    for ((api_version, kind), namespaces) in namespaces {
        let Some(resource) = served.find(cluster, api_version, kind).await? else {
            let why = format!("the cluster does not serve {api_version} {kind}");
            whole.gaps.push(Gap { what: kind.to_owned(), why });
            continue;
        };
        let one = match namespaces.into_iter().collect::<Vec<_>>()[..] {
            [Some(namespace)] if resource.namespaced => Some(namespace),
            _ => None,
        };
        let path = path(api_version, &resource, one);
        whole.list(cluster, &path, ListParams::default(), (api_version, kind)).await?;
        if let Some((group, _)) = api_version.split_once('/').filter(|(group, _)| is_custom(group)) {
            let definition = format!("{}.{group}", resource.name);
            whole.definition(cluster, &definition).await?;
        }
    }
    Ok(whole)
}

/// Reads the objects in which Helm keeps its releases.
pub async fn releases(cluster: &Cluster, namespace: Option<&str>) -> Result<Whole, Error> {
    let mut whole = Whole::default();
    let root = namespace.map_or_else(|| "/api/v1".to_owned(), |namespace| format!("/api/v1/namespaces/{namespace}"));
    let secrets = ListParams::default().fields("type=helm.sh/release.v1");
    whole.list(cluster, &format!("{root}/secrets"), secrets, ("v1", "Secret")).await?;
    let maps = ListParams::default().labels("owner=helm");
    whole.list(cluster, &format!("{root}/configmaps"), maps, ("v1", "ConfigMap")).await?;
    Ok(whole)
}

/// Reads one object; `None` where it is not there, or its kind is not served.
pub async fn get(
    cluster: &Cluster,
    (api_version, kind): (&str, &str),
    namespace: Option<&str>,
    name: &str,
) -> Result<Option<Resource>, Error> {
    let Some(resource) = Served::default().find(cluster, api_version, kind).await? else { return Ok(None) };
    let request = Request::new(path(api_version, &resource, namespace)).get(name, &GetParams::default());
    match cluster.client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map_err(Error::from) {
        Ok(text) => Ok(parse(text)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is written to an object.
#[derive(Debug, Clone, Copy)]
pub enum Write<'w> {
    /// These operations, all or none.
    Patch(&'w [PatchOperation]),
    /// This object, by server-side apply; fields that others have written are taken over.
    Apply(&'w Json),
}

/// Writes to an object in the name of a field manager, or has the API server say what would come of
/// it: the object as it is then.
pub async fn write(
    cluster: &Cluster,
    object: &Resource,
    write: Write<'_>,
    manager: &str,
    dry_run: bool,
) -> Result<Option<Resource>, Error> {
    let (api_version, kind) = (object.api_version(), object.kind_name());
    let Some(resource) = Served::default().find(cluster, api_version, kind).await? else {
        return Err(Error::NotFound(format!("the cluster does not serve {api_version} {kind}")));
    };
    let path = path(api_version, &resource, object.namespace());
    let params = PatchParams {
        field_manager: Some(manager.to_owned()),
        dry_run,
        force: matches!(write, Write::Apply(_)),
        ..PatchParams::default()
    };
    let request = Request::new(path);
    let request = match write {
        Write::Apply(desired) => request.patch(object.name(), &params, &Patch::Apply(desired)),
        Write::Patch(operations) => {
            request.patch(object.name(), &params, &Patch::Merge(operations)).map(|mut request| {
                // The client writes JSON Patch only with a library of its own.
                request.headers_mut().insert("content-type", HeaderValue::from_static("application/json-patch+json"));
                request
            })
        }
    };
    let text = cluster.client.request_text(request.map_err(kube::Error::BuildRequest)?).await?;
    Ok(parse(text))
}

/// Waits for what clusters answer, on the thread that asks. A cluster answers to the one that
/// connected to it, and no longer than that lives.
#[derive(Debug)]
pub struct Waiter(tokio::runtime::Runtime);

impl Waiter {
    /// # Errors
    /// When the system has no resources for it.
    pub fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().enable_all().build().map(Self)
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.0.block_on(answer)
    }
}

/// A page of a list. Its members are not looked into yet.
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

/// Whether a member of a list says itself what it is.
#[derive(Deserialize)]
struct Kinded<'p> {
    #[serde(borrow, default)]
    kind: Option<&'p RawValue>,
}

impl Whole {
    /// Reads a list, page by page.
    async fn list(
        &mut self,
        cluster: &Cluster,
        path: &str,
        params: ListParams,
        (api_version, kind): (&str, &str),
    ) -> Result<(), Error> {
        let mut params = params.limit(PAGE);
        loop {
            let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
            let text = match cluster.client.request_text(request).await.map_err(Error::from) {
                Ok(text) => text,
                Err(Error::Forbidden(why) | Error::NotFound(why)) => {
                    self.gaps.push(Gap { what: kind.to_owned(), why });
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let page: Page<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
            let members = page.items.unwrap_or_default();
            self.resources.extend(members.into_iter().filter_map(|member| resource(member.get(), api_version, kind)));
            match page.metadata.token.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    async fn definition(&mut self, cluster: &Cluster, name: &str) -> Result<(), Error> {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let request = Request::new(path).get(name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
        match cluster.client.request_text(request).await.map_err(Error::from) {
            Ok(text) => self.resources.extend(parse(text)),
            Err(Error::Forbidden(why) | Error::NotFound(why)) => {
                self.gaps.push(Gap { what: format!("the definition {name}"), why });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What the API server serves, asked once for each version of a group.
#[derive(Default)]
struct Served(HashMap<String, Vec<APIResource>>);

impl Served {
    async fn find(&mut self, cluster: &Cluster, api_version: &str, kind: &str) -> Result<Option<APIResource>, Error> {
        if !self.0.contains_key(api_version) {
            let list = if api_version.contains('/') {
                cluster.client.list_api_group_resources(api_version).await
            } else {
                cluster.client.list_core_api_resources(api_version).await
            };
            let resources = match list.map_err(Error::from) {
                Ok(list) => list.resources,
                Err(Error::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
            self.0.insert(api_version.to_owned(), resources);
        }
        let resources = &self.0[api_version];
        // Subresources have the kind of what they are part of.
        Ok(resources.iter().find(|it| it.kind == kind && !it.name.contains('/')).cloned())
    }
}

/// Whether a group is one that people define.
fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn path(api_version: &str, resource: &APIResource, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let namespace = namespace.filter(|_| resource.namespaced);
    let namespace = namespace.map_or_else(String::new, |namespace| format!("/namespaces/{namespace}"));
    format!("{root}/{api_version}{namespace}/{}", resource.name)
}

/// A member of a list as an object. Members of built-in kinds do not say what they are.
fn resource(member: &str, api_version: &str, kind: &str) -> Option<Resource> {
    let named = serde_json::from_str::<Kinded<'_>>(member).is_ok_and(|it| it.kind.is_some());
    if named {
        return parse(member.to_owned());
    }
    let rest = member.trim_start().strip_prefix('{')?;
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    parse(format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\"{comma}{rest}"))
}

/// Reads an object from its text, JSON as the API server writes it.
pub fn parse(text: String) -> Option<Resource> {
    let tree = document::parse(&Arc::new(Source::new("cluster", text))).tree;
    let root = tree.roots().next()?.id();
    Resource::new(tree, root).ok()
}
