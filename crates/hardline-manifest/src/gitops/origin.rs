//! Where Argo CD and Flux take from what they deploy: a folder of a repository, or a chart.
//!
//! - Argo CD's `Application`:
//!   <https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/>
//! - Flux's `Kustomization` and `HelmRelease`, and the sources that they name:
//!   <https://fluxcd.io/flux/components/kustomize/kustomizations/>,
//!   <https://fluxcd.io/flux/components/helm/helmreleases/>,
//!   <https://fluxcd.io/flux/components/source/gitrepositories/>
//!
//! Generators, plugins and what else runs inside of them cannot be followed, and are named.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardline_core::image;
use hardline_core::resource::{Kind, Resource};
use hardline_core::tree::Value;
use serde_json::{Map, Value as Json, json};

/// What an object of Argo CD or Flux deploys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Where it is from; Argo CD takes several.
    pub parts: Vec<Part>,
    /// The namespace of what names none.
    pub namespace: Option<String>,
    /// Whether the object itself is as it was when it was deployed last.
    pub is_settled: bool,
}

/// One place that objects are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The place.
    pub place: Place,
    /// The revision that was deployed last, where the object tells: a commit, or the version of a chart.
    pub deployed: Option<String>,
    /// By which other parts call it, to take files of values from it. Such a part may have no objects.
    pub called: Option<String>,
    /// How it is rendered, if it is a chart.
    pub helm: Helm,
    /// What is built around it, if it is a kustomization or is to become one: the text of a
    /// `kustomization.yaml` without its `resources`.
    pub overlay: Map<String, Json>,
    /// Whether folders in the folder count, where that is no kustomization.
    pub recursive: bool,
    /// What Flux puts in the place of `${NAME}`, where it looks for that.
    pub substitutes: Option<BTreeMap<String, String>>,
}

/// A folder of a repository, or a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of a Git repository.
    Git {
        /// The repository's URL.
        url: String,
        /// A branch, tag or commit; `HEAD` is the default branch.
        revision: String,
        /// The folder; nothing where it is not to be read but only named.
        path: Option<String>,
    },
    /// A chart in a repository of charts.
    Chart {
        /// The URL of the repository; `oci://` for a registry.
        url: String,
        /// Its name there.
        name: String,
        /// A version or a range of them.
        version: String,
    },
}

/// How a chart is rendered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Helm {
    /// The name of the release.
    pub release: String,
    /// Files of values, relative to the chart, or to a part by `$name/`.
    pub files: Vec<String>,
    /// Values as text, in the order in which later ones win, after the files.
    pub values: Vec<String>,
    /// Single values such as `image.tag=1.2`, which win over all others.
    pub set: Vec<String>,
}

/// Why it cannot be told where objects are from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The object is of another kind.
    #[error("{0} deploys nothing: name an Application, a Kustomization or a HelmRelease")]
    NotOurs(String),
    /// A field that says where from is missing.
    #[error("it has no `{0}`")]
    Lacks(&'static str),
    /// It does something that happens inside of Argo CD or Flux.
    #[error("`{0}` is not understood")]
    NotUnderstood(String),
    /// It names an object that is not there.
    #[error("{0} is not there")]
    NotThere(String),
    /// An object could not be read.
    #[error("{0}")]
    Unread(String),
}

/// An object that another one names.
#[derive(Debug, Clone, Copy)]
pub struct Named<'n> {
    /// Its API group; the core group is the empty text.
    pub group: &'n str,
    /// Its kind.
    pub kind: &'n str,
    /// Its namespace.
    pub namespace: &'n str,
    /// Its name.
    pub name: &'n str,
}

/// Finds objects that others name.
pub type Find<'f> = dyn FnMut(Named<'_>) -> Result<Option<Resource>, String> + 'f;

const SOURCES: &str = "source.toolkit.fluxcd.io";

/// Where the objects of an Application, a `Kustomization` or a `HelmRelease` are from.
pub fn origin(holder: &Resource, find: &mut Find<'_>) -> Result<Origin, Unresolved> {
    match (holder.group(), holder.kind_name()) {
        ("argoproj.io", "Application") => application(holder),
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => Flux { holder, find }.kustomization(),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => Flux { holder, find }.helm_release(),
        _ => Err(Unresolved::NotOurs(holder.id().to_string())),
    }
}

fn text<'v>(value: Value<'v>, path: &[&str]) -> Option<&'v str> {
    value.at(path).and_then(Value::str).filter(|text| !text.is_empty())
}

/// A scalar as text: a parameter may be written as a number.
fn scalar(value: Value<'_>, key: &str) -> Option<String> {
    value.get(key).map(|value| value.raw().to_owned())
}

fn texts(value: Value<'_>, path: &[&str]) -> Vec<String> {
    value.at(path).into_iter().flat_map(Value::items).filter_map(Value::str).map(str::to_owned).collect()
}

/// Whether a value says anything.
fn says(value: Value<'_>) -> bool {
    value.entries().next().is_some() || value.items().next().is_some() || value.str().is_some_and(|it| !it.is_empty())
}

/// Refuses the first of these fields that says anything.
fn refuse(value: Value<'_>, fields: &[&str]) -> Result<(), Unresolved> {
    let used = fields.iter().find(|field| value.at(&field.split('.').collect::<Vec<_>>()).is_some_and(says));
    used.map_or(Ok(()), |field| Err(Unresolved::NotUnderstood((*field).to_owned())))
}

fn application(holder: &Resource) -> Result<Origin, Unresolved> {
    let several: Vec<Value<'_>> = holder.spec("sources").into_iter().flat_map(Value::items).collect();
    let one = holder.spec("source").filter(|_| several.is_empty());
    let status = holder.value().at(&["status", "operationState", "syncResult"]);
    let synced = |at: Option<usize>| match (status, at) {
        (Some(status), None) => text(status, &["revision"]),
        (Some(status), Some(at)) => status.get("revisions")?.items().nth(at)?.str(),
        (None, _) => None,
    };
    let mut parts = Vec::new();
    for (at, source) in
        one.iter().map(|source| (None, source)).chain(several.iter().enumerate().map(|(at, it)| (Some(at), it)))
    {
        let mut part = argocd(holder, *source)?;
        part.deployed = synced(at).map(str::to_owned);
        parts.push(part);
    }
    if parts.is_empty() {
        return Err(Unresolved::Lacks("spec.source"));
    }
    let was = |of: &str| status.and_then(|status| status.get(of)).map(Value::to_json);
    let is = |of: &str| holder.spec(of).map(Value::to_json);
    let is_settled = if several.is_empty() { was("source") == is("source") } else { was("sources") == is("sources") };
    let namespace = text(holder.value(), &["spec", "destination", "namespace"]).map(str::to_owned);
    Ok(Origin { parts, namespace, is_settled })
}

fn argocd(holder: &Resource, source: Value<'_>) -> Result<Part, Unresolved> {
    refuse(source, &["plugin", "directory.jsonnet", "directory.include", "directory.exclude"])?;
    refuse(source, &["helm.fileParameters", "kustomize.version", "kustomize.kubeVersion", "kustomize.apiVersions"])?;
    let url = text(source, &["repoURL"]).ok_or(Unresolved::Lacks("spec.source.repoURL"))?.to_owned();
    let revision = text(source, &["targetRevision"]);
    let called = text(source, &["ref"]).map(str::to_owned);
    let place = if let Some(name) = text(source, &["chart"]) {
        let version = revision.unwrap_or("*").to_owned();
        // Argo CD writes registries without their scheme.
        let url = if url.contains("://") { url } else { format!("oci://{url}") };
        Place::Chart { url, name: name.to_owned(), version }
    } else {
        let path = text(source, &["path"]).or(if called.is_some() { None } else { Some(".") });
        Place::Git { url, revision: revision.unwrap_or("HEAD").to_owned(), path: path.map(str::to_owned) }
    };
    let parameters = source.at(&["helm", "parameters"]).into_iter().flat_map(Value::items);
    let parameters = parameters.filter_map(|it| Some(format!("{}={}", text(it, &["name"])?, scalar(it, "value")?)));
    let values = source.at(&["helm", "values"]).and_then(Value::str).map(str::to_owned);
    let object = source.at(&["helm", "valuesObject"]).map(|object| object.to_json().to_string());
    let helm = Helm {
        release: text(source, &["helm", "releaseName"]).unwrap_or(holder.name()).to_owned(),
        files: texts(source, &["helm", "valueFiles"]),
        values: object.or(values).into_iter().collect(),
        set: parameters.collect(),
    };
    let recursive = source.at(&["directory", "recurse"]).and_then(Value::bool) == Some(true);
    let overlay = source.get("kustomize").map(overlay_of_argocd).unwrap_or_default();
    Ok(Part { place, deployed: None, called, helm, overlay, recursive, substitutes: None })
}

/// What Argo CD has Kustomize do, as Kustomize itself would be told.
fn overlay_of_argocd(settings: Value<'_>) -> Map<String, Json> {
    let mut overlay = Map::new();
    for field in ["namePrefix", "nameSuffix", "namespace", "commonAnnotations", "patches", "components"] {
        if let Some(value) = settings.get(field).filter(|value| says(*value)) {
            overlay.insert(field.to_owned(), value.to_json());
        }
    }
    if let Some(labels) = settings.get("commonLabels").filter(|value| says(*value)) {
        let selectors = settings.get("labelWithoutSelector").and_then(Value::bool) != Some(true);
        overlay.insert(
            "labels".to_owned(),
            json!([{"pairs": labels.to_json(), "includeSelectors": selectors, "includeTemplates": true}]),
        );
    }
    let images: Vec<Json> = texts(settings, &["images"]).iter().map(|image| image_of_argocd(image)).collect();
    if !images.is_empty() {
        overlay.insert("images".to_owned(), images.into());
    }
    let replicas = settings.get("replicas").into_iter().flat_map(Value::items);
    let replicas: Vec<Json> = replicas
        .filter_map(|it| {
            Some(json!({"name": text(it, &["name"])?, "count": scalar(it, "count")?.parse::<u32>().ok()?}))
        })
        .collect();
    if !replicas.is_empty() {
        overlay.insert("replicas".to_owned(), replicas.into());
    }
    overlay
}

/// `old=new:tag`, `image:tag` or `image@sha256:…`, as `kustomize edit set image` takes it.
fn image_of_argocd(image: &str) -> Json {
    let (name, new) = image.split_once('=').map_or((None, image), |(name, new)| (Some(name), new));
    let (place, tag, digest) = image::parts(new);
    let mut entry = Map::new();
    entry.insert("name".to_owned(), name.unwrap_or(place).into());
    let mut set = |key: &str, value: Option<&str>| value.map(|value| entry.insert(key.to_owned(), value.into()));
    set("newName", name.map(|_| place));
    set("newTag", tag);
    set("digest", digest);
    entry.into()
}

/// An object of Flux, and those that it names.
struct Flux<'h, 'f, 'g> {
    holder: &'h Resource,
    find: &'f mut Find<'g>,
}

impl<'h> Flux<'h, '_, '_> {
    fn kustomization(mut self) -> Result<Origin, Unresolved> {
        let spec = self.holder.value().get("spec").ok_or(Unresolved::Lacks("spec"))?;
        refuse(spec, &["decryption"])?;
        let reference = spec.get("sourceRef").ok_or(Unresolved::Lacks("spec.sourceRef"))?;
        let path = text(spec, &["path"]).unwrap_or(".").trim_start_matches("./").to_owned();
        let path = if path.is_empty() { ".".to_owned() } else { path };
        let place = self.repository(reference, path)?;
        let mut overlay = Map::new();
        for (field, name) in [
            ("targetNamespace", "namespace"),
            ("namePrefix", "namePrefix"),
            ("nameSuffix", "nameSuffix"),
            ("patches", "patches"),
            ("images", "images"),
            ("components", "components"),
        ] {
            if let Some(value) = spec.get(field).filter(|value| says(*value)) {
                overlay.insert(name.to_owned(), value.to_json());
            }
        }
        if let Some(labels) = spec.at(&["commonMetadata", "labels"]).filter(|value| says(*value)) {
            overlay.insert("labels".to_owned(), json!([{"pairs": labels.to_json()}]));
        }
        if let Some(annotations) = spec.at(&["commonMetadata", "annotations"]).filter(|value| says(*value)) {
            overlay.insert("commonAnnotations".to_owned(), annotations.to_json());
        }
        let substitutes = spec.get("postBuild").map(|build| self.substitutes(build)).transpose()?;
        let applied = text(self.holder.value(), &["status", "lastAppliedRevision"]).map(|it| commit(it).to_owned());
        let helm = Helm { release: self.holder.name().to_owned(), ..Helm::default() };
        let part = Part { place, deployed: applied, called: None, helm, overlay, recursive: true, substitutes };
        let namespace = text(spec, &["targetNamespace"]).map(str::to_owned);
        let number = |path: &[&str]| self.holder.value().at(path).and_then(Value::int);
        let is_settled = number(&["status", "observedGeneration"]) == number(&["metadata", "generation"]);
        Ok(Origin { parts: vec![part], namespace, is_settled })
    }

    fn helm_release(mut self) -> Result<Origin, Unresolved> {
        let spec = self.holder.value().get("spec").ok_or(Unresolved::Lacks("spec"))?;
        refuse(spec, &["postRenderers", "chart.spec.verify"])?;
        let namespace = self.holder.namespace().unwrap_or_default();
        let place = match (spec.get("chartRef"), spec.at(&["chart", "spec"])) {
            (Some(reference), _) => self.chart_of_registry(reference)?,
            (None, Some(chart)) => self.chart(chart)?,
            (None, None) => return Err(Unresolved::Lacks("spec.chart")),
        };
        let mut values = Vec::new();
        let mut set = Vec::new();
        for from in spec.get("valuesFrom").into_iter().flat_map(Value::items) {
            let key = text(from, &["valuesKey"]).unwrap_or("values.yaml");
            let Some(data) = self.data(from)? else { continue };
            let found = data.get(key).cloned();
            let optional = from.get("optional").and_then(Value::bool) == Some(true);
            match (found, text(from, &["targetPath"])) {
                (Some(found), Some(path)) => set.push(format!("{path}={found}")),
                (Some(found), None) => values.push(found),
                (None, _) if optional => {}
                (None, _) => return Err(Unresolved::NotThere(format!("`{key}` in {}", self.named(from, "").1))),
            }
        }
        values.extend(spec.get("values").filter(|it| says(*it)).map(|values| values.to_json().to_string()));
        let target = text(spec, &["targetNamespace"]);
        let release = match (text(spec, &["releaseName"]), target) {
            (Some(name), _) => name.to_owned(),
            (None, Some(target)) => format!("{target}-{}", self.holder.name()),
            (None, None) => self.holder.name().to_owned(),
        };
        let files = texts(spec, &["chart", "spec", "valuesFiles"]);
        let helm = Helm { release, files, values, set };
        let part =
            Part { place, deployed: None, called: None, helm, overlay: Map::new(), recursive: true, substitutes: None };
        // What it deployed last is in the release that Helm keeps.
        Ok(Origin { parts: vec![part], namespace: Some(target.unwrap_or(namespace).to_owned()), is_settled: false })
    }

    fn chart(&mut self, chart: Value<'_>) -> Result<Place, Unresolved> {
        let name = text(chart, &["chart"]).ok_or(Unresolved::Lacks("spec.chart.spec.chart"))?;
        let reference = chart.get("sourceRef").ok_or(Unresolved::Lacks("spec.chart.spec.sourceRef"))?;
        if text(reference, &["kind"]) == Some("GitRepository") {
            return self.repository(reference, name.trim_start_matches("./").to_owned());
        }
        let version = text(chart, &["version"]).unwrap_or("*").to_owned();
        Ok(Place::Chart { url: self.url(reference)?, name: name.to_owned(), version })
    }

    /// A chart that an `OCIRepository` names as a whole.
    fn chart_of_registry(&mut self, reference: Value<'_>) -> Result<Place, Unresolved> {
        let source = self.source(reference)?;
        if source.kind_name() != "OCIRepository" {
            return Err(Unresolved::NotUnderstood(format!("spec.chartRef.kind: {}", source.kind_name())));
        }
        let url = text(source.value(), &["spec", "url"]).ok_or(Unresolved::Lacks("spec.url"))?;
        let (url, name) = url.rsplit_once('/').ok_or(Unresolved::Lacks("spec.url"))?;
        let reference = source.spec("ref");
        let of = |key: &str| reference.and_then(|reference| text(reference, &[key]));
        if of("digest").is_some() {
            return Err(Unresolved::NotUnderstood("spec.ref.digest".to_owned()));
        }
        let version = of("semver").or(of("tag")).unwrap_or("*").to_owned();
        Ok(Place::Chart { url: url.to_owned(), name: name.to_owned(), version })
    }

    fn repository(&mut self, reference: Value<'_>, path: String) -> Result<Place, Unresolved> {
        let source = self.source(reference)?;
        if source.kind_name() != "GitRepository" {
            return Err(Unresolved::NotUnderstood(format!("spec.sourceRef.kind: {}", source.kind_name())));
        }
        let url = text(source.value(), &["spec", "url"]).ok_or(Unresolved::Lacks("spec.url"))?.to_owned();
        let wanted = source.spec("ref");
        let of = |key: &str| wanted.and_then(|wanted| text(wanted, &[key]));
        if of("semver").is_some() {
            return Err(Unresolved::NotUnderstood("spec.ref.semver".to_owned()));
        }
        let named = of("name").map(|name| name.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/"));
        let revision = of("commit").or(named).or(of("tag")).or(of("branch")).unwrap_or("master").to_owned();
        Ok(Place::Git { url, revision, path: Some(path) })
    }

    fn url(&mut self, reference: Value<'_>) -> Result<String, Unresolved> {
        let source = self.source(reference)?;
        if source.kind_name() != "HelmRepository" {
            return Err(Unresolved::NotUnderstood(format!("spec.chart.spec.sourceRef.kind: {}", source.kind_name())));
        }
        text(source.value(), &["spec", "url"]).map(str::to_owned).ok_or(Unresolved::Lacks("spec.url"))
    }

    fn source(&mut self, reference: Value<'_>) -> Result<Resource, Unresolved> {
        self.get(reference, SOURCES)?.ok_or_else(|| Unresolved::NotThere(self.named(reference, SOURCES).1))
    }

    /// What a reference names, in the holder's namespace unless it says otherwise, and how people call it.
    fn named<'v>(&self, reference: Value<'v>, group: &'v str) -> (Named<'v>, String)
    where
        'h: 'v,
    {
        let of = |key: &str| text(reference, &[key]);
        let (kind, name) = (of("kind").unwrap_or_default(), of("name").unwrap_or_default());
        let namespace = of("namespace").or(self.holder.namespace()).unwrap_or_default();
        (Named { group, kind, namespace, name }, format!("{kind} {namespace}/{name}"))
    }

    fn get(&mut self, reference: Value<'_>, group: &str) -> Result<Option<Resource>, Unresolved> {
        let (named, called) = self.named(reference, group);
        (self.find)(named).map_err(|why| Unresolved::Unread(format!("{called} cannot be read: {why}")))
    }

    /// The data of a `ConfigMap` or a Secret; nothing where it is optional and not there.
    fn data(&mut self, reference: Value<'_>) -> Result<Option<BTreeMap<String, String>>, Unresolved> {
        let Some(holder) = self.get(reference, "")? else {
            let optional = reference.get("optional").and_then(Value::bool) == Some(true);
            let called = self.named(reference, "").1;
            return if optional { Ok(None) } else { Err(Unresolved::NotThere(called)) };
        };
        let entries = |field: &str| holder.value().get(field).into_iter().flat_map(Value::entries).collect::<Vec<_>>();
        let clear = |value: Value<'_>| value.raw().to_owned();
        let decoded = |value: Value<'_>| {
            let bytes = STANDARD.decode(value.raw()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let is_secret = holder.kind() == Kind::Secret;
        let data = entries("data").into_iter().map(|it| {
            let value = if is_secret { decoded(it.value) } else { clear(it.value) };
            (it.key.raw().to_owned(), value)
        });
        let text = entries("stringData").into_iter().map(|it| (it.key.raw().to_owned(), clear(it.value)));
        Ok(Some(data.chain(text).collect()))
    }

    fn substitutes(&mut self, build: Value<'_>) -> Result<BTreeMap<String, String>, Unresolved> {
        let mut all = BTreeMap::new();
        for from in build.get("substituteFrom").into_iter().flat_map(Value::items) {
            all.extend(self.data(from)?.unwrap_or_default());
        }
        let own = build.get("substitute").into_iter().flat_map(Value::entries);
        all.extend(own.map(|it| (it.key.raw().to_owned(), it.value.raw().to_owned())));
        Ok(all)
    }
}

/// The commit of a revision as Flux writes it: `main@sha1:0123`, or `main/0123` as it once did.
fn commit(revision: &str) -> &str {
    let after = revision.rsplit_once(':').or_else(|| revision.rsplit_once('/'));
    after.map_or(revision, |(_, commit)| commit)
}

/// A text with `${NAME}`, `${NAME:=default}` and `${NAME:-default}` replaced as Flux does; `$${` is `${`.
/// The first thing that is not understood is the error.
pub fn substitute(text: &str, values: &BTreeMap<String, String>) -> Result<String, Unresolved> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            done.push_str(&rest[..at]);
            done.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        done.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(Unresolved::NotUnderstood(rest[at..].lines().next().unwrap_or_default().to_owned()));
        };
        let inner = &rest[at + 2..at + end];
        let (name, default) = match inner.split_once(":=").or_else(|| inner.split_once(":-")) {
            Some((name, default)) => (name, default),
            None => (inner, ""),
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Unresolved::NotUnderstood(format!("${{{inner}}}")));
        }
        done.push_str(values.get(name).filter(|value| !value.is_empty()).map_or(default, String::as_str));
        rest = &rest[at + end + 1..];
    }
    done.push_str(rest);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_flux_does() {
        let values: BTreeMap<_, _> = [("HOST", "shop.example.com"), ("NONE", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let text = "host: ${HOST}, zone: ${ZONE:=eu}, none: ${NONE:-x}, gone: ${GONE}, kept: $${HOST} $HOST";
        let replaced = "host: shop.example.com, zone: eu, none: x, gone: , kept: ${HOST} $HOST";
        assert_eq!(substitute(text, &values).as_deref(), Ok(replaced));
        for other in ["${HOST^^}", "${#HOST}", "${HOST", "${}"] {
            assert!(substitute(other, &values).is_err(), "{other}");
        }
    }

    #[test]
    fn images_are_told_to_kustomize() {
        let images = [
            ("nginx:1.2", json!({"name": "nginx", "newTag": "1.2"})),
            ("a.example:5000/x", json!({"name": "a.example:5000/x"})),
            ("web=b.example/web:2", json!({"name": "web", "newName": "b.example/web", "newTag": "2"})),
            ("web=b/web@sha256:00", json!({"name": "web", "newName": "b/web", "digest": "sha256:00"})),
        ];
        for (image, entry) in images {
            assert_eq!(image_of_argocd(image), entry, "{image}");
        }
    }

    #[test]
    fn flux_writes_commits_behind_their_branch() {
        for revision in ["main@sha1:0123", "main/0123", "0123"] {
            assert_eq!(commit(revision), "0123");
        }
    }
}
