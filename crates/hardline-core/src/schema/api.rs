//! How an `apiVersion` and kind stand with a version of Kubernetes.

use crate::config::Version;
use crate::edit::{Change, Edit, Fix, Safety};
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::Resource;
use crate::rules;
use crate::schema::custom;
use crate::schema::table::{ApiKind, Lifecycle, Table};
use crate::schema::version_of;
use crate::schema::walk::{Place, Walk};
use crate::suggest::nearest;

/// How an `apiVersion` and kind stand with a version of Kubernetes.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'i> {
    /// The API server serves it.
    Served(&'static ApiKind),
    /// The API server serves it and warns.
    Deprecated(&'static ApiKind, &'static Lifecycle),
    /// A later version serves it.
    NotYet(&'static ApiKind),
    /// Earlier versions served it: the first one without it, and what is known of its way out.
    Removed(Version, Option<&'static Lifecycle>),
    /// The group is built in, but no version of Kubernetes has this in it.
    Unknown,
    /// The `CustomResourceDefinition` in the inventory declares the kind.
    Custom(&'i Resource),
    /// Neither built in nor defined in the inventory.
    Foreign,
    /// It looks like a resource and is none: an empty `List`, a kubeconfig.
    NotManifest,
}

/// How a resource's `apiVersion` and kind stand with a version of Kubernetes.
pub fn standing<'i>(resource: &Resource, inventory: &'i Inventory, target: Version) -> Standing<'i> {
    let table = Table::get();
    let (group, version, name) = (resource.group(), version_of(resource), resource.kind_name());
    let lifecycle = || table.lifecycle(group, version, name);
    match table.kind(group, version, name) {
        Some(kind) if kind.versions.contain(target) => match lifecycle() {
            Some(lifecycle) if lifecycle.deprecated <= target => Standing::Deprecated(kind, lifecycle),
            _ => Standing::Served(kind),
        },
        Some(kind) if target < kind.versions.first => Standing::NotYet(kind),
        Some(kind) => Standing::Removed(Version::minor(kind.versions.last.minor + 1), lifecycle()),
        None if group.is_empty() && matches!(name, "List" | "Config") => Standing::NotManifest,
        None if table.has_group(group) => match lifecycle() {
            Some(lifecycle) => match lifecycle.removed {
                Some(removed) if removed <= target => Standing::Removed(removed, Some(lifecycle)),
                _ => Standing::NotManifest,
            },
            None => Standing::Unknown,
        },
        None => inventory.definition(group, name).map_or(Standing::Foreign, Standing::Custom),
    }
}

/// Reports an `apiVersion` and kind that a version does not serve, or warns of.
pub(super) fn report(walk: &mut Walk, resource: &Resource, standing: Standing<'_>) {
    let (api_version, kind, target) = (resource.api_version(), resource.kind_name(), walk.version);
    let (rule, message, instead) = match standing {
        Standing::Served(_) | Standing::Foreign | Standing::NotManifest => return,
        Standing::Custom(definition) => match custom::version(definition, version_of(resource)) {
            custom::Version::NotServed(versions) => {
                let message = format!("the definition of {kind} does not serve {api_version}");
                walk.report(&rules::API_VERSION_UNKNOWN, &Place::ROOT.key("apiVersion"), message).help =
                    Some(format!("it serves {}", versions.join(", ")));
                return;
            }
            custom::Version::Schema(_) | custom::Version::Open => return,
        },
        Standing::Deprecated(_, lifecycle) => {
            let end = lifecycle.removed.map_or_else(String::new, |removed| format!(" and goes with {removed}"));
            let message = format!("{api_version} {kind} is deprecated since Kubernetes {}{end}", lifecycle.deprecated);
            (&rules::API_VERSION_DEPRECATED, message, replacement(resource, Some(lifecycle), target))
        }
        Standing::NotYet(known) => {
            let message =
                format!("{api_version} {kind} came with Kubernetes {}, not yet in {target}", known.versions.first);
            (&rules::API_VERSION_UNKNOWN, message, replacement(resource, None, target))
        }
        Standing::Removed(removed, lifecycle) => {
            let message = format!("{api_version} {kind} is gone since Kubernetes {removed}");
            (&rules::API_VERSION_REMOVED, message, replacement(resource, lifecycle, target))
        }
        Standing::Unknown => {
            let message = format!("Kubernetes {target} has no {kind} in {api_version}");
            let key = if resource.group().is_empty() { "kind" } else { "apiVersion" };
            walk.report(&rules::API_VERSION_UNKNOWN, &Place::ROOT.key(key), message).help =
                suggestion(resource, target);
            return;
        }
    };
    let fix = instead.and_then(|instead| migration(walk, resource, instead));
    let problem = walk.report(rule, &Place::ROOT.key("apiVersion"), message);
    (problem.help, problem.fix) = (instead.map(use_instead), fix);
}

/// The change of `apiVersion` alone, where that makes a valid resource: the same fields are fields
/// there. Unsafe: defaults may differ.
fn migration(walk: &Walk, resource: &Resource, instead: &ApiKind) -> Option<Fix> {
    if instead.kind != resource.kind_name() || resource.value().get("apiVersion").is_none() {
        return None;
    }
    let mut trial = Walk::new(walk.table, walk.version);
    trial.built_in(instead.ty, resource.value(), &Place::ROOT);
    let edits = vec![Edit::set(FieldPath::of(&["apiVersion"]), instead.api_version())];
    let title = format!("use {}", instead.api_version());
    trial.problems.is_empty().then_some(Fix { title, safety: Safety::Unsafe, change: Change::Edits(edits) })
}

/// What to write instead of an `apiVersion` that goes or is gone.
fn replacement(resource: &Resource, lifecycle: Option<&Lifecycle>, target: Version) -> Option<&'static ApiKind> {
    let named = lifecycle.and_then(|lifecycle| lifecycle.replacement).and_then(|(api_version, kind)| {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Table::get().kind(group, version, kind).filter(|kind| kind.versions.contain(target))
    });
    named.or_else(|| best(resource, target))
}

/// What was meant by an `apiVersion` and kind that no version of Kubernetes has.
fn suggestion(resource: &Resource, target: Version) -> Option<String> {
    let of_group = || served(target).filter(|kind| kind.group == resource.group());
    best(resource, target).map(use_instead).or_else(|| {
        let name = nearest(resource.kind_name(), of_group().map(|kind| kind.kind))?;
        Some(format!("did you mean {name}?"))
    })
}

fn use_instead(kind: &ApiKind) -> String {
    format!("use {} {}", kind.api_version(), kind.kind)
}

fn served(target: Version) -> impl Iterator<Item = &'static ApiKind> {
    Table::get().kinds().iter().filter(move |kind| kind.versions.contain(target))
}

/// The best served version of a resource's kind: its own group before others. None where that is
/// no better than what the resource has.
fn best(resource: &Resource, target: Version) -> Option<&'static ApiKind> {
    // The text orders alpha before beta; stable comes before both in it, and is better.
    let rank = |version: &'static str| (!version.contains(['a', 'b']), version);
    let table = Table::get();
    let own = table.kind(resource.group(), version_of(resource), resource.kind_name());
    let own = own.filter(|kind| kind.versions.contain(target));
    let same = served(target).filter(|kind| kind.kind == resource.kind_name());
    let better = same.filter(|kind| own.is_none_or(|own| rank(kind.version) > rank(own.version)));
    better.max_by_key(|kind| (kind.group == resource.group(), rank(kind.version)))
}
