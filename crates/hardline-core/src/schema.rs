//! The schema of resources: what Kubernetes accepts, version by version.
//!
//! [`validate`] walks a resource once, along its built-in type or the `CustomResourceDefinition`
//! beside it in the inventory, and finds all that a strict API server would refuse. It first asks
//! [`api`] how the `apiVersion` and kind stand with the version of Kubernetes. Both read the
//! generated [`table`].

mod across;
pub mod api;
pub(crate) mod custom;
mod format;
pub mod table;
mod walk;

use std::sync::Arc;

use crate::config::Version;
use crate::finding::{Sink, Unevaluated};
use crate::inventory::Inventory;
use crate::path::Segment;
use crate::resource::{Kind, Resource};
use crate::rules;
use crate::tree::Value;
use api::Standing;
use table::Table;
use walk::{Place, Walk};

pub use walk::Problem;

/// What [`validate`] has to say about a resource.
#[derive(Debug, Default)]
pub struct Validation {
    /// What the API server would not take, and what it would warn of.
    pub problems: Vec<Problem>,
    /// What was wanting to say it all, such as a definition that is not in the inventory.
    pub needs: Option<String>,
}

/// Reports all problems of a resource: one walk serves all rules of [`Check::Schema`].
///
/// [`Check::Schema`]: crate::rule::Check::Schema
pub(crate) fn check(resource: &Resource, sink: &mut Sink<'_>) {
    let validation = validate(resource, sink.inventory(), sink.settings().kubernetes_version);
    for problem in validation.problems {
        let finding = sink.report_as(problem.rule, problem.path, problem.message);
        (finding.help, finding.fix) = (problem.help.map(Into::into), problem.fix.map(Arc::new));
    }
    sink.outcome.unevaluated.extend(validation.needs.map(|needs| Unevaluated { rule: sink.rule.id, needs }));
}

/// Holds a resource against its schema in a version of Kubernetes.
///
/// That the version does not serve its kind is one problem, and then the only one.
pub fn validate(resource: &Resource, inventory: &Inventory, version: Version) -> Validation {
    let mut walk = Walk::new(Table::get(), version);
    let mut needs = None;
    let standing = api::standing(resource, inventory, version);
    api::report(&mut walk, resource, standing);
    match standing {
        Standing::Served(kind) | Standing::Deprecated(kind, _) => {
            walk.built_in(kind.ty, resource.value(), &Place::ROOT);
            excuse_status(&mut walk);
            check_name(&mut walk, resource);
            across::check(&mut walk, resource);
        }
        Standing::Custom(definition) => {
            if let custom::Version::Schema(schema) = custom::version(definition, version_of(resource)) {
                custom::root(&mut walk, schema, resource.value());
                check_name(&mut walk, resource);
                needs = excuse_missing(&mut walk, resource, inventory);
            }
        }
        Standing::Foreign => {
            needs = Some(format!("the CustomResourceDefinition of {}/{}", resource.group(), resource.kind_name()));
        }
        Standing::NotYet(_) | Standing::Removed(..) | Standing::Unknown | Standing::NotManifest => {}
    }
    Validation { problems: walk.problems, needs }
}

/// Takes back that fields of a custom resource are missing where a webhook may add them: the API
/// server looks for them after mutating admission. Says which webhook that is.
fn excuse_missing(walk: &mut Walk, resource: &Resource, inventory: &Inventory) -> Option<String> {
    let is_missing = |problem: &Problem| problem.rule.id == rules::SCHEMA_FIELD_REQUIRED_MISSING.id;
    if !walk.problems.iter().any(is_missing) {
        return None;
    }
    let of_group = |rule: Value<'_>| {
        items(rule, "apiGroups").filter_map(Value::str).any(|group| group == "*" || group == resource.group())
    };
    // Some operators fill in the rules of their webhooks when they run.
    let mutates = |webhook: Value<'_>| webhook.get("rules").is_none() || items(webhook, "rules").any(of_group);
    let mut configurations = inventory.of_kind(Kind::MutatingWebhookConfiguration, None);
    let by = configurations.find(|configuration| items(configuration.value(), "webhooks").any(mutates))?;
    walk.problems.retain(|problem| !is_missing(problem));
    Some(format!("what the webhook {} adds to {}", by.name(), resource.kind_name()))
}

/// Takes back what is wrong with the values in `status`. Controllers write it; the API server reads it
/// in objects that are applied, but neither validates nor keeps it.
fn excuse_status(walk: &mut Walk) {
    let validates = [rules::SCHEMA_FIELD_REQUIRED_MISSING.id, rules::SCHEMA_VALUE_INVALID.id];
    let is_status = |first: &Segment| matches!(first, Segment::Key(key) if key == "status");
    walk.problems.retain(|problem| {
        !(validates.contains(&problem.rule.id) && problem.path.segments().first().is_some_and(is_status))
    });
}

fn items<'v>(value: Value<'v>, list: &str) -> impl Iterator<Item = Value<'v>> {
    value.get(list).into_iter().flat_map(Value::items)
}

fn version_of(resource: &Resource) -> &str {
    let api_version = resource.api_version();
    api_version.rsplit_once('/').map_or(api_version, |(_, version)| version)
}

/// Checks `metadata.name`, whose form depends on the kind.
fn check_name(walk: &mut Walk, resource: &Resource) {
    let (group, kind) = (resource.group(), resource.kind_name());
    // Requests and lists have no name.
    if ["Review", "List", "Options", "Request"].iter().any(|end| kind.ends_with(end)) {
        return;
    }
    let metadata = resource.value().get("metadata");
    let field = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let Some(name) = field("name").filter(|name| name.str() != Some("")) else {
        if field("generateName").is_none() {
            let message = format!("{kind} has no name");
            let at = Place::ROOT;
            walk.report(&rules::SCHEMA_FIELD_REQUIRED_MISSING, &at.key("metadata").key("name"), message);
        }
        return;
    };
    let Some(name) = name.str() else { return };
    let (valid, form) = match (group, kind) {
        // Nothing to hold against these names, or forms of their own.
        (_, "CertificateSigningRequest" | "ClusterTrustBundle" | "IPAddress" | "StorageVersion") => return,
        ("rbac.authorization.k8s.io", _) | (_, "APIService") => {
            (format::is_path_segment(name), "a name without `/` and `%`")
        }
        ("", "Namespace") => (format::is_dns_label(name), "at most 63 lower-case letters, digits and inner `-`"),
        // KEP-5311 lets Services start with a digit.
        ("", "Service") if walk.version >= Version::minor(36) => {
            (format::is_dns_label(name), "at most 63 lower-case letters, digits and inner `-`")
        }
        ("", "Service") => {
            (format::is_dns_1035_label(name), "at most 63 lower-case letters, digits and inner `-`, a letter first")
        }
        _ => (format::is_dns_subdomain(name), "lower-case letters, digits, inner `-` and `.`"),
    };
    if !valid {
        let at = Place::ROOT;
        let message = format!("`{name}` is no name for a {kind}: it must be {form}");
        walk.report(&rules::SCHEMA_VALUE_INVALID, &at.key("metadata").key("name"), message);
    }
}
