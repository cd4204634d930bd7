//! The resources of one layer of an inventory, and the indices to find them by.

use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;

use foldhash::fast::RandomState;

use crate::mentions::Mentions;
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::tree::{Entry, Value};
use crate::workload::Workload;

type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// Resources with indices from `first` on.
///
/// Its lookups compare hashes: they give all that was asked for, and seldom something else.
#[derive(Debug)]
pub(super) struct Layer {
    pub first: u32,
    pub resources: Vec<Resource>,
    /// A single resource, such as one that is to be admitted, is sooner looked at than found.
    index: Option<Box<Index>>,
    mentions: OnceLock<Mentions>,
}

/// The places of resources in their layer, by what they are looked for.
#[derive(Debug, Default)]
struct Index {
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
    hasher: RandomState,
}

/// A namespace's number in one layer; 0 where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Ns(u32);

impl Layer {
    pub fn new(first: u32, mut resources: Vec<Resource>) -> Self {
        for (index, resource) in (first..).zip(&mut resources) {
            resource.index = index;
        }
        let index = (resources.len() > 1).then(|| Box::new(Index::of(&resources)));
        Self { first, resources, index, mentions: OnceLock::new() }
    }

    /// The index past the last one.
    pub fn end(&self) -> u32 {
        self.first + self.resources.len() as u32
    }

    pub fn mentions(&self) -> &Mentions {
        self.mentions.get_or_init(|| Mentions::of(&self.resources))
    }

    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let indexed = self.index.iter().flat_map(|index| index.namespaces.keys()).map(AsRef::as_ref);
        indexed.chain(self.unindexed().iter().filter_map(Resource::namespace))
    }

    pub fn has_namespace(&self, name: &str) -> bool {
        match &self.index {
            Some(index) => index.namespaces.contains_key(name),
            None => self.resources.iter().any(|resource| resource.namespace() == Some(name)),
        }
    }

    /// The resources, where they are not indexed.
    fn unindexed(&self) -> &[Resource] {
        if self.index.is_none() { &self.resources } else { &[] }
    }

    /// The resources that the index lists, or, where there is none, those that are meant.
    fn look<'s, I, M>(&'s self, listed: Option<I>, is_meant: M) -> impl Iterator<Item = &'s Resource> + use<'s, I, M>
    where
        I: IntoIterator<Item = &'s u32>,
        M: Fn(&Resource) -> bool,
    {
        let listed = listed.into_iter().flatten().map(|&place| &self.resources[place as usize]);
        listed.chain(self.unindexed().iter().filter(move |resource| is_meant(resource)))
    }

    fn index(&self) -> Option<&Index> {
        self.index.as_deref()
    }

    pub fn of_kind(&self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &Resource> {
        let listed = self.index().and_then(|index| index.by_kind.get(&(kind, index.ns(namespace)?)));
        self.look(listed, move |resource| is_in(resource, kind, namespace))
    }

    pub fn same_hash<'s, 'n>(
        &'s self,
        kind: Kind,
        namespace: Option<&'n str>,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s, 'n> {
        let listed = self.index().and_then(|index| index.by_name.get(&(kind, index.ns(namespace)?, index.hash(name))));
        self.look(listed, move |resource| is_in(resource, kind, namespace))
    }

    pub fn same_definition<'s>(&'s self, group: &str, kind: &str) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let listed = self.index().and_then(|index| index.definitions.get(&index.hash((group, kind))));
        self.look(listed, |resource| defined(resource).is_some())
    }

    pub fn workloads_in(&self, namespace: Option<&str>) -> impl Iterator<Item = &Resource> {
        let listed = self.index().and_then(|index| index.workloads.get(&index.ns(namespace)?));
        self.look(listed, move |resource| is_workload_in(resource, namespace))
    }

    pub fn selecting<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&'s str>,
        labels: Option<Value<'s>>,
    ) -> impl Iterator<Item = &'s Resource> {
        let listed = self.index().and_then(|index| {
            let ns = index.ns(namespace)?;
            let hash = |label: Entry<'_>| index.hash((label.key.raw(), label.value.raw()));
            let first = labels.into_iter().flat_map(Value::entries).map(hash).map(Some).chain([None]);
            Some(first.filter_map(move |first| index.by_selector.get(&(kind, ns, first))).flatten())
        });
        self.look(listed, move |resource| is_in(resource, kind, namespace))
    }

    pub fn acting_on<'s>(
        &'s self,
        namespace: Option<&'s str>,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let listed =
            self.index().and_then(|index| index.by_target.get(&(index.ns(namespace)?, index.hash((kind, name)))));
        self.look(listed, move |resource| resource.namespace() == namespace)
    }

    pub fn acting_anywhere_on<'s>(&'s self, kind: &'s str, name: &'s str) -> impl Iterator<Item = &'s Resource> {
        let namespaces = self.namespaces().map(Some).chain([None]);
        namespaces.flat_map(move |namespace| self.acting_on(namespace, kind, name))
    }

    /// The workloads that have one of the selector's labels, the rarest.
    pub fn selected<'s>(
        &'s self,
        namespace: Option<&'s str>,
        selector: Selector<'s>,
    ) -> impl Iterator<Item = &'s Resource> {
        let listed = self.index().and_then(|index| {
            let ns = index.ns(namespace)?;
            let by_label = |label| index.by_label.get(&(ns, index.hash::<(&str, &str)>(label)));
            let lists: Option<Vec<_>> = selector.match_labels().map(by_label).collect();
            let fewest = lists?.into_iter().min_by_key(|list| list.len());
            fewest.or_else(|| index.workloads.get(&ns))
        });
        self.look(listed, move |resource| is_workload_in(resource, namespace))
    }
}

impl Index {
    fn of(resources: &[Resource]) -> Self {
        let mut index = Self::default();
        for (place, resource) in (0..).zip(resources) {
            index.add(place, resource);
        }
        index
    }

    fn add(&mut self, place: u32, resource: &Resource) {
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
        self.by_kind.entry((kind, ns)).or_default().push(place);
        self.by_name.entry((kind, ns, self.hasher.hash_one(resource.name()))).or_default().push(place);
        if let Some(defined) = defined(resource) {
            self.definitions.entry(self.hasher.hash_one(defined)).or_default().push(place);
        }
        if let Some(selector) = selector(resource) {
            let first = selector.match_labels().next().map(|label| self.hasher.hash_one(label));
            self.by_selector.entry((kind, ns, first)).or_default().push(place);
        }
        if let Some(target) = target(resource) {
            self.by_target.entry((ns, self.hasher.hash_one(target))).or_default().push(place);
        }
        if let Some(workload) = Workload::of(resource) {
            self.workloads.entry(ns).or_default().push(place);
            for label in workload.pod_labels().into_iter().flat_map(Value::entries) {
                let hash = self.hasher.hash_one((label.key.raw(), label.value.raw()));
                self.by_label.entry((ns, hash)).or_default().push(place);
            }
        }
    }

    fn hash<T: Hash>(&self, value: T) -> u64 {
        self.hasher.hash_one(value)
    }

    fn ns(&self, namespace: Option<&str>) -> Option<Ns> {
        namespace.map_or(Some(Ns::default()), |name| self.namespaces.get(name).copied())
    }
}

fn is_in(resource: &Resource, kind: Kind, namespace: Option<&str>) -> bool {
    resource.kind() == kind && resource.namespace() == namespace
}

fn is_workload_in(resource: &Resource, namespace: Option<&str>) -> bool {
    resource.namespace() == namespace && Workload::of(resource).is_some()
}

/// The group and kind that a `CustomResourceDefinition` defines.
pub(super) fn defined(resource: &Resource) -> Option<(&str, &str)> {
    if resource.kind() != Kind::CustomResourceDefinition {
        return None;
    }
    Some((resource.spec("group")?.str()?, resource.value().at(&["spec", "names", "kind"])?.str()?))
}

/// What a Service or a disruption budget selects pods by.
pub(super) fn selector(resource: &Resource) -> Option<Selector<'_>> {
    match resource.kind() {
        Kind::Service => Some(Selector::of_labels(resource.spec("selector"))),
        Kind::PodDisruptionBudget => Some(Selector::of(resource.spec("selector"))),
        _ => None,
    }
}

/// Kind and name of the object that a resource names to act on.
pub(super) fn target(resource: &Resource) -> Option<(&str, &str)> {
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
