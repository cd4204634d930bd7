//! What releases desire, and how what runs differs from it. Events in, findings out; no cluster here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hardline_core::config::Config;
use hardline_core::drift::beside::Mask;
use hardline_core::drift::{self, Drift, Expectation, Options, Standing};
use hardline_core::guard::Guard;
use hardline_core::report::{Read, Report};
use hardline_core::resource::{Resource, ResourceId};
use hardline_manifest::gitops;
use hardline_manifest::load::Loaded;
use hardline_manifest::release::Release;

use super::sheet::Sheet;

/// What tells an object apart from all others, whatever the version of its API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The API group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty for what is in none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of an object.
    pub fn of(resource: &Resource) -> Self {
        Self {
            group: resource.group().to_owned(),
            kind: resource.kind_name().to_owned(),
            namespace: resource.namespace().unwrap_or_default().to_owned(),
            name: resource.name().to_owned(),
        }
    }
}

/// A kind in a version of its API, such as `apps/v1` `Deployment`.
pub type Version = (String, String);

/// An object that has drifted.
#[derive(Debug)]
pub struct Drifted {
    /// As it was deployed.
    pub desired: Resource,
    /// As it runs; nothing where somebody has deleted it.
    pub observed: Option<Resource>,
    /// The release that deployed it.
    pub release: Arc<Release>,
    /// How it differs.
    pub drift: Drift,
    /// What that is, for people.
    pub sheet: Arc<Sheet>,
}

impl Drifted {
    /// What people call it.
    pub fn id(&self) -> ResourceId {
        self.observed.as_ref().unwrap_or(&self.desired).id()
    }

    /// Each field that has drifted and who did it; the whole object where it is missing.
    pub fn fields(&self) -> Vec<(String, String)> {
        let object = self.drift.objects.first();
        let differences = object.into_iter().flat_map(|object| &object.differences);
        let drifted = differences.filter(|difference| difference.class.is_drift()).map(|difference| {
            let author = difference.blame.authors.first();
            (difference.path.to_string(), author.map_or_else(String::new, |author| author.manager.clone()))
        });
        let missing = object.is_some_and(|object| object.standing == Standing::Missing);
        drifted.chain(missing.then(Default::default)).collect()
    }
}

/// What became of an object by an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody needs to hear.
    None,
    /// It drifts, and did not, or otherwise.
    Drifted,
    /// It drifts no more.
    Settled,
}

struct Desired {
    resource: Resource,
    release: Arc<Release>,
}

/// All that is known.
pub struct State {
    config: Config,
    expectations: Vec<Expectation>,
    /// The status of each revision that the cluster keeps, by namespace, name and number.
    revisions: BTreeMap<(String, String, u64), String>,
    desired: HashMap<Key, Desired>,
    /// The definitions of custom kinds.
    definitions: HashMap<Version, Resource>,
    drifted: BTreeMap<Key, Drifted>,
    mask: Mask,
}

impl State {
    /// Nothing is known yet.
    pub fn new(config: Config) -> Self {
        let expectations = config.expected_drift.iter().filter(|it| it.holds(config.today, "")).cloned().collect();
        Self {
            config,
            expectations,
            revisions: BTreeMap::new(),
            desired: HashMap::new(),
            definitions: HashMap::new(),
            drifted: BTreeMap::new(),
            mask: Mask::default(),
        }
    }

    /// Forgets all revisions but these, by namespace, name and number.
    pub fn keep_revisions<'r>(&mut self, revisions: impl Iterator<Item = (&'r str, &'r str, u64)>) {
        let kept: BTreeSet<_> = revisions.map(|(namespace, name, number)| id(namespace, name, number)).collect();
        self.revisions.retain(|revision, _| kept.contains(revision));
    }

    /// Notes the status of a revision; without one it is gone.
    pub fn revision(&mut self, namespace: &str, name: &str, number: u64, status: Option<String>) {
        match status {
            Some(status) => self.revisions.insert(id(namespace, name, number), status),
            None => self.revisions.remove(&id(namespace, name, number)),
        };
    }

    /// The revisions that are deployed and not taken in, by namespace, name and number. What a release
    /// that is gone had deployed is desired no more.
    pub fn wanted(&mut self) -> Vec<(String, String, u64)> {
        let mut current: BTreeMap<(&str, &str), (bool, u64)> = BTreeMap::new();
        for ((namespace, name, number), status) in &self.revisions {
            let rank = current.entry((namespace, name)).or_default();
            *rank = (*rank).max((status == "deployed", *number));
        }
        let number = |release: &Release| current.get(&(&*release.namespace, &*release.name)).map(|(_, number)| *number);
        let gone: Vec<Key> =
            self.desired.iter().filter(|(_, it)| number(&it.release).is_none()).map(|(key, _)| key.clone()).collect();
        let known: BTreeSet<_> =
            self.desired.values().map(|it| id(&it.release.namespace, &it.release.name, it.release.revision)).collect();
        let current = current.into_iter().map(|((namespace, name), (_, number))| id(namespace, name, number));
        let wanted = current.filter(|revision| !known.contains(revision)).collect();
        for key in &gone {
            self.forget(key);
        }
        wanted
    }

    fn forget(&mut self, key: &Key) {
        self.desired.remove(key);
        self.drifted.remove(key);
    }

    /// Desires what a release holds, and no longer what another revision of it held. Gives the objects.
    pub fn release(&mut self, release: Release) -> Vec<Key> {
        let release = Arc::new(release);
        let is_of = |other: &Release| other.namespace == release.namespace && other.name == release.name;
        let before: Vec<Key> =
            self.desired.iter().filter(|(_, it)| is_of(&it.release)).map(|(key, _)| key.clone()).collect();
        for key in &before {
            self.forget(key);
        }
        let mut loaded = Loaded::default();
        loaded.add_source(release.source(), Some(&release.namespace));
        let desired = loaded.resources.into_iter().map(|resource| {
            let key = Key::of(&resource);
            self.desired.insert(key.clone(), Desired { resource, release: release.clone() });
            key
        });
        desired.collect()
    }

    /// The kinds that releases hold.
    pub fn versions(&self) -> BTreeSet<Version> {
        let versions = self.desired.values().map(|it| &it.resource);
        versions.map(|it| (it.api_version().to_owned(), it.kind_name().to_owned())).collect()
    }

    /// Takes in the definition of a custom kind.
    pub fn define(&mut self, version: Version, definition: Resource) {
        self.definitions.insert(version, definition);
    }

    /// The key under which an object is desired, if it is. What is in no namespace may have been taken
    /// for something in that of its release.
    pub fn desired_key(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Key> {
        let key = |namespace: &str| Key {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let exact = key(namespace.unwrap_or_default());
        if self.desired.contains_key(&exact) {
            return Some(exact);
        }
        let loose = |it: &&Key| it.group == group && it.kind == kind && it.name == name;
        self.desired.keys().filter(|_| namespace.is_none()).find(loose).cloned()
    }

    /// The object that is desired.
    pub fn desired(&self, key: &Key) -> Option<&Resource> {
        self.desired.get(key).map(|it| &it.resource)
    }

    /// The objects of a kind that are desired.
    pub fn desired_of(&self, (api_version, kind): &Version) -> Vec<Key> {
        let is = |it: &Desired| it.resource.api_version() == api_version && it.resource.kind_name() == kind;
        self.desired.iter().filter(|(_, it)| is(it)).map(|(key, _)| key.clone()).collect()
    }

    /// Compares a desired object with what runs of it; `None` where it is gone.
    pub fn observe(&mut self, key: &Key, observed: Option<Resource>) -> Change {
        let Some(desired) = self.desired.get(key) else { return Change::None };
        let drifted = compare(desired, observed, self.definitions.get(&version(&desired.resource)), self);
        let before = self.drifted.remove(key);
        match (before, drifted) {
            (None, None) => Change::None,
            (Some(_), None) => Change::Settled,
            (before, Some(after)) => {
                let same = before.is_some_and(|before| before.fields() == after.fields());
                self.drifted.insert(key.clone(), after);
                if same { Change::None } else { Change::Drifted }
            }
        }
    }

    /// What has drifted, by object.
    pub fn drifted(&self) -> &BTreeMap<Key, Drifted> {
        &self.drifted
    }

    /// Who may change guarded namespaces, and for how long by a grant.
    pub fn guard(&self) -> &Guard {
        &self.config.guard
    }

    /// What is expected to differ.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }
}

fn id(namespace: &str, name: &str, number: u64) -> (String, String, u64) {
    (namespace.to_owned(), name.to_owned(), number)
}

fn version(resource: &Resource) -> Version {
    (resource.api_version().to_owned(), resource.kind_name().to_owned())
}

fn compare(
    desired: &Desired,
    observed: Option<Resource>,
    definition: Option<&Resource>,
    state: &State,
) -> Option<Drifted> {
    let wanted = std::slice::from_ref(&desired.resource);
    let found: Vec<Resource> = observed.iter().chain(definition).cloned().collect();
    let options = Options { deployed: true, ..Options::default() };
    let mut drift = drift::drift(wanted, None, &found, options, false);
    drift::expect(&mut drift, wanted, &found, &state.expectations, options);
    if let Some(mark) = gitops::marks(&desired.resource) {
        drift::expect(&mut drift, wanted, &found, &[mark], options);
    }
    if !drift.objects.iter().any(drift::Object::has_drifted) {
        return None;
    }
    let mut judged = drift::judge(&drift, wanted, &found, &state.config);
    let judgement = std::mem::take(&mut judged.judgement);
    let findings = Report::new(judgement, &judged.inventory, Read::default()).findings;
    let (desired, release) = (desired.resource.clone(), desired.release.clone());
    let sheet = Sheet::new((&desired, observed.as_ref()), &release, &drift, &judged, findings, &state.mask);
    Some(Drifted { desired, observed, release, drift, sheet: Arc::new(sheet) })
}
