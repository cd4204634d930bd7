//! All objects against each other: which are there, and how they differ.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::managed::managers;
use super::roles::{Ownership, Role};
use super::{Author, Class, Comparison, Difference, Options, compare};
use crate::resource::{Kind, Resource};
use crate::tree::Value;

/// How observed objects differ from desired ones.
#[derive(Debug, Default)]
pub struct Drift {
    /// The desired objects in their order, then the orphans in theirs.
    pub objects: Vec<Object>,
}

/// An object on either side.
#[derive(Debug)]
pub struct Object {
    /// Its place among the desired ones.
    pub desired: Option<u32>,
    /// Its place among the observed ones.
    pub observed: Option<u32>,
    /// Its place among what was released.
    pub released: Option<u32>,
    /// How it stands.
    pub standing: Standing,
    /// The fields that differ.
    pub differences: Vec<Difference>,
    /// How many differences are no drift.
    pub explained: usize,
    /// Why it was compared no further than its metadata.
    pub refused: Option<String>,
    /// Whether it has no `managedFields`, so that nothing tells who wrote what.
    pub untracked: bool,
    /// Deployers that own fields of it, where there is more than one.
    pub deployers: Vec<String>,
    /// Who made it, for one that is not desired.
    pub creator: Option<Author>,
    /// Who deleted it, where a log has it.
    pub deleter: Option<Author>,
    /// Why it is expected to be on one side only, where it is [`Standing::Expected`].
    pub expected: Option<String>,
}

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is desired and there.
    Present,
    /// It is desired, and somebody has deleted it.
    Missing,
    /// It is desired, and still to be deployed.
    New,
    /// It is there, in no source, and no other object owns it.
    Orphan,
    /// It is on one side only, as the configuration declares.
    Expected,
}

impl Object {
    /// Whether there is anything to tell about it.
    pub fn is_told(&self) -> bool {
        !matches!(self.standing, Standing::Present | Standing::Expected)
            || self.differences.iter().any(|it| it.class.is_told())
    }

    /// Drops the differences that are no drift, unless they are to be kept.
    pub fn keep(&mut self, options: Options) {
        if !options.explained {
            self.differences.retain(|difference| difference.class.is_told());
        }
    }

    /// Whether it is not as it was deployed.
    pub fn has_drifted(&self) -> bool {
        matches!(self.standing, Standing::Missing | Standing::Orphan)
            || self.differences.iter().any(|difference| difference.class.is_drift())
    }
}

/// What tells an object apart from all others, whatever the version of its API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'r> {
    kind: Kind,
    other: Option<(&'r str, &'r str)>,
    name: &'r str,
}

impl<'r> Key<'r> {
    fn of(resource: &'r Resource) -> Self {
        let kind = resource.kind();
        let other = (kind == Kind::Other).then(|| (resource.group(), resource.kind_name()));
        Self { kind, other, name: resource.name() }
    }
}

/// Objects by their key.
struct Index<'i> {
    resources: &'i [Resource],
    places: HashMap<Key<'i>, Vec<u32>>,
}

impl<'i> Index<'i> {
    fn of(resources: &'i [Resource]) -> Self {
        let mut places: HashMap<_, Vec<u32>> = HashMap::new();
        for (at, resource) in resources.iter().enumerate() {
            places.entry(Key::of(resource)).or_default().push(at as u32);
        }
        Self { resources, places }
    }

    fn find(&self, resource: &Resource) -> Option<u32> {
        let places = self.places.get(&Key::of(resource))?;
        let namespace = |at: &u32| self.resources[*at as usize].namespace();
        let same = places.iter().find(|at| namespace(at) == resource.namespace());
        // Custom resources without a namespace are taken to be in the default one of their source.
        let cluster_wide = || places.iter().find(|at| resource.kind() == Kind::Other && namespace(at).is_none());
        same.or_else(cluster_wide).copied()
    }
}

/// Compares all objects. `released` is what was deployed last, where that is known beside what is
/// desired; `orphans` says whether to look for objects that are in no source.
pub fn drift(
    desired: &[Resource],
    released: Option<&[Resource]>,
    observed: &[Resource],
    options: Options,
    orphans: bool,
) -> Drift {
    let (live, deployed) = (Index::of(observed), released.map(Index::of));
    let definitions = definitions(observed, desired);
    // Without a release of these very objects, what is not there may have been deleted.
    let has_release = deployed.as_ref().is_some_and(|index| desired.iter().any(|it| index.find(it).is_some()));
    let object = |(at, resource): (usize, &Resource)| {
        let definition = definitions.get(&(resource.group(), resource.kind_name())).copied();
        let released =
            deployed.as_ref().and_then(|index| index.find(resource).map(|at| (at, &index.resources[at as usize])));
        let found = live.find(resource);
        let mut object = if let Some(found) = found {
            let observed = &observed[found as usize];
            present(resource, released.map(|(_, resource)| resource), observed, definition, options)
        } else {
            Object::new(if has_release && released.is_none() { Standing::New } else { Standing::Missing })
        };
        object.desired = Some(at as u32);
        object.observed = found;
        object.released = released.map(|(at, _)| at);
        object
    };
    let mut objects: Vec<Object> = desired.par_iter().enumerate().map(object).collect();
    if orphans {
        objects.extend(find_orphans(desired, observed, &objects));
    }
    Drift { objects }
}

/// The definitions of custom kinds by group and kind; the observed ones count first.
fn definitions<'i>(observed: &'i [Resource], desired: &'i [Resource]) -> HashMap<(&'i str, &'i str), &'i Resource> {
    let all = desired.iter().chain(observed).filter(|resource| resource.kind() == Kind::CustomResourceDefinition);
    let defines = |resource: &'i Resource| {
        let kind = resource.value().at(&["spec", "names", "kind"])?.str()?;
        Some(((resource.spec("group")?.str()?, kind), resource))
    };
    all.filter_map(defines).collect()
}

/// Compares an object that is on both sides, and in the release if that is known.
fn present(
    desired: &Resource,
    released: Option<&Resource>,
    observed: &Resource,
    definition: Option<&Resource>,
    options: Options,
) -> Object {
    let mut comparison = compare(desired, observed, definition, options);
    if let Some(released) = released {
        let deployed = Options { deployed: true, ..options };
        join(&mut comparison, compare(released, observed, definition, deployed), desired, released);
    }
    let ownership = Ownership::of(observed);
    let mut deployers: Vec<String> = Vec::new();
    for (role, manager) in &ownership.entries {
        if *role == Role::Deployer && !deployers.iter().any(|known| known == manager.name) {
            deployers.push(manager.name.to_owned());
        }
    }
    if deployers.len() < 2 {
        deployers.clear();
    }
    Object {
        differences: comparison.differences,
        explained: comparison.explained,
        refused: comparison.refused,
        untracked: ownership.entries.is_empty(),
        deployers,
        ..Object::new(Standing::Present)
    }
}

/// Tells drift from what is still to be deployed: what differs from the source and not from the
/// release is pending; what differs from the release and not from the source has been codified.
fn join(of_source: &mut Comparison, of_release: Comparison, desired: &Resource, released: &Resource) {
    for difference in of_source.differences.iter_mut().filter(|difference| difference.class.is_told()) {
        let drifted = of_release.differences.iter().find(|it| it.path == difference.path && it.class.is_told());
        match drifted {
            Some(drifted) => {
                difference.class = drifted.class;
                difference.blame = drifted.blame.clone();
            }
            None => difference.class = Class::Pending,
        }
        difference.released = difference.path.find(released.value()).map(|(path, _)| path);
    }
    for mut difference in of_release.differences.into_iter().filter(|difference| difference.class.is_drift()) {
        if !of_source.differences.iter().any(|it| it.path == difference.path) {
            difference.class = Class::Codified;
            difference.released = difference.desired.take();
            difference.desired = difference.path.find(desired.value()).map(|(path, _)| path);
            if let Some(path) = &difference.desired {
                difference.place.clone_from(path);
            }
            of_source.differences.push(difference);
        }
    }
}

impl Object {
    fn new(standing: Standing) -> Self {
        Self {
            desired: None,
            observed: None,
            released: None,
            standing,
            differences: Vec::new(),
            explained: 0,
            refused: None,
            untracked: false,
            deployers: Vec::new(),
            creator: None,
            deleter: None,
            expected: None,
        }
    }
}

/// Kinds that the cluster makes for itself, or that only report.
const MADE_BY_THE_CLUSTER: [&str; 12] = [
    "CSINode",
    "ComponentStatus",
    "ControllerRevision",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Lease",
    "Node",
    "NodeMetrics",
    "PersistentVolume",
    "PodMetrics",
    "VolumeAttachment",
];

/// Observed objects in the namespaces of the desired ones that no source has and no object owns.
fn find_orphans(desired: &[Resource], observed: &[Resource], objects: &[Object]) -> Vec<Object> {
    let matched: HashSet<u32> = objects.iter().filter_map(|object| object.observed).collect();
    let namespaces: HashSet<&str> = desired.iter().filter_map(Resource::namespace).collect();
    let orphans = observed.iter().enumerate().filter(|(at, resource)| {
        !matched.contains(&(*at as u32))
            && resource.namespace().is_some_and(|namespace| namespaces.contains(namespace))
            && is_orphan(resource)
    });
    orphans
        .map(|(at, resource)| {
            let mut object = Object::new(Standing::Orphan);
            object.observed = Some(at as u32);
            object.untracked = managers(resource).is_empty();
            object.creator = creator(resource);
            object
        })
        .collect()
}

/// Whether somebody has made an object: not the cluster for itself, nor the owner of it.
pub fn is_deployed(resource: &Resource) -> bool {
    let owned = resource.value().at(&["metadata", "ownerReferences"]).is_some_and(|it| it.items().next().is_some());
    let default = match (resource.kind(), resource.name()) {
        (Kind::ServiceAccount, "default") | (Kind::ConfigMap, "kube-root-ca.crt") => true,
        (Kind::ConfigMap, name) => name.starts_with("sh.helm.release.v1."),
        (Kind::Secret, _) => resource.value().get("type").and_then(Value::str).is_some_and(|ty| {
            matches!(ty, "kubernetes.io/service-account-token" | "helm.sh/release.v1" | "bootstrap.kubernetes.io/token")
        }),
        _ => false,
    };
    !owned && !default && !MADE_BY_THE_CLUSTER.contains(&resource.kind_name())
}

/// Whether an object is in no source: nothing deploys it, and no tool has marked it as its own.
fn is_orphan(resource: &Resource) -> bool {
    let marked = resource.annotation("meta.helm.sh/release-name").is_some()
        || resource.annotation("argocd.argoproj.io/tracking-id").is_some()
        || resource.label("kustomize.toolkit.fluxcd.io/name").is_some()
        || resource.label("helm.toolkit.fluxcd.io/name").is_some();
    is_deployed(resource) && !marked
}

/// The field manager that owns most of an object: most likely the one that made it.
fn creator(resource: &Resource) -> Option<Author> {
    let managers = managers(resource);
    let most = managers.iter().max_by_key(|manager| manager.fields.len())?;
    Some(Author {
        manager: most.name.to_owned(),
        operation: most.operation,
        subresource: most.subresource.map(str::to_owned),
        time: resource.value().at(&["metadata", "creationTimestamp"]).and_then(Value::str).map(str::to_owned),
        exact: true,
        user: None,
    })
}
