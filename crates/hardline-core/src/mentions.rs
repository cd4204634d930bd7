//! The texts that something else than a reference names objects by.
//!
//! A Secret that no manifest holds may be made by the controller of a custom resource that names
//! it, or by a program that is told its name. All such texts of an inventory are gathered once, so
//! that asking costs the same in a namespace of ten thousand workloads.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::{Container, Workload};

/// The texts of an inventory, each with its namespace, as hashes.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    custom: HashSet<u64, RandomState>,
    told: HashSet<u64, RandomState>,
    hasher: RandomState,
}

impl Mentions {
    /// Gathers the texts of resources.
    pub(crate) fn of(resources: &[Resource]) -> Self {
        let mut mentions = Self::default();
        for resource in resources {
            let namespace = resource.namespace();
            let hash = |hasher: &RandomState, text: &str| hasher.hash_one((namespace, text));
            let Self { custom, told, hasher } = &mut mentions;
            match resource.kind() {
                // A workload of a custom kind names what it needs, and makes nothing.
                Kind::Other if Workload::of(resource).is_some() => {}
                Kind::Other => custom.extend(names(resource.value()).map(|text| hash(hasher, text))),
                Kind::Role => told.extend(names(resource.value()).map(|text| hash(hasher, text))),
                _ => {}
            }
            for container in Workload::of(resource).iter().flat_map(Workload::containers) {
                each_told(&container, &mut |text| _ = told.insert(hash(hasher, text)));
            }
        }
        mentions
    }

    /// Whether a custom resource of a namespace holds the text; `None` stands for those that are in
    /// none.
    pub(crate) fn by_custom_resource(&self, namespace: Option<&str>, text: &str) -> bool {
        self.custom.contains(&self.hasher.hash_one((namespace, text)))
    }

    /// Whether a program of a namespace is told the text, by an argument or a variable, or a Role
    /// there names it.
    pub(crate) fn by_program(&self, namespace: Option<&str>, text: &str) -> bool {
        self.told.contains(&self.hasher.hash_one((namespace, text)))
    }
}

/// The texts below a value that may be the name of an object, or the value of a label.
fn names(value: Value<'_>) -> impl Iterator<Item = &str> {
    value.texts().filter(|text| may_be_name(text))
}

fn may_be_name(text: &str) -> bool {
    const LONGEST: usize = 253;
    !text.is_empty() && text.len() <= LONGEST && !text.as_bytes().contains(&b' ')
}

/// The words of a container, what stands behind a `=` in them, and the values of its variables.
fn each_told(container: &Container<'_>, visit: &mut dyn FnMut(&str)) {
    for word in container.words().map(|word| word.text) {
        visit(word);
        memchr::memchr_iter(b'=', word.as_bytes()).for_each(|at| visit(&word[at + 1..]));
    }
    container.variables().for_each(|variable| visit(variable.value));
}
