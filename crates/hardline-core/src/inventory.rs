//! A set of resources, and what it knows completely.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use crate::mentions::Mentions;
use crate::network::{Assumptions, Network};
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::tree::{Entry, Value};
use crate::workload::Workload;

/// An immutable set of resources, indexed for rules, and its [`Coverage`].
#[derive(Debug)]
pub struct Inventory {
    resources: Vec<Resource>,
    namespaces: HashMap<Box<str>, Ns>,
    by_kind: HashMap<(Kind, Ns), Vec<u32>>,
    by_name: HashMap<(Kind, Ns, u64), Vec<u32>>,
    workloads: HashMap<Ns, Vec<u32>>,
    /// Workloads by namespace and hash of one label of their pods.
    by_label: HashMap<(Ns, u64), Vec<u32>>,
    /// Services and disruption budgets by namespace and hash of the first label that they select
    /// by; under `None` those that select by none.
    by_selector: HashMap<(Kind, Ns, Option<u64>), Vec<u32>>,
    /// What names another object to act on, by namespace and hash of that object's kind and name.
    by_target: HashMap<(Ns, u64), Vec<u32>>,
    /// `CustomResourceDefinition`s by hash of the group and kind that they define.
    definitions: HashMap<u64, Vec<u32>>,
    coverage: Coverage,
    hasher: RandomState,
    network: OnceLock<Network>,
    mentions: OnceLock<Mentions>,
}

/// A namespace's number in one inventory; 0 where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Ns(u32);

/// What an inventory knows completely, so that absence can be claimed.
///
/// Manifests in a folder rarely are all that a cluster holds. They are taken to be complete
/// for a namespace that they declare by a `Namespace` manifest, and, elsewhere, for each kind of
/// which they hold at least one object in that namespace. For Secrets both must hold: most are kept
/// out of manifests for good reason, so that one more that is not among them says nothing.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    everything: bool,
    namespaces: HashSet<Box<str>>,
    /// The namespaces are complete but for Secrets.
    except_secrets: bool,
    /// By namespace; `""` stands for none, which no namespace can be called.
    kinds: HashMap<Box<str>, HashSet<Kind>>,
}

impl Coverage {
    /// Nothing exists outside the inventory.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Nothing is known to be complete; callers add to it.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What a set of manifests covers by itself.
    pub fn of_manifests(resources: &[Resource]) -> Self {
        let mut coverage = Self { except_secrets: true, ..Self::default() };
        for resource in resources {
            match resource.kind() {
                Kind::Other | Kind::Secret => {}
                Kind::Namespace => coverage.add_namespace(resource.name()),
                kind => coverage.add_kind(kind, resource.namespace()),
            }
        }
        for secret in resources.iter().filter(|resource| resource.kind() == Kind::Secret) {
            if secret.namespace().is_some_and(|namespace| coverage.namespaces.contains(namespace)) {
                coverage.add_kind(Kind::Secret, secret.namespace());
            }
        }
        coverage
    }

    /// Every kind in this namespace is known completely.
    pub fn add_namespace(&mut self, namespace: &str) {
        if !self.namespaces.contains(namespace) {
            self.namespaces.insert(namespace.into());
        }
    }

    /// This kind is known completely in this namespace.
    pub fn add_kind(&mut self, kind: Kind, namespace: Option<&str>) {
        self.kinds.entry(namespace.unwrap_or_default().into()).or_default().insert(kind);
    }

    /// Whether a kind is known completely in a namespace. Cluster-wide kinds have no namespace.
    pub fn covers(&self, kind: Kind, namespace: Option<&str>) -> bool {
        self.everything
            || (namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
                && !(self.except_secrets && kind == Kind::Secret))
            || (kind.is_namespaced()
                && self.kinds.get(namespace.unwrap_or_default()).is_some_and(|kinds| kinds.contains(&kind)))
    }
}

impl Inventory {
    /// An inventory of these resources, which covers what is said.
    pub fn new(mut resources: Vec<Resource>, coverage: Coverage) -> Self {
        let mut inventory = Self {
            resources: Vec::new(),
            namespaces: HashMap::new(),
            by_kind: HashMap::new(),
            by_name: HashMap::new(),
            workloads: HashMap::new(),
            by_label: HashMap::new(),
            by_selector: HashMap::new(),
            by_target: HashMap::new(),
            definitions: HashMap::new(),
            coverage,
            hasher: RandomState::new(),
            network: OnceLock::new(),
            mentions: OnceLock::new(),
        };
        for (index, resource) in resources.iter_mut().enumerate() {
            resource.index = index as u32;
            inventory.index(resource);
        }
        inventory.resources = resources;
        inventory
    }

    fn index(&mut self, resource: &Resource) {
        let index = resource.index;
        let ns = match resource.namespace() {
            None => Ns::default(),
            Some(name) => {
                let next = Ns(self.namespaces.len() as u32 + 1);
                match self.namespaces.get(name) {
                    Some(&ns) => ns,
                    None => *self.namespaces.entry(name.into()).or_insert(next),
                }
            }
        };
        let kind = resource.kind();
        self.by_kind.entry((kind, ns)).or_default().push(index);
        let name = self.hasher.hash_one(resource.name());
        self.by_name.entry((kind, ns, name)).or_default().push(index);
        if let Some(defined) = defined(resource) {
            self.definitions.entry(self.hasher.hash_one(defined)).or_default().push(index);
        }
        if let Some(selector) = selector(resource) {
            let first = selector.match_labels().next().map(|label| self.hasher.hash_one(label));
            self.by_selector.entry((kind, ns, first)).or_default().push(index);
        }
        if let Some(target) = target(resource) {
            self.by_target.entry((ns, self.hasher.hash_one(target))).or_default().push(index);
        }
        if let Some(workload) = Workload::of(resource) {
            self.workloads.entry(ns).or_default().push(index);
            for label in workload.pod_labels().into_iter().flat_map(Value::entries) {
                let hash = self.hasher.hash_one((label.key.raw(), label.value.raw()));
                self.by_label.entry((ns, hash)).or_default().push(index);
            }
        }
    }

    fn ns(&self, namespace: Option<&str>) -> Option<Ns> {
        namespace.map_or(Some(Ns::default()), |name| self.namespaces.get(name).copied())
    }

    fn get_all<'s>(&'s self, indices: Option<&'s Vec<u32>>) -> impl Iterator<Item = &'s Resource> + use<'s> {
        indices.into_iter().flatten().map(|&index| &self.resources[index as usize])
    }

    /// All resources, in the order they were read.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// All workloads, in the order they were read.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.resources.iter().filter_map(Workload::of)
    }

    /// The texts that something else than a reference names objects by.
    pub(crate) fn mentions(&self) -> &Mentions {
        self.mentions.get_or_init(|| Mentions::of(&self.resources))
    }

    /// The namespaces that resources are in.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(AsRef::as_ref)
    }

    /// Who can reach whom, under the default assumptions; worked out when first asked for.
    pub fn network(&self) -> &Network {
        self.network.get_or_init(|| Network::of(self, Assumptions::default()))
    }

    /// Whether all resources of a kind in a namespace are known.
    pub fn covers(&self, kind: Kind, namespace: Option<&str>) -> bool {
        self.coverage.covers(kind, namespace)
    }

    /// The resources of a kind in a namespace. `None` stands for cluster-wide kinds, and for the
    /// namespace of manifests that name none.
    pub fn of_kind(&self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &Resource> {
        self.get_all(self.ns(namespace).and_then(|ns| self.by_kind.get(&(kind, ns))))
    }

    /// The first resource of a kind, namespace and name.
    pub fn find(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Option<&Resource> {
        self.same_hash(kind, namespace, name).find(|resource| resource.name() == name)
    }

    /// All resources of a kind, namespace and name: more than one is a mistake.
    pub fn named<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&str>,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Resource> {
        self.same_hash(kind, namespace, name).filter(move |resource| resource.name() == name)
    }

    fn same_hash<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let hash = self.hasher.hash_one(name);
        self.get_all(self.ns(namespace).and_then(|ns| self.by_name.get(&(kind, ns, hash))))
    }

    /// The `CustomResourceDefinition` of a group and kind.
    pub fn definition(&self, group: &str, kind: &str) -> Option<&Resource> {
        let same_hash = self.get_all(self.definitions.get(&self.hasher.hash_one((group, kind))));
        same_hash.into_iter().find(|resource| defined(resource) == Some((group, kind)))
    }

    /// The workloads in a namespace.
    pub fn workloads_in(&self, namespace: Option<&str>) -> impl Iterator<Item = Workload<'_>> {
        self.get_all(self.ns(namespace).and_then(|ns| self.workloads.get(&ns))).filter_map(Workload::of)
    }

    /// The Services or disruption budgets that select a workload's pods.
    pub fn selecting<'s>(
        &'s self,
        kind: Kind,
        workload: &Workload<'s>,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let labels = workload.pod_labels();
        let ns = self.ns(workload.resource.namespace());
        let hash = |label: Entry<'_>| self.hasher.hash_one((label.key.raw(), label.value.raw()));
        let first = labels.into_iter().flat_map(Value::entries).map(hash).map(Some).chain([None]);
        let lists = first.filter_map(move |first| self.by_selector.get(&(kind, ns?, first)));
        let candidates = lists.flatten().map(|&index| &self.resources[index as usize]);
        candidates.filter(move |resource| selector(resource).is_some_and(|selector| selector.matches(labels)))
    }

    /// The autoscalers and bindings that name an object to act on, as `scaleTargetRef` or `roleRef`.
    pub fn acting_on<'s>(
        &'s self,
        namespace: Option<&str>,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let hash = self.hasher.hash_one((kind, name));
        let is_target = (kind.to_owned(), name.to_owned());
        let candidates = self.get_all(self.ns(namespace).and_then(|ns| self.by_target.get(&(ns, hash))));
        candidates.filter(move |resource| target(resource).is_some_and(|it| it == (&*is_target.0, &*is_target.1)))
    }

    /// The workloads in a namespace whose pods a selector selects.
    pub fn selected<'s>(
        &'s self,
        namespace: Option<&str>,
        selector: Selector<'s>,
    ) -> impl Iterator<Item = Workload<'s>> + use<'s> {
        let candidates = self.ns(namespace).and_then(|ns| {
            let by_label = |label| self.by_label.get(&(ns, self.hasher.hash_one::<(&str, &str)>(label)));
            let lists: Option<Vec<_>> = selector.match_labels().map(by_label).collect();
            let fewest = lists?.into_iter().min_by_key(|list| list.len());
            fewest.or_else(|| self.workloads.get(&ns))
        });
        let workloads = self.get_all(candidates).filter_map(Workload::of);
        workloads.filter(move |workload| selector.matches(workload.pod_labels()))
    }
}

/// The group and kind that a `CustomResourceDefinition` defines.
fn defined(resource: &Resource) -> Option<(&str, &str)> {
    if resource.kind() != Kind::CustomResourceDefinition {
        return None;
    }
    Some((resource.spec("group")?.str()?, resource.value().at(&["spec", "names", "kind"])?.str()?))
}

/// What a Service or a disruption budget selects pods by.
fn selector(resource: &Resource) -> Option<Selector<'_>> {
    match resource.kind() {
        Kind::Service => Some(Selector::of_labels(resource.spec("selector"))),
        Kind::PodDisruptionBudget => Some(Selector::of(resource.spec("selector"))),
        _ => None,
    }
}

/// Kind and name of the object that a resource names to act on.
fn target(resource: &Resource) -> Option<(&str, &str)> {
    let (reference, default) = match resource.kind() {
        Kind::RoleBinding | Kind::ClusterRoleBinding => (resource.value().get("roleRef")?, None),
        Kind::HorizontalPodAutoscaler => (resource.spec("scaleTargetRef")?, None),
        // KEDA's scales Deployments unless it says otherwise.
        Kind::Other if resource.kind_name() == "ScaledObject" && resource.group() == "keda.sh" => {
            (resource.spec("scaleTargetRef")?, Some("Deployment"))
        }
        _ => return None,
    };
    let field = |key| reference.get(key).and_then(Value::str);
    Some((field("kind").or(default)?, field("name")?))
}
