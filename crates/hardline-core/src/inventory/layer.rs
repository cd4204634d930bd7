//! The resources of one layer of an inventory, and the indices to find them by.

use std::hash::BuildHasher;
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
    mentions: OnceLock<Mentions>,
}

/// A namespace's number in one layer; 0 where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Ns(u32);

impl Layer {
    pub fn new(first: u32, resources: Vec<Resource>) -> Self {
        let mut layer = Self {
            first,
            resources,
            namespaces: HashMap::default(),
            by_kind: HashMap::default(),
            by_name: HashMap::default(),
            workloads: HashMap::default(),
            by_label: HashMap::default(),
            by_selector: HashMap::default(),
            by_target: HashMap::default(),
            definitions: HashMap::default(),
            hasher: RandomState::default(),
            mentions: OnceLock::new(),
        };
        let mut resources = std::mem::take(&mut layer.resources);
        for (place, resource) in (0..).zip(&mut resources) {
            resource.index = first + place;
            layer.index(place, resource);
        }
        layer.resources = resources;
        layer
    }

    /// The index past the last one.
    pub fn end(&self) -> u32 {
        self.first + self.resources.len() as u32
    }

    fn index(&mut self, index: u32, resource: &Resource) {
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

    pub fn mentions(&self) -> &Mentions {
        self.mentions.get_or_init(|| Mentions::of(&self.resources))
    }

    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(AsRef::as_ref)
    }

    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    pub fn of_kind<'s>(&'s self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &'s Resource> + use<'s> {
        self.get_all(self.ns(namespace).and_then(|ns| self.by_kind.get(&(kind, ns))))
    }

    pub fn same_hash<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let hash = self.hasher.hash_one(name);
        self.get_all(self.ns(namespace).and_then(|ns| self.by_name.get(&(kind, ns, hash))))
    }

    pub fn same_definition<'s>(&'s self, group: &str, kind: &str) -> impl Iterator<Item = &'s Resource> + use<'s> {
        self.get_all(self.definitions.get(&self.hasher.hash_one((group, kind))))
    }

    pub fn workloads_in<'s>(&'s self, namespace: Option<&str>) -> impl Iterator<Item = &'s Resource> + use<'s> {
        self.get_all(self.ns(namespace).and_then(|ns| self.workloads.get(&ns)))
    }

    pub fn selecting<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&str>,
        labels: Option<Value<'s>>,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let ns = self.ns(namespace);
        let hash = |label: Entry<'_>| self.hasher.hash_one((label.key.raw(), label.value.raw()));
        let first = labels.into_iter().flat_map(Value::entries).map(hash).map(Some).chain([None]);
        let lists = first.filter_map(move |first| self.by_selector.get(&(kind, ns?, first)));
        lists.flatten().map(|&index| &self.resources[index as usize])
    }

    pub fn acting_on<'s>(
        &'s self,
        namespace: Option<&str>,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let hash = self.hasher.hash_one((kind, name));
        self.get_all(self.ns(namespace).and_then(|ns| self.by_target.get(&(ns, hash))))
    }

    /// The workloads that have one of the selector's labels, the rarest.
    pub fn selected<'s>(
        &'s self,
        namespace: Option<&str>,
        selector: Selector<'s>,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let candidates = self.ns(namespace).and_then(|ns| {
            let by_label = |label| self.by_label.get(&(ns, self.hasher.hash_one::<(&str, &str)>(label)));
            let lists: Option<Vec<_>> = selector.match_labels().map(by_label).collect();
            let fewest = lists?.into_iter().min_by_key(|list| list.len());
            fewest.or_else(|| self.workloads.get(&ns))
        });
        self.get_all(candidates)
    }
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
