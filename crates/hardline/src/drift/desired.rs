//! What should run: manifests, a chart, a release, another cluster.

use std::sync::Arc;

use anyhow::bail;
use hardline_core::drift::{self, Expectation, FieldPattern};
use hardline_core::path::FieldPath;
use hardline_core::resource::Kind;
use hardline_manifest::gitops;
use hardline_manifest::load::{self, Loaded};
use hardline_manifest::release::{self as helm, Release};
use serde_json::Value as Json;

use super::release::objects;
use super::{Args, cluster};
use crate::source::{self, Source};

/// What should run.
#[derive(Default)]
pub(super) struct Desired {
    /// The objects.
    pub(super) loaded: Loaded,
    /// The releases that are deployed: of these objects, or beside them.
    pub(super) releases: Vec<Release>,
    /// Whether the objects are what was deployed last.
    pub(super) is_deployed: bool,
    /// What of them is expected to differ.
    pub(super) expectations: Vec<Expectation>,
    /// What people should know.
    pub(super) notices: Vec<String>,
}

/// Reads what should run. `releases` are all revisions that are observed.
pub(super) fn read(args: &Args, options: &load::Options, releases: Vec<Release>) -> anyhow::Result<Desired> {
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
        Some(source) => {
            let mut loaded = source::read(source, options)?;
            if matches!(source, Source::Dump(_)) {
                loaded.resources.retain(drift::is_deployed);
            }
            let expectations = random(source, options, &loaded)?;
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
fn random(source: &Source, options: &load::Options, loaded: &Loaded) -> anyhow::Result<Vec<Expectation>> {
    if !loaded.resources.iter().any(|resource| resource.source().rendered) {
        return Ok(Vec::new());
    }
    let again = source::read(source, options)?;
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
