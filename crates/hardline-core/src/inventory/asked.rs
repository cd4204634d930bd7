//! What was asked of an inventory, so that an answer is known to hold as long as that stays the same.
//!
//! Every look into an [`Inventory`](super::Inventory) is noted by the kinds and the namespace that
//! it is into, in the thread that looks, wherever somebody [records](record). That is a little more
//! than what was seen, never less: nobody has to declare what a rule depends on.

use std::cell::RefCell;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

use crate::resource::{Kind, Resource};
use crate::workload;

/// A set of kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u128);

/// Kinds by namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Places {
    /// By a hash of the namespace, in its order. Two namespaces that share one are taken for the
    /// same, which asks too much and not too little.
    by_namespace: Vec<(u64, Kinds)>,
    everywhere: Kinds,
}

impl Kinds {
    pub(crate) const ALL: Self = Self(u128::MAX);

    /// Those that may carry a pod template.
    pub(crate) const WORKLOADS: Self = {
        let (mut carriers, mut at) = (Self::of(&[Kind::Other]), 0);
        while at < Kind::ALL.len() {
            if workload::is_carrier(Kind::ALL[at]) {
                carriers = carriers.and(Kind::ALL[at]);
            }
            at += 1;
        }
        carriers
    };

    pub(crate) const fn of(kinds: &[Kind]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u32;
            at += 1;
        }
        Self(set)
    }

    pub(crate) const fn and(self, kind: Kind) -> Self {
        Self(self.0 | Self::of(&[kind]).0)
    }

    pub(crate) const fn without(self, kinds: Self) -> Self {
        Self(self.0 & !kinds.0)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Places {
    /// Adds the place of a resource.
    pub(crate) fn add_resource(&mut self, resource: &Resource) {
        let kinds = Kinds::of(&[resource.kind()]);
        self.add(kinds, resource.namespace());
        self.everywhere.0 |= kinds.0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, kinds: Kinds, namespace: Option<&str>) {
        let hash = FixedState::default().hash_one(namespace);
        match self.by_namespace.binary_search_by_key(&hash, |(hash, _)| *hash) {
            Ok(at) => self.by_namespace[at].1.0 |= kinds.0,
            Err(at) => self.by_namespace.insert(at, (hash, kinds)),
        }
    }

    /// Whether something that was asked for here is at one of the places of these resources.
    pub(crate) fn meets(&self, resources: &Self) -> bool {
        self.everywhere.meets(resources.everywhere)
            || self.by_namespace.iter().any(|(hash, kinds)| {
                let same = resources.by_namespace.binary_search_by_key(hash, |(hash, _)| *hash);
                same.is_ok_and(|at| kinds.meets(resources.by_namespace[at].1))
            })
    }
}

thread_local! {
    /// What was asked in this thread, while somebody records it.
    static ASKED: RefCell<Option<Places>> = const { RefCell::new(None) };
}

/// Gives what was asked of inventories meanwhile. It must not unwind.
pub(crate) fn record<T>(look: impl FnOnce() -> T) -> (T, Places) {
    // A thread that waits for its part of a work may record another's meanwhile.
    let outer = ASKED.replace(Some(Places::default()));
    let seen = look();
    (seen, ASKED.replace(outer).unwrap_or_default())
}

/// Notes a look into a namespace; `None` stands for what is in none.
pub(super) fn note(kinds: Kinds, namespace: Option<&str>) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(places) = asked {
            places.add(kinds, namespace);
        }
    });
}

/// Notes a look into all namespaces.
pub(super) fn note_everywhere(kinds: Kinds) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(places) = asked {
            places.everywhere.0 |= kinds.0;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_within_a_recording_is_in_it_and_nowhere_else() {
        let services = Kinds::of(&[Kind::Service]);
        let (inner, outer) = record(|| {
            note(services, Some("a"));
            record(|| note_everywhere(Kinds::ALL)).1
        });
        assert_eq!((inner.by_namespace.len(), inner.everywhere), (0, Kinds::ALL));
        assert_eq!((outer.by_namespace.len(), outer.everywhere), (1, Kinds::default()));
        note(services, Some("a"));
        assert!(record(|| ()).1.is_empty());
    }

    #[test]
    fn sets_hold_every_kind() {
        assert!(Kind::ALL.len() < 128);
        assert!(Kinds::WORKLOADS.and(Kind::Role).meets(Kinds::of(&[Kind::Role])));
        assert!(!Kinds::ALL.without(Kinds::of(&[Kind::Role])).meets(Kinds::of(&[Kind::Role])));
    }
}
