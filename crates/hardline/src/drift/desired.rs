//! What should run: manifests, a chart, a release, another cluster.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use hardline_core::drift::{self, Expectation, FieldPattern};
use hardline_core::path::FieldPath;
use hardline_core::resource::{Kind, Resource};
use hardline_manifest::gitops::{self, Named};
use hardline_manifest::load::{self, Loaded};
use hardline_manifest::release::{self as helm, Release};
use serde_json::Value as Json;

use super::cluster::Live;
use super::release::objects;
use super::{Args, cluster};
use crate::source::gitops::{Holder, resolve};
use crate::source::{self, Source};

/// What should run.
#[derive(Default)]
pub(super) struct Desired {
    /// The objects.
    pub(super) loaded: Loaded,
    /// The releases that are deployed: of these objects, or beside them.
    pub(super) releases: Vec<Release>,
    /// What was deployed last, where that is known beside the objects.
    pub(super) deployed: Option<Vec<Resource>>,
    /// Whether the objects are what was deployed last.
    pub(super) is_deployed: bool,
    /// What of them is expected to differ.
    pub(super) expectations: Vec<Expectation>,
    /// What people should know.
    pub(super) notices: Vec<String>,
}

/// Reads what should run. `releases` are all revisions that are observed, `observed` what is known of
/// what runs, and `live` the cluster that may be asked for more.
pub(super) fn read(
    args: &Args,
    options: &load::Options,
    releases: Vec<Release>,
    observed: &[Resource],
    live: Option<&Live>,
) -> anyhow::Result<Desired> {
    let mut desired = match &args.desired {
        None => of_releases(args, releases, args.cluster.namespace(), None)?,
        Some(Source::Helm { namespace, release }) => {
            of_releases(args, releases, namespace.as_deref().or(args.cluster.namespace()), Some(release))?
        }
        Some(_) if args.revision.is_some() => {
            bail!("only a release has revisions: name it by `--desired helm:RELEASE`")
        }
        Some(Source::Cluster(context)) => {
            let other = cluster::connect(args, context.as_ref())?;
            let whole =
                cluster::deployed(&other, options.namespace.as_deref().filter(|_| !args.cluster.is_everywhere()))?;
            let notices = whole.gaps.iter().map(cluster::notice).collect();
            let loaded = Loaded { resources: whole.resources, ..Loaded::default() };
            Desired { loaded, notices, releases: helm::current(releases), ..Desired::default() }
        }
        Some(Source::Gitops(holder)) => {
            let mut desired = of_holder(args, holder, options, observed, live)
                .with_context(|| format!("`{holder}` cannot be resolved"))?;
            desired.releases = helm::current(releases);
            desired
        }
        Some(source) => {
            let mut loaded = source::read(source, options)?;
            if matches!(source, Source::Dump(_)) {
                loaded.resources.retain(drift::is_deployed);
            }
            let expectations = random(&loaded, || source::read(source, options))?;
            Desired { loaded, expectations, releases: helm::current(releases), ..Desired::default() }
        }
    };
    for path in &args.ignored_by {
        let loaded = source::read(&Source::Path(path.clone()), options)?;
        let holders: Vec<_> = loaded.resources.iter().filter(|resource| gitops::has_rules(resource)).collect();
        if holders.is_empty() {
            bail!(
                "`{}` holds no rules to ignore by\nhelp: name an Application, `argocd-cm`, a HelmRelease or a Kustomization",
                path.display()
            );
        }
        for holder in holders {
            let expected = gitops::rules(holder);
            desired.expectations.extend(expected.expectations);
            desired.notices.extend(expected.notices);
        }
    }
    desired.expectations.extend(desired.loaded.resources.iter().filter_map(gitops::marks));
    Ok(desired)
}

/// What an object of Argo CD or Flux deploys.
fn of_holder(
    args: &Args,
    holder: &Holder,
    options: &load::Options,
    observed: &[Resource],
    live: Option<&Live>,
) -> anyhow::Result<Desired> {
    let file = match holder {
        Holder::File { path, .. } => source::read(&Source::Path(path.clone()), options)?.resources,
        Holder::Object { .. } => Vec::new(),
    };
    let known: Vec<&Resource> = file.iter().chain(observed).collect();
    let object = match holder {
        Holder::File { .. } => {
            let mut holders = file.iter().filter(|resource| gitops::is_holder(resource));
            match (holders.next(), holders.next()) {
                (Some(one), None) => one.clone(),
                (None, _) => bail!("the file holds no such object"),
                (Some(_), Some(_)) => bail!("the file holds several: name one that is observed, or another file"),
            }
        }
        Holder::Object { group, kind, namespace, name } => find(Named { group, kind, namespace, name }, &known, live)
            .map_err(anyhow::Error::msg)?
            .with_context(|| format!("there is no {kind} {namespace}/{name}"))?,
    };
    let origin = gitops::origin(&object, &mut |named| find(named, &known, live))?;
    let resolved = resolve(&origin, &args.repo, options)?;
    let rules = gitops::rules(&object);
    let mut expectations = rules.expectations;
    expectations.extend(random(&resolved.desired, || Ok(resolve(&origin, &args.repo, options)?.desired))?);
    expectations.extend(gitops::tracking(&object));
    Ok(Desired {
        loaded: resolved.desired,
        deployed: resolved.deployed.map(|deployed| deployed.resources),
        is_deployed: resolved.is_deployed,
        expectations,
        notices: resolved.notices.into_iter().chain(rules.notices).collect(),
        ..Desired::default()
    })
}

/// An object that is known already, or else from the cluster.
fn find(named: Named<'_>, known: &[&Resource], live: Option<&Live>) -> Result<Option<Resource>, String> {
    let is = |it: &Resource| {
        it.group() == named.group
            && it.kind_name() == named.kind
            && it.name() == named.name
            && it.namespace().is_none_or(|namespace| namespace == named.namespace)
    };
    if let Some(found) = known.iter().find(|it| is(it)) {
        return Ok(Some((*found).clone()));
    }
    live.map_or(Ok(None), |live| cluster::named(live, named).map_err(|error| error.to_string()))
}

/// The objects of the releases of this namespace and name.
fn of_releases(
    args: &Args,
    mut releases: Vec<Release>,
    namespace: Option<&str>,
    name: Option<&String>,
) -> anyhow::Result<Desired> {
    let known = known(&releases);
    let is_of = |release: &Release| {
        namespace.is_none_or(|namespace| *namespace == release.namespace)
            && name.is_none_or(|name| *name == release.name)
    };
    releases.retain(is_of);
    if releases.is_empty() {
        bail!("no such release\nhelp: {known}");
    }
    let current = helm::current(releases.clone());
    let Some(revision) = args.revision else {
        return Ok(Desired { loaded: objects(&current), releases: current, is_deployed: true, ..Desired::default() });
    };
    let revisions: Vec<_> = releases.iter().map(|release| release.revision.to_string()).collect();
    releases.retain(|release| release.revision == revision);
    if releases.is_empty() {
        bail!("the release has no revision {revision}\nhelp: there are {}", revisions.join(", "));
    }
    let is_deployed = current == releases;
    Ok(Desired { loaded: objects(&releases), releases: current, is_deployed, ..Desired::default() })
}

/// What could have been named.
fn known(releases: &[Release]) -> String {
    let mut names: Vec<_> = releases.iter().map(|it| format!("helm:{}/{}", it.namespace, it.name)).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        "what is observed holds no release: dump the Secrets as well, or name what should run by `--desired`".to_owned()
    } else {
        format!("what is observed holds {}", names.join(", "))
    }
}

/// What a chart makes anew each time it is rendered, such as passwords, certificates and times: it
/// is rendered once more, and what then differs tells nothing about what runs.
fn random(loaded: &Loaded, again: impl FnOnce() -> anyhow::Result<Loaded>) -> anyhow::Result<Vec<Expectation>> {
    if !loaded.resources.iter().any(|resource| resource.source().rendered) {
        return Ok(Vec::new());
    }
    let again = again()?;
    let pairs = loaded.resources.iter().zip(&again.resources).filter(|(first, second)| first.id() == second.id());
    let expectations = pairs.filter_map(|(first, second)| {
        let mut paths = Vec::new();
        differing(&first.value().to_json(), &second.value().to_json(), &FieldPath::ROOT, &mut paths);
        if first.kind() == Kind::Secret {
            paths = paths.iter().map(as_data).collect();
        }
        (!paths.is_empty()).then(|| Expectation {
            groups: vec![first.group().to_owned()],
            kinds: vec![first.kind_name().to_owned()],
            namespaces: vec![first.namespace().unwrap_or_default().to_owned()],
            names: vec![first.name().to_owned()],
            paths: paths.iter().map(FieldPattern::exactly).collect(),
            reason: "every rendering has another value".to_owned(),
            origin: Arc::clone(first.source()).name.clone(),
            ..Expectation::default()
        })
    });
    Ok(expectations.collect())
}

/// The fields that differ between two values.
fn differing(first: &Json, second: &Json, at: &FieldPath, found: &mut Vec<FieldPath>) {
    match (first, second) {
        (Json::Object(a), Json::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let at = at.clone().key(key.clone());
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differing(a, b, &at, found),
                    _ => found.push(at),
                }
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(index, (a, b))| differing(a, b, &at.clone().index(index), found));
        }
        _ if first == second => {}
        _ => found.push(at.clone()),
    }
}

/// A field of `stringData` is observed in `data`.
fn as_data(path: &FieldPath) -> FieldPath {
    let pointer = path.to_string();
    match pointer.strip_prefix("/stringData/") {
        Some(key) => FieldPath::of(&["data"]).key(key.replace("~1", "/").replace("~0", "~")),
        None => path.clone(),
    }
}
