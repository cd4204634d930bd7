//! A set of resources, and what it knows completely.

pub(crate) mod asked;
mod layer;

use std::collections::{HashMap, HashSet};
use std::ops::Index;
use std::sync::{Arc, OnceLock};

use crate::network::{Assumptions, Network};
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::workload::Workload;

use asked::{Kinds, note, note_everywhere};
use layer::Layer;

/// What says nothing about who can reach whom is not in it.
const OF_NETWORK: Kinds = Kinds::ALL.without(Kinds::of(&[
    Kind::ConfigMap,
    Kind::HorizontalPodAutoscaler,
    Kind::LimitRange,
    Kind::PersistentVolume,
    Kind::PersistentVolumeClaim,
    Kind::PodDisruptionBudget,
    Kind::PriorityClass,
    Kind::ResourceQuota,
    Kind::Secret,
    Kind::StorageClass,
]));

/// What [`Inventory::acting_on`] looks at.
const ACTORS: Kinds =
    Kinds::of(&[Kind::ClusterRoleBinding, Kind::HorizontalPodAutoscaler, Kind::Other, Kind::RoleBinding]);

/// An immutable set of resources, indexed for rules, and its [`Coverage`].
///
/// It may be laid over another one, as an object that is to be admitted is over what a cluster
/// holds: [`Inventory::with`]. That costs what the objects on top cost, however many are below.
#[derive(Debug)]
pub struct Inventory {
    /// The lowest first, the one with the subjects last.
    layers: Vec<Arc<Layer>>,
    /// The resources that higher layers replace or take away, by their indices, in order.
    hidden: Vec<u32>,
    coverage: Arc<Coverage>,
    networks: Networks,
}

/// Who can reach whom, as far as somebody has asked.
#[derive(Debug, Default)]
struct Networks {
    whole: OnceLock<Network>,
    /// Of the namespace that all subjects are in.
    here: OnceLock<Network>,
    /// Of the only subject.
    alone: OnceLock<Network>,
}

/// What an inventory knows completely, so that absence can be claimed.
///
/// Manifests in a folder rarely are all that a cluster holds. They are taken to be complete
/// for a namespace that they declare by a `Namespace` manifest, and, elsewhere, for each kind of
/// which they hold at least one object in that namespace. For Secrets both must hold: most are kept
/// out of manifests for good reason, so that one more that is not among them says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    everything: bool,
    namespaces: HashSet<Box<str>>,
    /// The namespaces are complete but for Secrets.
    except_secrets: bool,
    /// By namespace; `""` stands for none, which no namespace can be called.
    kinds: HashMap<Box<str>, HashSet<Kind>>,
    everywhere: HashSet<Kind>,
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

    /// This kind is known completely, in every namespace or cluster-wide.
    pub fn add_kind_everywhere(&mut self, kind: Kind) {
        self.everywhere.insert(kind);
    }

    /// Whether a kind is known completely in a namespace. Cluster-wide kinds have no namespace.
    pub fn covers(&self, kind: Kind, namespace: Option<&str>) -> bool {
        self.everything
            || self.everywhere.contains(&kind)
            || (namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
                && !(self.except_secrets && kind == Kind::Secret))
            || (kind.is_namespaced()
                && self.kinds.get(namespace.unwrap_or_default()).is_some_and(|kinds| kinds.contains(&kind)))
    }
}

impl Inventory {
    /// An inventory of these resources, which covers what is said.
    pub fn new(resources: Vec<Resource>, coverage: Coverage) -> Self {
        Self {
            layers: vec![Arc::new(Layer::new(0, resources))],
            hidden: Vec::new(),
            coverage: Arc::new(coverage),
            networks: Networks::default(),
        }
    }

    /// This inventory with these resources laid over it: they hide those of the same kind, namespace
    /// and name, and they are its [subjects](Inventory::subjects).
    #[must_use]
    pub fn with(&self, resources: Vec<Resource>) -> Self {
        let hidden = self.hidden_with(resources.iter().flat_map(|resource| self.same(resource)));
        let layer = Layer::new(self.top().end(), resources);
        let layers = self.layers.iter().cloned().chain([Arc::new(layer)]).collect();
        Self { layers, hidden, coverage: self.coverage.clone(), networks: Networks::default() }
    }

    /// This inventory without the object of a resource's kind, namespace and name. It has no
    /// subjects.
    #[must_use]
    pub fn without(&self, resource: &Resource) -> Self {
        let mut without = self.with(Vec::new());
        without.hidden = without.hidden_with(self.same(resource));
        without
    }

    /// The resources that are the same object as this one, or were before.
    fn same<'s>(&'s self, resource: &'s Resource) -> impl Iterator<Item = &'s Resource> {
        let named = self.named(resource.kind(), resource.namespace(), resource.name());
        named.filter(|other| {
            resource.kind() != Kind::Other
                || (other.group(), other.kind_name()) == (resource.group(), resource.kind_name())
        })
    }

    /// What is hidden already, and these.
    fn hidden_with<'s>(&self, more: impl Iterator<Item = &'s Resource>) -> Vec<u32> {
        let mut hidden: Vec<u32> = self.hidden.iter().copied().chain(more.map(|resource| resource.index)).collect();
        hidden.sort_unstable();
        hidden
    }

    fn top(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// What is to be seen of what a look at each layer gives.
    fn see<'s, I: Iterator<Item = &'s Resource>>(
        &'s self,
        look: impl Fn(&'s Layer) -> I,
    ) -> impl Iterator<Item = &'s Resource> {
        let found = self.layers.iter().flat_map(move |layer| look(layer));
        found.filter(|resource| self.hidden.binary_search(&resource.index).is_err())
    }

    /// All resources, in the order they were read.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        note_everywhere(Kinds::ALL);
        self.see(|layer| layer.resources.iter())
    }

    /// The resources that a judgement of this inventory is about: all, or those on top of another
    /// inventory.
    pub fn subjects(&self) -> &[Resource] {
        &self.top().resources
    }

    /// The resource of this index.
    pub fn get(&self, index: u32) -> Option<&Resource> {
        let layer = self.layers.iter().rev().find(|layer| layer.first <= index)?;
        layer.resources.get((index - layer.first) as usize)
    }

    /// All workloads, in the order they were read.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.resources().filter_map(Workload::of)
    }

    /// Whether a custom resource of a namespace holds the text; `None` stands for those that are in
    /// none.
    pub(crate) fn custom_resource_holds(&self, namespace: Option<&str>, text: &str) -> bool {
        note(Kinds::of(&[Kind::Other]), namespace);
        self.layers.iter().any(|layer| layer.mentions().by_custom_resource(namespace, text))
    }

    /// Whether a program of a namespace is told the text, by an argument or a variable, or a Role
    /// there names it.
    pub(crate) fn program_is_told(&self, namespace: Option<&str>, text: &str) -> bool {
        note(Kinds::WORKLOADS.and(Kind::Role), namespace);
        self.layers.iter().any(|layer| layer.mentions().by_program(namespace, text))
    }

    /// The namespaces that resources are in.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        note_everywhere(Kinds::ALL);
        let lower = |at: usize| self.layers[..at].iter();
        self.layers.iter().enumerate().flat_map(move |(at, layer)| {
            layer.namespaces().filter(move |&name| !lower(at).any(|lower| lower.has_namespace(name)))
        })
    }

    /// Who can reach whom, under the default assumptions; worked out when first asked for.
    pub fn network(&self) -> &Network {
        note_everywhere(OF_NETWORK);
        self.networks.whole.get_or_init(|| Network::of(self, Assumptions::default()))
    }

    /// Who can reach the pods of a namespace: the [whole network](Inventory::network), or, where single
    /// objects are laid over another inventory, the [network of their
    /// namespace](Network::of_namespace), which is made for each of them.
    pub fn network_of(&self, namespace: Option<&str>) -> &Network {
        note_everywhere(OF_NETWORK);
        let is_here = |subject: &Resource| subject.namespace() == namespace;
        let is_laid_over = self.layers.len() > 1 && self.subjects().iter().all(is_here);
        if !is_laid_over || self.networks.whole.get().is_some() {
            return self.network();
        }
        self.networks.here.get_or_init(|| Network::of_namespace(self, namespace, Assumptions::default()))
    }

    /// Who can reach the pods of a workload, asked by nobody who looks at other pods: the [network of its
    /// namespace](Inventory::network_of), or, where the workload alone is laid over another inventory, its
    /// [own](Network::of_workload). That costs the same however many pods are beside it.
    pub fn network_at(&self, workload: &Resource) -> &Network {
        note_everywhere(OF_NETWORK);
        let is_alone = self.layers.len() > 1 && matches!(self.subjects(), [only] if only.index == workload.index);
        if !is_alone || self.networks.whole.get().or(self.networks.here.get()).is_some() {
            return self.network_of(workload.namespace());
        }
        self.networks.alone.get_or_init(|| Network::of_workload(self, workload, Assumptions::default()))
    }

    /// Whether all resources of a kind in a namespace are known.
    pub fn covers(&self, kind: Kind, namespace: Option<&str>) -> bool {
        self.coverage.covers(kind, namespace)
    }

    pub(crate) fn coverage(&self) -> &Arc<Coverage> {
        &self.coverage
    }

    /// The resources of a kind in a namespace. `None` stands for cluster-wide kinds, and for the
    /// namespace of manifests that name none.
    pub fn of_kind(&self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &Resource> {
        note(Kinds::of(&[kind]), namespace);
        self.see(move |layer| layer.of_kind(kind, namespace))
    }

    /// The first resource of a kind, namespace and name.
    pub fn find(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Option<&Resource> {
        note(Kinds::of(&[kind]), namespace);
        let mut same_hash = self.see(move |layer| layer.same_hash(kind, namespace, name));
        same_hash.find(|resource| resource.name() == name)
    }

    /// All resources of a kind, namespace and name: more than one is a mistake.
    pub fn named<'s>(
        &'s self,
        kind: Kind,
        namespace: Option<&str>,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Resource> {
        note(Kinds::of(&[kind]), namespace);
        let same_hash = self.see(move |layer| layer.same_hash(kind, namespace, name));
        same_hash.filter(move |resource| resource.name() == name)
    }

    /// The `CustomResourceDefinition` of a group and kind.
    pub fn definition(&self, group: &str, kind: &str) -> Option<&Resource> {
        note(Kinds::of(&[Kind::CustomResourceDefinition]), None);
        let mut same_hash = self.see(|layer| layer.same_definition(group, kind));
        same_hash.find(|resource| layer::defined(resource) == Some((group, kind)))
    }

    /// The workloads in a namespace.
    pub fn workloads_in(&self, namespace: Option<&str>) -> impl Iterator<Item = Workload<'_>> {
        note(Kinds::WORKLOADS, namespace);
        self.see(move |layer| layer.workloads_in(namespace)).filter_map(Workload::of)
    }

    /// The Services or disruption budgets that select a workload's pods.
    pub fn selecting<'s>(
        &'s self,
        kind: Kind,
        workload: &Workload<'s>,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        let (namespace, labels) = (workload.resource.namespace(), workload.pod_labels());
        note(Kinds::of(&[kind]), namespace);
        let candidates = self.see(move |layer| layer.selecting(kind, namespace, labels));
        candidates.filter(move |resource| layer::selector(resource).is_some_and(|selector| selector.matches(labels)))
    }

    /// The autoscalers and bindings that name an object to act on, as `scaleTargetRef` or `roleRef`.
    pub fn acting_on<'s>(
        &'s self,
        namespace: Option<&'s str>,
        kind: &'s str,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        note(ACTORS, namespace);
        let candidates = self.see(move |layer| layer.acting_on(namespace, kind, name));
        candidates.filter(move |resource| layer::target(resource) == Some((kind, name)))
    }

    /// Those of all namespaces, and of none: what names an object that is in none.
    pub fn acting_anywhere_on<'s>(
        &'s self,
        kind: &'s str,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Resource> + use<'s> {
        note_everywhere(ACTORS);
        let candidates = self.see(move |layer| layer.acting_anywhere_on(kind, name));
        candidates.filter(move |resource| layer::target(resource) == Some((kind, name)))
    }

    /// The workloads in a namespace whose pods a selector selects.
    pub fn selected<'s>(
        &'s self,
        namespace: Option<&'s str>,
        selector: Selector<'s>,
    ) -> impl Iterator<Item = Workload<'s>> + use<'s> {
        note(Kinds::WORKLOADS, namespace);
        let candidates = self.see(move |layer| layer.selected(namespace, selector));
        let workloads = candidates.filter_map(Workload::of);
        workloads.filter(move |workload| selector.matches(workload.pod_labels()))
    }
}

impl Index<u32> for Inventory {
    type Output = Resource;

    /// The resource of this index, which must be one of this inventory.
    fn index(&self, index: u32) -> &Resource {
        self.get(index).expect("indices are given by the inventory that they are used with")
    }
}
