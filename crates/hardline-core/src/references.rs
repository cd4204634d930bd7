//! What a workload's pods need to exist beside them: `ConfigMaps`, `Secrets`, claims, an identity.

use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::{Container, Volume, Workload};

/// One object, or one key of it, that a pod names. The object is in the pod's own namespace.
#[derive(Debug, Clone)]
pub struct Reference<'a> {
    /// `ConfigMap`, `Secret`, `PersistentVolumeClaim` or `ServiceAccount`.
    pub kind: Kind,
    /// The object's name.
    pub name: &'a str,
    /// The field that holds the name.
    pub path: FieldPath,
    /// The key that must be in the object's data, and the field that holds it.
    pub key: Option<(&'a str, FieldPath)>,
    /// Whether the pod starts without the object too, by `optional: true`.
    pub optional: bool,
    /// What the pod needs it for.
    pub role: Role,
}

/// What a pod needs another object for. It decides how the pod fails without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An environment variable: the container stays in `CreateContainerConfigError`.
    Env,
    /// A volume: the pod stays in `ContainerCreating`, or `Pending` for want of a claim.
    Volume,
    /// Credentials for the image registry: the pull fails if the registry asks for them.
    ImagePull,
    /// The pod's `ServiceAccount`: the API server refuses the pod.
    Identity,
}

/// The objects of a kind that a workload's pods name, in the order of the fields.
pub fn of<'a>(workload: &Workload<'a>, kind: Kind) -> Vec<Reference<'a>> {
    let mut references = Vec::new();
    match kind {
        Kind::ServiceAccount => of_identity(workload, &mut references),
        Kind::ConfigMap | Kind::PersistentVolumeClaim => of_volumes(workload, kind, &mut references),
        Kind::Secret => {
            of_pulls(workload, &mut references);
            of_volumes(workload, kind, &mut references);
        }
        _ => {}
    }
    if let Kind::ConfigMap | Kind::Secret = kind {
        for container in workload.containers() {
            of_env(&container, kind, &mut references);
        }
    }
    references
}

fn of_volumes<'a>(workload: &Workload<'a>, kind: Kind, references: &mut Vec<Reference<'a>>) {
    // The claims that a `StatefulSet` makes take the place of volumes of the same name.
    let claims = workload.resource.spec("volumeClaimTemplates").into_iter().flat_map(Value::items);
    let claims: Vec<_> = claims.filter_map(|claim| claim.at(&["metadata", "name"])?.str()).collect();
    let volumes = workload
        .volumes()
        .filter(|volume| !volume.get("name").and_then(Value::str).is_some_and(|name| claims.contains(&name)));
    for volume in volumes {
        of_volume(volume, kind, references);
    }
}

fn of_identity<'a>(workload: &Workload<'a>, references: &mut Vec<Reference<'a>>) {
    // `serviceAccount` is the deprecated name of the field; the API server copies either to the other.
    let key = if workload.pod("serviceAccountName").is_some() { "serviceAccountName" } else { "serviceAccount" };
    let account = workload.pod(key).and_then(Value::str).filter(|name| !name.is_empty());
    references.extend(account.map(|name| Reference {
        kind: Kind::ServiceAccount,
        name,
        path: workload.pod_path().key(key),
        key: None,
        optional: false,
        role: Role::Identity,
    }));
}

fn of_pulls<'a>(workload: &Workload<'a>, references: &mut Vec<Reference<'a>>) {
    let secrets = workload.pod("imagePullSecrets").into_iter().flat_map(Value::items).enumerate();
    for (index, secret) in secrets {
        let path = workload.pod_path().key("imagePullSecrets").index(index);
        references.extend(named(Kind::Secret, secret, "name", &path, Role::ImagePull));
    }
}

fn of_volume<'a>(volume: Volume<'a>, wanted: Kind, references: &mut Vec<Reference<'a>>) {
    let mut source = |kind, source: &'static str, name: &'static str, of: Value<'a>, path: &dyn Fn() -> FieldPath| {
        if kind != wanted {
            return;
        }
        let Some(value) = of.get(source) else { return };
        let path = path().key(source);
        let Some(whole) = named(kind, value, name, &path, Role::Volume) else { return };
        let items = value.get("items").into_iter().flat_map(Value::items).enumerate();
        references.extend(items.filter_map(|(index, item)| {
            let key = item.get("key")?.str()?;
            let path = path.clone().key("items").index(index).key("key");
            Some(Reference { key: Some((key, path)), ..whole.clone() })
        }));
        if value.get("items").is_none() {
            references.push(whole);
        }
    };
    let path = || volume.path();
    source(Kind::ConfigMap, "configMap", "name", volume.value, &path);
    source(Kind::Secret, "secret", "secretName", volume.value, &path);
    source(Kind::PersistentVolumeClaim, "persistentVolumeClaim", "claimName", volume.value, &path);
    let projected = volume.value.at(&["projected", "sources"]).into_iter().flat_map(Value::items).enumerate();
    for (index, projection) in projected {
        let path = || volume.path().keys(&["projected", "sources"]).index(index);
        source(Kind::ConfigMap, "configMap", "name", projection, &path);
        source(Kind::Secret, "secret", "name", projection, &path);
    }
}

fn of_env<'a>(container: &Container<'a>, kind: Kind, references: &mut Vec<Reference<'a>>) {
    let (whole, single) = match kind {
        Kind::ConfigMap => ("configMapRef", "configMapKeyRef"),
        _ => ("secretRef", "secretKeyRef"),
    };
    for (index, from) in container.get("envFrom").into_iter().flat_map(Value::items).enumerate() {
        let Some(value) = from.get(whole) else { continue };
        let path = container.path().key("envFrom").index(index).key(whole);
        references.extend(named(kind, value, "name", &path, Role::Env));
    }
    for (index, variable) in container.get("env").into_iter().flat_map(Value::items).enumerate() {
        let Some(value) = variable.at(&["valueFrom", single]) else { continue };
        let path = container.path().key("env").index(index).keys(&["valueFrom", single]);
        let key = value.get("key").and_then(Value::str).map(|key| (key, path.clone().key("key")));
        references.extend(named(kind, value, "name", &path, Role::Env).map(|named| Reference { key, ..named }));
    }
}

/// The reference by a field of a map, which may say that it is optional.
fn named<'a>(kind: Kind, value: Value<'a>, field: &'static str, path: &FieldPath, role: Role) -> Option<Reference<'a>> {
    let name = value.get(field)?.str().filter(|name| !name.is_empty())?;
    let optional = value.get("optional").and_then(Value::bool) == Some(true);
    Some(Reference { kind, name, path: path.clone().key(field), key: None, optional, role })
}

/// Reports, once each, the objects of a kind that a workload's pods cannot start without and that
/// are not there, where such absence may be claimed.
pub(crate) fn report_absent(workload: &Workload<'_>, kind: Kind, roles: &[Role], sink: &mut Sink<'_>) {
    let (inventory, namespace) = (sink.inventory(), workload.resource.namespace());
    let mut absent: Vec<Reference<'_>> = of(workload, kind);
    absent.retain(|reference| {
        !reference.optional
            && roles.contains(&reference.role)
            && inventory.find(kind, namespace, reference.name).is_none()
    });
    let mut reported = Vec::new();
    for reference in absent {
        if !reported.contains(&reference.name)
            && sink.covers(kind, namespace)
            && !is_made_elsewhere(inventory, kind, namespace, reference.name)
        {
            reported.push(reference.name);
            sink.report(reference.path, format!("{kind} `{}` does not exist", reference.name));
        }
    }
}

/// Reports, once each, the keys that a workload's pods cannot start without and that an object of
/// this kind, which is there, does not hold.
pub(crate) fn report_absent_keys(workload: &Workload<'_>, kind: Kind, sink: &mut Sink<'_>) {
    let (inventory, namespace) = (sink.inventory(), workload.resource.namespace());
    let mut reported = Vec::new();
    for reference in of(workload, kind).into_iter().filter(|reference| !reference.optional) {
        let Some((key, path)) = reference.key else { continue };
        let keys = |object: &Resource, field| object.value().get(field).is_some_and(|data| data.entry(key).is_some());
        let holds =
            |object: &Resource| ["data", "binaryData", "stringData"].into_iter().any(|field| keys(object, field));
        // What has no data at all is filled by a controller or by hand.
        let is_empty = |object: &Resource| {
            let data = ["data", "binaryData", "stringData"].into_iter().filter_map(|field| object.value().get(field));
            data.flat_map(Value::entries).next().is_none()
        };
        let objects: Vec<_> = inventory.named(kind, namespace, reference.name).collect();
        let Some(object) = objects.first() else { continue };
        if objects.iter().any(|object| holds(object) || is_empty(object)) || reported.contains(&(reference.name, key)) {
            continue;
        }
        reported.push((reference.name, key));
        let finding = sink.report(path, format!("{kind} `{}` has no key `{key}`", reference.name));
        finding.evidence(object, FieldPath::of(&["data"]), "the keys that it has");
    }
}

/// Whether something else than a manifest makes the object: Kubernetes itself, a `StatefulSet`, the
/// controller of a custom resource that names it, as a `Certificate` names its `Secret`, or a
/// program that is told its name or has a Role for it, as the jobs that make webhook certificates.
fn is_made_elsewhere(inventory: &Inventory, kind: Kind, namespace: Option<&str>, name: &str) -> bool {
    let always = match kind {
        Kind::ServiceAccount => name == "default",
        Kind::ConfigMap => matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt" | "istio-ca-root-cert"),
        Kind::PersistentVolumeClaim => {
            let mut sets = inventory.of_kind(Kind::StatefulSet, namespace);
            sets.any(|set| claims_from(set).any(|prefix| name.starts_with(&prefix)))
        }
        _ => false,
    };
    always
        || inventory.custom_resource_holds(namespace, name)
        || inventory.custom_resource_holds(None, name)
        || inventory.program_is_told(namespace, name)
}

/// What the names of the claims begin with that a `StatefulSet` makes: `data-db-` of `data-db-0`.
fn claims_from(set: &Resource) -> impl Iterator<Item = String> {
    let templates = set.spec("volumeClaimTemplates").into_iter().flat_map(Value::items);
    templates.filter_map(|template| Some(format!("{}-{}-", template.at(&["metadata", "name"])?.str()?, set.name())))
}
