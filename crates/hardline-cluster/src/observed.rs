//! From what a cluster holds to an inventory: each thing once.
//!
//! A deployment of a hundred pods is one workload, not a hundred and one. A pod is left out where
//! its owner is known and says the same; it is kept where it differs, for that is what somebody
//! did by hand, or an injector. Of pods that differ in the same way one is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::RandomState;
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::tree::Value;
use hardline_core::workload::Workload;
use hardline_manifest::document;
use hardline_manifest::edit;

use crate::lean::{Lean, Owner};
use crate::origin::Origin;
use crate::template::{self, Allowance};

/// What a cluster holds, as far as it can be read.
#[derive(Debug)]
pub struct Observed {
    /// The resources, and what is known completely. Their texts are YAML as `kubectl get` prints it.
    pub inventory: Inventory,
    /// Where each resource of the inventory comes from, in its order.
    pub origins: Vec<Origin>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// How many objects were read, those left out for being the same as others included.
    pub objects: usize,
}

/// Something that could not be read, so that its absence is claimed nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What, in the plural of the API: `secrets`.
    pub what: String,
    /// Why, in the words of the API server.
    pub why: String,
}

/// Gathers objects into an inventory. Owners are added before what they own.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    resources: Vec<Resource>,
    origins: Vec<Origin>,
    /// The resource that judges for a workload, by the workload's uid.
    workloads: HashMap<Box<str>, u32>,
    /// The resource that stands for all that differ from an owner in the same way.
    variants: HashMap<(u32, u64), u32>,
    hasher: RandomState,
    objects: usize,
    gaps: Vec<Gap>,
}

impl Collector {
    /// Adds an object, unless another one stands for it.
    pub(crate) fn add(&mut self, lean: Lean) {
        self.objects += 1;
        let Some(resource) = parse(String::new(), lean.text) else { return };
        let owner = lean.owner.as_ref().and_then(|owner| self.owner(owner, &resource));
        let stands = owner.and_then(|owner| self.stand_in(owner, &resource));
        let index = match stands {
            Some(index) => {
                self.origins[index as usize].pods += u32::from(resource.kind() == Kind::Pod);
                index
            }
            None => self.keep(&resource, Origin { variant_of: owner, ..lean.origin }),
        };
        if resource.kind() != Kind::Pod && Workload::of(&resource).is_some() && !lean.uid.is_empty() {
            self.workloads.insert(lean.uid, index);
        }
    }

    /// Adds an object as it is, whoever owns it.
    pub(crate) fn add_each(&mut self, lean: Lean) {
        self.objects += 1;
        if let Some(resource) = parse(String::new(), lean.text) {
            self.keep(&resource, lean.origin);
        }
    }

    /// The resource that judges for an owner. What an object says about its owner counts only where
    /// the owner is known by that uid in the object's own namespace.
    fn owner(&self, owner: &Owner, of: &Resource) -> Option<u32> {
        let &index = self.workloads.get(&owner.uid)?;
        (self.resources[index as usize].namespace() == of.namespace()).then_some(index)
    }

    /// The resource that judges an object which an owner made, if not the object itself.
    fn stand_in(&mut self, owner: u32, made: &Resource) -> Option<u32> {
        let workload = Workload::of(made)?;
        let template = Workload::of(&self.resources[owner as usize])?;
        if has_ended(made) {
            return Some(owner);
        }
        let allowance = Allowance::of(template.resource, made);
        let digest = template::digest(&workload, allowance, &self.hasher);
        if digest == template::digest(&template, allowance, &self.hasher) {
            return Some(owner);
        }
        match self.variants.entry((owner, digest)) {
            Entry::Occupied(variant) => Some(*variant.get()),
            Entry::Vacant(first) => {
                first.insert(self.resources.len() as u32);
                None
            }
        }
    }

    fn keep(&mut self, resource: &Resource, origin: Origin) -> u32 {
        let place = [resource.namespace().unwrap_or_default(), resource.kind_name(), resource.name()];
        let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let name = format!("cluster/{}", place.join("/"));
        // What the writer of YAML cannot say so that it is read back alike stays as it came.
        let legible = parse(name.clone(), edit::document(&resource.value().to_json()));
        let kept = legible.filter(|legible| legible.value().to_json() == resource.value().to_json());
        self.resources.push(kept.unwrap_or_else(|| resource.clone()));
        self.origins.push(origin);
        self.resources.len() as u32 - 1
    }

    /// Writes down what could not be read.
    pub(crate) fn lacks(&mut self, what: &str, why: impl Into<String>) {
        self.gaps.push(Gap { what: what.to_owned(), why: why.into() });
    }

    /// The inventory.
    pub(crate) fn finish(mut self, coverage: Coverage) -> Observed {
        self.gaps.sort();
        self.gaps.dedup();
        Observed {
            inventory: Inventory::new(self.resources, coverage),
            origins: self.origins,
            gaps: self.gaps,
            objects: self.objects,
        }
    }
}

/// The object that a text is, if it is one.
fn parse(name: String, text: String) -> Option<Resource> {
    let tree = document::parse(&Arc::new(Source::new(name, text))).tree;
    let root = tree.roots().next()?.id();
    Resource::new(tree, root).ok()
}

/// Whether an owned object runs no more, or no pods: old revisions of deployments, finished jobs.
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
