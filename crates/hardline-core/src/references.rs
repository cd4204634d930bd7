//! What a workload's pods need to exist beside them: `ConfigMaps`, `Secrets`, claims, an identity.

use crate::path::FieldPath;
use crate::resource::Kind;
use crate::tree::Value;
use crate::workload::Workload;

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

/// All objects that a workload's pods name, in the order of the fields.
pub fn of<'a>(workload: &Workload<'a>) -> Vec<Reference<'a>> {
    let mut references = Vec::new();
    of_identity(workload, &mut references);
    for (path, volume) in workload.volumes() {
        of_volume(volume, &path, &mut references);
    }
    for container in workload.containers() {
        of_env(container.value, &container.path(), &mut references);
    }
    references
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
    let secrets = workload.pod("imagePullSecrets").into_iter().flat_map(Value::items).enumerate();
    for (index, secret) in secrets {
        let path = workload.pod_path().key("imagePullSecrets").index(index);
        references.extend(named(Kind::Secret, secret, "name", &path, Role::ImagePull));
    }
}

fn of_volume<'a>(volume: Value<'a>, path: &FieldPath, references: &mut Vec<Reference<'a>>) {
    let mut source = |kind, source: &'static str, name: &'static str, volume: Value<'a>, path: &FieldPath| {
        let Some(value) = volume.get(source) else { return };
        let path = path.clone().key(source);
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
    source(Kind::ConfigMap, "configMap", "name", volume, path);
    source(Kind::Secret, "secret", "secretName", volume, path);
    source(Kind::PersistentVolumeClaim, "persistentVolumeClaim", "claimName", volume, path);
    let projected = volume.at(&["projected", "sources"]).into_iter().flat_map(Value::items).enumerate();
    for (index, projection) in projected {
        let path = path.clone().keys(&["projected", "sources"]).index(index);
        source(Kind::ConfigMap, "configMap", "name", projection, &path);
        source(Kind::Secret, "secret", "name", projection, &path);
    }
}

fn of_env<'a>(container: Value<'a>, path: &FieldPath, references: &mut Vec<Reference<'a>>) {
    const FROM: [(Kind, &str, &str); 2] =
        [(Kind::ConfigMap, "configMapRef", "configMapKeyRef"), (Kind::Secret, "secretRef", "secretKeyRef")];
    for (index, from) in container.get("envFrom").into_iter().flat_map(Value::items).enumerate() {
        let path = path.clone().key("envFrom").index(index);
        references.extend(
            FROM.into_iter().filter_map(|(kind, whole, _)| {
                named(kind, from.get(whole)?, "name", &path.clone().key(whole), Role::Env)
            }),
        );
    }
    for (index, variable) in container.get("env").into_iter().flat_map(Value::items).enumerate() {
        let Some(from) = variable.get("valueFrom") else { continue };
        let path = path.clone().key("env").index(index).key("valueFrom");
        references.extend(FROM.into_iter().filter_map(|(kind, _, single)| {
            let (value, path) = (from.get(single)?, path.clone().key(single));
            let key = value.get("key").and_then(Value::str).map(|key| (key, path.clone().key("key")));
            Some(Reference { key, ..named(kind, value, "name", &path, Role::Env)? })
        }));
    }
}

/// The reference by a field of a map, which may say that it is optional.
fn named<'a>(kind: Kind, value: Value<'a>, field: &'static str, path: &FieldPath, role: Role) -> Option<Reference<'a>> {
    let name = value.get(field)?.str().filter(|name| !name.is_empty())?;
    let optional = value.get("optional").and_then(Value::bool) == Some(true);
    Some(Reference { kind, name, path: path.clone().key(field), key: None, optional, role })
}
