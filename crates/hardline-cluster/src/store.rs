//! All that a cluster is known to hold: events in, inventory out.
//!
//! A deployment of a hundred pods is one workload, not a hundred and one. An object that a
//! controller made is left out of the inventory where its owner is known and says the same; it is
//! kept where it differs, for that is what somebody did by hand, or an injector. Of objects that
//! differ in the same way one is kept, the first by name.
//!
//! Of what controllers make, which are most objects of a cluster, the store keeps a name and a few
//! numbers each, and one text for all that are alike. The rest it keeps as resources, whose trees
//! the inventories share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::tree::Value;
use hardline_core::workload::Workload;
use hardline_manifest::{document, edit};
use serde_json::Value as Json;

use crate::kinds::{OBSERVED, ObservedKind, Owned};
use crate::lean::{Lean, Owner};
use crate::observed::{Gap, Observed, Scope};
use crate::origin::Origin;
use crate::packed::{Packed, Packer};
use crate::template::{self, Allowance};

/// All that is known of a cluster.
#[derive(Debug)]
pub struct Store {
    scope: Scope,
    grouped: bool,
    hasher: RandomState,
    /// In the order of [`OBSERVED`].
    kinds: Vec<Held>,
    /// One of all objects that an owner made alike, by [`Made::likeness`].
    likenesses: HashMap<Likeness, Example>,
    packer: Packer,
    gaps: Vec<Gap>,
    changed: bool,
}

/// What is known of one kind.
#[derive(Debug, Default)]
struct Held {
    /// By a hash of namespace and name.
    objects: HashMap<u64, Object>,
    /// Counts the passes over the whole kind. What a pass does not mention is gone.
    pass: u32,
    standing: Standing,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Standing {
    /// No pass is done yet.
    #[default]
    Unread,
    /// All objects are known.
    Complete,
    /// They cannot be read.
    Lacking(String),
}

#[derive(Debug)]
enum Object {
    Own(Box<Own>),
    Made(Made),
}

/// An object that stands for itself.
#[derive(Debug)]
struct Own {
    resource: Resource,
    origin: Origin,
    /// A hash of the text that the resource was read from.
    text: u64,
    judge: Option<(OwnerId, Digests)>,
    pass: u32,
}

/// An object that a controller made.
#[derive(Debug)]
struct Made {
    name: Box<str>,
    likeness: Likeness,
    /// What it is called as an owner of others.
    id: OwnerId,
    /// It runs no more, or no pods.
    ended: bool,
    /// It has demands that it was not created with.
    ranged: bool,
    pass: u32,
}

/// What objects share that the same owner made alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Likeness {
    owner: OwnerId,
    digest: u64,
}

/// A hash of an owner's kind, namespace and uid. What an object says about its owner counts only
/// where an owner of that kind is known by that uid in the object's own namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct OwnerId(u64);

/// The digests of a template: as it is, and without demands.
type Digests = [u64; 2];

/// One of the objects that are alike.
#[derive(Debug)]
struct Example {
    count: u32,
    /// In JSON, as it came: needed only where no owner judges for it.
    text: Packed,
    origin: Origin,
    /// The resource, once it was needed, under a name that is still there.
    resource: Option<Resource>,
}

/// The resource that judges for an owner.
#[derive(Debug, Clone, Copy)]
struct Judge {
    index: u32,
    digests: Digests,
}

impl Store {
    /// A store of nothing yet. `grouped` leaves out what another resource stands for.
    pub fn new(scope: Scope, grouped: bool) -> Self {
        Self {
            scope,
            grouped,
            hasher: RandomState::new(),
            kinds: OBSERVED.iter().map(|_| Held::default()).collect(),
            likenesses: HashMap::new(),
            packer: Packer::default(),
            gaps: Vec::new(),
            changed: true,
        }
    }

    /// Begins a pass over all objects of a kind, by its place in [`OBSERVED`].
    pub fn begin(&mut self, kind: usize) {
        self.kinds[kind].pass += 1;
    }

    /// Ends a pass: the kind is known completely, and what the pass did not mention is gone.
    pub fn complete(&mut self, kind: usize) {
        let pass = self.kinds[kind].pass;
        let held = &mut self.kinds[kind];
        let gone: Vec<u64> = held.objects.iter().filter(|(_, it)| it.pass() != pass).map(|(&id, _)| id).collect();
        self.changed |= held.standing != Standing::Complete;
        held.standing = Standing::Complete;
        for id in gone {
            self.remove(kind, id);
        }
    }

    /// Writes down that a kind cannot be read, and why. What was known of it stays, and nothing is
    /// claimed from what is not.
    pub fn lacks(&mut self, kind: usize, why: impl Into<String>) {
        let standing = Standing::Lacking(why.into());
        self.changed |= self.kinds[kind].standing != standing;
        self.kinds[kind].standing = standing;
    }

    /// Writes down something else that could not be read.
    pub fn lacks_also(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    /// Whether every kind has been read, or cannot be.
    pub fn is_read(&self) -> bool {
        self.kinds.iter().all(|held| held.standing != Standing::Unread)
    }

    /// Whether an inventory of now would differ from the last one.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.kinds.iter().map(|held| held.objects.len()).sum()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in an object as it is now.
    pub fn apply(&mut self, kind: usize, lean: Lean) {
        let observed = &OBSERVED[kind];
        let id = self.id(&lean.namespace, &lean.name);
        match lean.owner.clone().filter(|_| self.grouped && observed.owned != Owned::ByNobody) {
            Some(owner) => self.apply_made(kind, id, lean, &owner),
            None => self.apply_own(kind, id, lean),
        }
    }

    /// Takes in that an object is gone.
    pub fn delete(&mut self, kind: usize, namespace: &str, name: &str) {
        self.remove(kind, self.id(namespace, name));
    }

    fn id(&self, namespace: &str, name: &str) -> u64 {
        self.hasher.hash_one((namespace, name))
    }

    fn owner_id(&self, kind: &str, namespace: &str, uid: &str) -> OwnerId {
        OwnerId(self.hasher.hash_one((kind, namespace, uid)))
    }

    fn apply_own(&mut self, kind: usize, id: u64, lean: Lean) {
        let text = self.hasher.hash_one(&lean.text);
        let pass = self.kinds[kind].pass;
        if let Some(Object::Own(known)) = self.kinds[kind].objects.get_mut(&id)
            && known.text == text
        {
            (known.pass, known.origin) = (pass, lean.origin);
            return;
        }
        let Some(raw) = parse(String::new(), lean.text) else { return };
        let judge =
            self.digests(&raw).map(|digests| (self.owner_id(OBSERVED[kind].name, &lean.namespace, &lean.uid), digests));
        let own = Own { resource: legible(&raw), origin: lean.origin, text, judge, pass };
        self.replace(kind, id, Object::Own(Box::new(own)));
        self.changed = true;
    }

    fn apply_made(&mut self, kind: usize, id: u64, lean: Lean, owner: &Owner) {
        let pass = self.kinds[kind].pass;
        let Some(resource) = parse(String::new(), lean.text) else { return };
        let ranged = Allowance::is_ranged(&resource);
        let allowance = Allowance { owner: owner_kind(&owner.kind), demands: ranged };
        let Some(workload) = Workload::of(&resource) else { return };
        let made = Made {
            likeness: Likeness {
                owner: self.owner_id(&owner.kind, &lean.namespace, &owner.uid),
                digest: template::digest(&workload, allowance, &self.hasher),
            },
            id: self.owner_id(OBSERVED[kind].name, &lean.namespace, &lean.uid),
            ended: has_ended(&resource),
            ranged,
            pass,
            name: lean.name,
        };
        if let Some(Object::Made(known)) = self.kinds[kind].objects.get_mut(&id)
            && known.says() == made.says()
        {
            known.pass = pass;
            return;
        }
        // A replica set that comes or goes may change whose template its pods are held to.
        self.changed |= OBSERVED[kind].owned == Owned::ByWorkload;
        if !made.ended {
            match self.likenesses.entry(made.likeness) {
                Entry::Occupied(mut example) => example.get_mut().count += 1,
                Entry::Vacant(first) => {
                    let text = self.packer.pack(&resource.source().text);
                    first.insert(Example { count: 1, text, origin: lean.origin, resource: None });
                    self.changed = true;
                }
            }
        }
        self.replace(kind, id, Object::Made(made));
    }

    fn replace(&mut self, kind: usize, id: u64, object: Object) {
        if let Some(known) = self.kinds[kind].objects.insert(id, object) {
            self.forget(&known);
        }
    }

    fn remove(&mut self, kind: usize, id: u64) {
        if let Some(known) = self.kinds[kind].objects.remove(&id) {
            self.changed |= matches!(known, Object::Own(_)) || OBSERVED[kind].owned == Owned::ByWorkload;
            self.forget(&known);
        }
    }

    /// Takes an object out of the count of those that are like it.
    fn forget(&mut self, object: &Object) {
        let Object::Made(made) = object else { return };
        if made.ended {
            return;
        }
        let Entry::Occupied(mut entry) = self.likenesses.entry(made.likeness) else { return };
        let example = entry.get_mut();
        example.count -= 1;
        if example.count == 0 {
            entry.remove();
            self.changed = true;
        } else if example.resource.as_ref().is_some_and(|resource| resource.name() == &*made.name) {
            example.resource = None;
            self.changed = true;
        }
    }

    fn digests(&self, resource: &Resource) -> Option<Digests> {
        let workload = Workload::of(resource).filter(|workload| workload.kind() != Kind::Pod)?;
        let owner = Some(resource.kind());
        Some([false, true].map(|demands| template::digest(&workload, Allowance { owner, demands }, &self.hasher)))
    }

    /// The inventory of what is known now.
    pub fn snapshot(&mut self) -> Observed {
        let mut coverage = Coverage::nothing();
        let complete = OBSERVED.iter().zip(&self.kinds).filter(|(_, held)| held.standing == Standing::Complete);
        complete.for_each(|(observed, _)| self.scope.cover(observed, &mut coverage));
        self.snapshot_covering(coverage)
    }

    /// The inventory of what is known now, which covers what is said.
    pub(crate) fn snapshot_covering(&mut self, coverage: Coverage) -> Observed {
        self.changed = false;
        let mut building = Building::default();
        for held in &self.kinds {
            building.add_own(held);
        }
        let mut owned: Vec<usize> =
            (0..OBSERVED.len()).filter(|&kind| OBSERVED[kind].owned != Owned::ByNobody).collect();
        owned.sort_by_key(|&kind| OBSERVED[kind].owned);
        for kind in owned {
            let variants = building.variants(&self.kinds[kind], OBSERVED[kind].name == "Pod");
            self.add_variants(&mut building, variants);
        }
        let gap = |(observed, held): (&ObservedKind, &Held)| match &held.standing {
            Standing::Lacking(why) => Some(Gap { what: observed.plural.to_owned(), why: why.clone() }),
            Standing::Complete | Standing::Unread => None,
        };
        let mut gaps: Vec<_> = OBSERVED.iter().zip(&self.kinds).filter_map(gap).collect();
        gaps.extend(self.gaps.iter().cloned());
        gaps.sort();
        gaps.dedup();
        let objects = self.len();
        Observed { inventory: Inventory::new(building.resources, coverage), origins: building.origins, gaps, objects }
    }

    /// Adds one resource for all that differ from their owner in the same way.
    fn add_variants(&mut self, building: &mut Building, variants: Vec<Variant>) {
        for variant in variants {
            let Some(example) = self.likenesses.get_mut(&variant.likeness) else { continue };
            let known = example.resource.take().filter(|resource| resource.name() == &*variant.name);
            let Some(resource) = known.or_else(|| renamed(example.text.unpack(), &variant.name)) else { continue };
            example.resource = Some(resource.clone());
            let origin = Origin { pods: variant.pods, variant_of: variant.of, ..example.origin.clone() };
            let index = building.push(resource.clone(), origin);
            if let Some(digests) = self.digests(&resource) {
                building.judges.extend(variant.owners.into_iter().map(|id| (id, Judge { index, digests })));
            }
        }
    }
}

impl Made {
    /// What others may notice of it.
    fn says(&self) -> (Likeness, OwnerId, bool, bool) {
        (self.likeness, self.id, self.ended, self.ranged)
    }
}

impl Object {
    fn pass(&self) -> u32 {
        match self {
            Self::Own(own) => own.pass,
            Self::Made(made) => made.pass,
        }
    }
}

/// An inventory in the making.
#[derive(Default)]
struct Building {
    resources: Vec<Resource>,
    origins: Vec<Origin>,
    judges: HashMap<OwnerId, Judge>,
}

/// Objects that differ from their owner's template in the same way.
struct Variant {
    likeness: Likeness,
    /// The first name among them.
    name: Box<str>,
    /// The resource that judges for their owner, if it is known.
    of: Option<u32>,
    /// How many pods they are beside the first.
    pods: u32,
    /// What they are called as owners, unless they are pods.
    owners: Vec<OwnerId>,
}

impl Building {
    fn push(&mut self, resource: Resource, origin: Origin) -> u32 {
        self.resources.push(resource);
        self.origins.push(origin);
        self.resources.len() as u32 - 1
    }

    fn add_own(&mut self, held: &Held) {
        let mut own: Vec<_> = held.objects.values().filter_map(Object::own).collect();
        own.sort_by_key(|own| (own.resource.namespace(), own.resource.name()));
        for Own { resource, origin, judge, .. } in own {
            let index = self.push(resource.clone(), origin.clone());
            if let Some((id, digests)) = *judge {
                self.judges.insert(id, Judge { index, digests });
            }
        }
    }

    /// Lets owners judge for what they made, and gives what they do not judge for.
    fn variants(&mut self, held: &Held, are_pods: bool) -> Vec<Variant> {
        let mut variants: HashMap<Likeness, Variant> = HashMap::new();
        for made in held.objects.values().filter_map(Object::made) {
            let judge = self.judges.get(&made.likeness.owner).copied();
            match judge {
                Some(judge) if made.ended || judge.digests[usize::from(made.ranged)] == made.likeness.digest => {
                    self.origins[judge.index as usize].pods += u32::from(are_pods);
                    self.judges.insert(made.id, judge);
                }
                // What has ended is nobody's trouble any more.
                _ if made.ended => {}
                _ => {
                    let variant = match variants.entry(made.likeness) {
                        Entry::Occupied(variant) => {
                            let variant = variant.into_mut();
                            variant.pods += u32::from(are_pods);
                            variant
                        }
                        Entry::Vacant(first) => first.insert(Variant {
                            likeness: made.likeness,
                            name: made.name.clone(),
                            of: judge.map(|judge| judge.index),
                            pods: 0,
                            owners: Vec::new(),
                        }),
                    };
                    if made.name < variant.name {
                        variant.name.clone_from(&made.name);
                    }
                    variant.owners.extend((!are_pods).then_some(made.id));
                }
            }
        }
        let mut variants: Vec<_> = variants.into_values().collect();
        variants.sort_by(|a, b| (a.of, &a.name).cmp(&(b.of, &b.name)));
        variants
    }
}

impl Object {
    fn own(&self) -> Option<&Own> {
        match self {
            Self::Own(own) => Some(own),
            Self::Made(_) => None,
        }
    }

    fn made(&self) -> Option<&Made> {
        match self {
            Self::Made(made) => Some(made),
            Self::Own(_) => None,
        }
    }
}

/// The kind of an owner, of those whose controllers add to pods what their templates do not say.
fn owner_kind(name: &str) -> Option<Kind> {
    [Kind::DaemonSet, Kind::StatefulSet, Kind::Job].into_iter().find(|kind| kind.name() == name)
}

/// The object that a text is, if it is one.
fn parse(name: String, text: String) -> Option<Resource> {
    let tree = document::parse(&Arc::new(Source::new(name, text))).tree;
    let root = tree.roots().next()?.id();
    Resource::new(tree, root).ok()
}

/// The resource in YAML, as people know it, under the name of its place in the cluster.
fn legible(resource: &Resource) -> Resource {
    of_json(&resource.value().to_json(), resource).unwrap_or_else(|| resource.clone())
}

/// The object of a text under another name.
fn renamed(text: String, name: &str) -> Option<Resource> {
    let resource = parse(String::new(), text)?;
    let mut json = resource.value().to_json();
    json["metadata"]["name"] = Json::from(name);
    of_json(&json, &resource)
}

/// What the writer of YAML cannot say so that it is read back alike is no resource.
fn of_json(json: &Json, like: &Resource) -> Option<Resource> {
    let name = json["metadata"]["name"].as_str().unwrap_or_default();
    let place = ["cluster", like.namespace().unwrap_or_default(), like.kind_name(), name];
    let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
    let mut text = edit::document(json);
    text.shrink_to_fit();
    parse(place.join("/"), text).filter(|resource| resource.value().to_json() == *json)
}

/// Whether an object that a controller made runs no more, or no pods: old revisions of
/// deployments, jobs that are done.
fn has_ended(resource: &Resource) -> bool {
    let status = |key| resource.value().get("status").and_then(|status| status.get(key));
    match resource.kind() {
        Kind::Pod => matches!(status("phase").and_then(Value::str), Some("Succeeded" | "Failed")),
        Kind::ReplicaSet | Kind::ReplicationController => resource.spec("replicas").and_then(Value::int) == Some(0),
        Kind::Job => status("conditions").into_iter().flat_map(Value::items).any(|condition| {
            matches!(condition.get("type").and_then(Value::str), Some("Complete" | "Failed"))
                && condition.get("status").and_then(Value::str) == Some("True")
        }),
        _ => false,
    }
}
