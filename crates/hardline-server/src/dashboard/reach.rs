//! Who can reach whom, as far as a person may see it, worked out once for each snapshot.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hardline_cluster::observed::{Observed, Scope};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::Network;
use hardline_core::resource::Kind;

use super::address::Address;
use super::sight::Sight;
use crate::picture::Picture;
use crate::snapshot::{Snapshot, group_of, home};

/// For so many people with other sights it is kept at once.
const MOST: usize = 16;
/// The policies that hold for the whole cluster.
const CLUSTER_WIDE: [Kind; 3] =
    [Kind::AdminNetworkPolicy, Kind::BaselineAdminNetworkPolicy, Kind::ClusterNetworkPolicy];

/// Who can reach whom in the namespaces that somebody may see and whose policies are known.
///
/// Policies of other namespaces do not concern those, so that it is the same as in the whole cluster.
#[derive(Debug)]
pub(crate) struct Reach {
    source: Source,
    /// What is to be said about what is not shown.
    pub(crate) notes: Vec<String>,
    data: OnceLock<String>,
}

#[derive(Debug)]
enum Source {
    Whole(Arc<Observed>),
    Part(Box<Inventory>),
}

/// What was worked out of the last snapshot.
#[derive(Debug, Default)]
pub(crate) struct Reaches(Mutex<Kept>);

/// By sight, of one snapshot.
#[derive(Debug, Default)]
struct Kept {
    generation: u64,
    by_sight: Vec<(Sight, Arc<Reach>)>,
}

impl Reaches {
    /// What somebody with this sight may see of a snapshot.
    pub(crate) fn of(&self, snapshot: &Snapshot, sight: &Sight) -> Arc<Reach> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != snapshot.generation {
            *kept = Kept { generation: snapshot.generation, by_sight: Vec::new() };
        }
        if let Some((_, reach)) = kept.by_sight.iter().find(|(other, _)| other == sight) {
            return reach.clone();
        }
        let reach = Arc::new(Reach::of(snapshot, sight));
        if kept.by_sight.len() >= MOST {
            kept.by_sight.remove(0);
        }
        kept.by_sight.push((sight.clone(), reach.clone()));
        reach
    }
}

impl Reach {
    fn of(snapshot: &Snapshot, sight: &Sight) -> Self {
        let inventory = &snapshot.observed.inventory;
        let sees = |namespace: &str| {
            sight.everywhere.pods || sight.namespaces.get(namespace).is_some_and(|extent| extent.pods)
        };
        let is_known = |namespace: &str| inventory.covers(Kind::NetworkPolicy, Some(namespace));
        let all: BTreeSet<&str> = inventory.workloads().filter_map(|workload| workload.resource.namespace()).collect();
        let visible: BTreeSet<&str> = all.iter().copied().filter(|namespace| sees(namespace)).collect();
        let (shown, unknown): (BTreeSet<&str>, BTreeSet<&str>) =
            visible.iter().copied().partition(|namespace| is_known(namespace));
        let mut notes = Vec::new();
        if let Scope::Namespace(namespace) = &snapshot.scope {
            notes.push(format!("Only namespace {namespace} was read: what else the cluster holds is not shown."));
        }
        if visible.len() < all.len() {
            notes.push("Namespaces that you may not see are not shown.".to_owned());
        }
        if !unknown.is_empty() {
            let names: Vec<&str> = unknown.into_iter().collect();
            notes.push(format!("The policies of {} are not known: they are not shown.", names.join(", ")));
        }
        let missing: Vec<&str> =
            CLUSTER_WIDE.into_iter().filter(|&kind| !inventory.covers(kind, None)).map(Kind::name).collect();
        if !missing.is_empty() {
            notes.push(format!("{} are not known, and taken not to be there.", missing.join(", ")));
        }
        let source = if shown == all {
            Source::Whole(snapshot.observed.clone())
        } else {
            let is_shown = |namespace: Option<&str>| namespace.is_none_or(|namespace| shown.contains(namespace));
            let kept = inventory.resources().filter(|resource| is_shown(resource.namespace())).cloned();
            Source::Part(Box::new(Inventory::new(kept.collect(), Coverage::everything())))
        };
        let mut reach = Self { source, notes, data: OnceLock::new() };
        let foreign: BTreeSet<String> = reach
            .network()
            .unmodelled()
            .iter()
            .map(|&policy| reach.inventory()[policy].kind_name().to_owned())
            .collect();
        if !foreign.is_empty() {
            let kinds: Vec<String> = foreign.into_iter().collect();
            reach.notes.push(format!("{} are not modelled: what they allow or deny is not shown.", kinds.join(", ")));
        }
        reach
    }

    /// What it was worked out of.
    pub(crate) fn inventory(&self) -> &Inventory {
        match &self.source {
            Source::Whole(observed) => &observed.inventory,
            Source::Part(inventory) => inventory,
        }
    }

    /// The network.
    pub(crate) fn network(&self) -> &Network {
        self.inventory().network()
    }

    /// The data of the picture.
    pub(crate) fn data(&self, snapshot: &Snapshot) -> &str {
        self.data.get_or_init(|| {
            let page = |resource: u32| {
                let id = self.inventory()[resource].id();
                let area = snapshot.area(home(&id))?;
                area.subject(group_of(&id), &id.kind, &id.name).map(|_| Address::of(&id).to_string())
            };
            let picture = Picture::of(self.inventory(), self.network(), None, page);
            picture.data().unwrap_or_else(|_| "null".to_owned())
        })
    }
}
