//! The change that puts an object right: only what has drifted, under the name of its deployer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::managed::{Element, Operation};
use super::roles::{Ownership, Role};
use super::{Class, Difference, Expectation, Object, Options, compare, expected};
use crate::edit::{Edit, Misfit, PatchOperation};
use crate::path::{FieldPath, Segment};
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::Workload;

/// How an object is put right.
#[derive(Debug, Clone, PartialEq)]
pub struct Restoration {
    /// The field manager to write as: the one that deployed the object.
    pub manager: String,
    /// How it writes.
    pub method: Method,
    /// The change as JSON Patch. It tests that what it takes back is still there.
    pub patch: Vec<PatchOperation>,
    /// Why it would stop a service that has one pod only, if it would.
    pub interrupts: Option<String>,
}

/// How a restoration is written, so that the deployer's next run finds its own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As a patch: the deployer writes by updates.
    Patch,
    /// A patch that removes what was added, then the desired object by server-side apply in the
    /// deployer's name: it holds on to its fields, and lost those that somebody else has written. A
    /// patch of these would make it two managers, in each other's way.
    Apply,
}

/// The change that takes back what has drifted; `None` where nothing has.
pub fn restore(object: &Object, desired: &Resource, observed: &Resource) -> Result<Option<Restoration>, Misfit> {
    let drifted: Vec<&Difference> = object.differences.iter().filter(|it| it.class.is_drift()).collect();
    if drifted.is_empty() {
        return Ok(None);
    }
    let deployer = main_deployer(observed);
    let method = match &deployer {
        Some((_, Operation::Apply)) => Method::Apply,
        _ => Method::Patch,
    };
    let patched = || drifted.iter().copied().filter(|it| method == Method::Patch || it.class == Class::Added);
    let changes = changes(patched(), desired, observed)?;
    let tests = patched().filter_map(|difference| {
        let value = observed_value(difference, observed)?;
        Some(PatchOperation::Test { path: difference.observed.as_ref()?.to_string(), value })
    });
    let patch = if changes.is_empty() { Vec::new() } else { tests.chain(changes).collect() };
    Ok(Some(Restoration {
        manager: deployer.map_or_else(|| "hardline".to_owned(), |(name, _)| name),
        method,
        patch,
        interrupts: interrupts(&drifted, observed),
    }))
}

/// The operations that make these fields of the observed object as they are desired.
pub(super) fn changes<'d>(
    differences: impl Iterator<Item = &'d Difference>,
    desired: &Resource,
    observed: &Resource,
) -> Result<Vec<PatchOperation>, Misfit> {
    changed(differences, desired, observed).map(|(_, operations)| operations)
}

/// The observed object with these fields as they are desired, and the operations that make it so.
pub(super) fn changed<'d>(
    differences: impl Iterator<Item = &'d Difference>,
    desired: &Resource,
    observed: &Resource,
) -> Result<(Json, Vec<PatchOperation>), Misfit> {
    let (mut edits, mut added) = (Vec::new(), Vec::new());
    for difference in differences {
        match (desired_value(difference, desired), difference.path.0.last()) {
            (None, _) => added.extend(difference.observed.clone()),
            // An item that is gone has no place: it goes to the end of its list.
            (Some(value), Some(Element::Key(_) | Element::Item(_) | Element::Index(_)))
                if difference.observed.is_none() =>
            {
                edits.push(Edit::append(difference.seen.clone(), value));
            }
            (Some(value), _) => edits.push(Edit::set(difference.seen.clone(), value)),
        }
    }
    // From the back, so that indices stay true.
    added.sort_by(|a, b| b.cmp(a));
    edits.extend(added.into_iter().map(Edit::remove));
    let mut live = observed.value().to_json();
    let operations = edits.iter().map(|edit| edit.apply(&mut live)).filter_map(Result::transpose);
    let operations = operations.collect::<Result<_, _>>()?;
    Ok((live, operations))
}

/// The desired object as its deployer applies it: with its namespace and, for one of a release, by
/// name and namespace, Helm's marks. It is without the fields that a controller has the say over,
/// which its deployer no longer owns, and without those that are expected to differ.
pub fn to_apply(
    desired: &Resource,
    observed: Option<&Resource>,
    release: Option<(&str, &str)>,
    expectations: &[Expectation],
) -> Result<Json, Misfit> {
    let mut object = desired.value().to_json();
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        if let Some(namespace) = desired.namespace() {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        if let Some((name, namespace)) = release {
            let mut mark = |map: &str, key: &str, value: &str| {
                let map = metadata.entry(map).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key.to_owned(), json!(value));
                }
            };
            mark("labels", "app.kubernetes.io/managed-by", "Helm");
            mark("annotations", "meta.helm.sh/release-name", name);
            mark("annotations", "meta.helm.sh/release-namespace", namespace);
        }
    }
    let options = Options { explained: true, deployed: true };
    let differences = observed.map(|observed| compare(desired, observed, None, options).differences);
    let is_left = |it: &Difference| match it.class {
        Class::Controlled | Class::Allocated => true,
        class => class.is_told() && expected(expectations, it, Some(desired), observed).is_some(),
    };
    let left = differences.into_iter().flatten().filter(is_left);
    let mut paths: Vec<_> = left.filter_map(|it| it.desired).collect();
    paths.sort();
    for path in paths.into_iter().rev() {
        Edit::remove(path).apply(&mut object)?;
    }
    Ok(object)
}

/// The field manager that deployed an object, as far as its `managedFields` tell.
pub fn deployer(observed: &Resource) -> Option<String> {
    main_deployer(observed).map(|(name, _)| name)
}

fn main_deployer(observed: &Resource) -> Option<(String, Operation)> {
    let entries = Ownership::of(observed).entries;
    let deployers = entries.into_iter().filter(|(role, it)| *role == Role::Deployer && it.subresource.is_none());
    let most = deployers.map(|(_, manager)| manager).max_by_key(|manager| manager.fields.len())?;
    Some((most.name.to_owned(), most.operation))
}

/// Why a change of these fields would leave a service without a pod for a while.
fn interrupts(drifted: &[&Difference], observed: &Resource) -> Option<String> {
    Workload::of(observed)?;
    if !matches!(observed.kind(), Kind::Deployment | Kind::StatefulSet) {
        return None;
    }
    let of_template = |difference: &&&Difference| matches!(difference.seen.segments(), [Segment::Key(spec), Segment::Key(template), ..] if spec == "spec" && template == "template");
    let replicas = observed.spec("replicas").and_then(Value::int).unwrap_or(1);
    let path = &drifted.iter().find(of_template)?.path;
    (replicas == 1).then(|| format!("`{path}` restarts the only pod of {}", observed.id()))
}

/// The value that is desired of a field. It may be a secret.
pub fn desired_value(difference: &Difference, desired: &Resource) -> Option<Json> {
    let path = difference.desired.as_ref()?;
    if desired.kind() == Kind::Secret
        && let [Segment::Key(data), Segment::Key(key)] = path.segments()
        && data == "data"
        && let Some(text) = desired.value().at(&["stringData", key])
    {
        return Some(STANDARD.encode(text.raw()).into());
    }
    at(path, desired)
}

/// The value that is observed of a field. It may be a secret.
pub fn observed_value(difference: &Difference, observed: &Resource) -> Option<Json> {
    at(difference.observed.as_ref()?, observed)
}

fn at(path: &FieldPath, resource: &Resource) -> Option<Json> {
    let followed = resource.value().follow(path);
    (followed.depth == path.segments().len()).then(|| followed.value.to_json())
}
