//! What the API server demands of several fields together, which no `OpenAPI` says.
//!
//! Follows `pkg/apis/*/validation` of Kubernetes, for objects that are created.

use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rules;
use crate::schema::walk::Walk;
use crate::schema::{format, items};
use crate::tree::Value;
use crate::workload::{Container, Volume, Workload};

type HashSet<T> = std::collections::HashSet<T, RandomState>;

/// Checks a resource of a built-in kind.
pub(super) fn check(walk: &mut Walk, resource: &Resource) {
    if let Some(workload) = Workload::of(resource) {
        pod(walk, &workload);
    }
    match resource.kind() {
        Kind::Service => service(walk, resource),
        Kind::Ingress => ingress(walk, resource),
        Kind::IngressClass => ingress_class(walk, resource),
        Kind::PodDisruptionBudget => disruption_budget(walk, resource),
        Kind::ReplicationController => replication_controller(walk, resource),
        Kind::CustomResourceDefinition => definition(walk, resource),
        _ => {}
    }
}

fn text<'v>(value: Value<'v>, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::str)
}

fn invalid(walk: &mut Walk, path: FieldPath, message: String) {
    walk.report_at(&rules::SCHEMA_VALUE_INVALID, path, message);
}

fn missing(walk: &mut Walk, path: FieldPath, message: &str) {
    walk.report_at(&rules::SCHEMA_FIELD_REQUIRED_MISSING, path, message.to_owned());
}

fn pod(walk: &mut Walk, workload: &Workload<'_>) {
    let volumes: HashSet<&str> = workload.volumes().filter_map(|volume| text(volume.value, "name")).collect();
    let claims = workload.resource.spec("volumeClaimTemplates").into_iter().flat_map(Value::items);
    let claims: HashSet<&str> = claims.filter_map(|claim| claim.at(&["metadata", "name"])?.str()).collect();
    let named = workload.volumes().filter_map(|volume| Some((volume, text(volume.value, "name")?)));
    distinct(walk, "volume", named, Volume::path);
    let named = workload.containers().filter_map(|container| Some((container, text(container.value, "name")?)));
    distinct(walk, "container", named, Container::path);
    for container in workload.containers() {
        mounts(walk, &container, |name| volumes.contains(name) || claims.contains(name));
        privileges(walk, &container);
    }
    host_processes(walk, workload);
    apparmor(walk, workload);
}

/// Each of these names is there once. The second is at fault.
fn distinct<'v, T>(
    walk: &mut Walk,
    what: &str,
    named: impl Iterator<Item = (T, &'v str)>,
    path: impl Fn(&T) -> FieldPath,
) {
    let mut seen = HashSet::default();
    for (item, name) in named {
        if !seen.insert(name) {
            invalid(walk, path(&item).key("name"), format!("another {what} is called `{name}` already"));
        }
    }
}

/// Mounts name volumes of the pod, and each has a path of its own (`ValidateVolumeMounts`).
fn mounts(walk: &mut Walk, container: &Container<'_>, is_volume: impl Fn(&str) -> bool) {
    for list in ["volumeMounts", "volumeDevices"] {
        let mut paths = HashSet::default();
        for (index, mount) in items(container.value, list).enumerate() {
            let path = || container.path().key(list).index(index);
            if let Some(name) = text(mount, "name").filter(|name| !is_volume(name)) {
                invalid(walk, path().key("name"), format!("the pod has no volume `{name}`"));
            }
            let key = if list == "volumeMounts" { "mountPath" } else { "devicePath" };
            if let Some(at) = text(mount, key).filter(|at| !paths.insert(*at)) {
                invalid(walk, path().key(key), format!("another volume is mounted at `{at}` already"));
            }
        }
    }
}

/// `validateSecurityContext`
fn privileges(walk: &mut Walk, container: &Container<'_>) {
    let refuses = container.security("allowPrivilegeEscalation").and_then(Value::bool) == Some(false);
    let capabilities = container.at(&["securityContext", "capabilities"]);
    let adds =
        capabilities.is_some_and(|capabilities| items(capabilities, "add").any(|it| it.str() == Some("CAP_SYS_ADMIN")));
    let by = match () {
        () if container.is_privileged() => "`privileged` is true",
        () if adds => "the capability CAP_SYS_ADMIN is added",
        () => return,
    };
    if refuses {
        let path = container.path().keys(&["securityContext", "allowPrivilegeEscalation"]);
        invalid(walk, path, format!("`allowPrivilegeEscalation` may not be false where {by}"));
    }
}

/// Containers that are processes of a Windows node are so all together, and on its network
/// (`validateWindowsHostProcessPod`).
fn host_processes(walk: &mut Walk, workload: &Workload<'_>) {
    let is_host_process = |container: &Container<'_>| {
        let of = |options: Option<Value<'_>>| options.and_then(|options| options.get("hostProcess")?.bool());
        of(container.security("windowsOptions")).or_else(|| of(workload.security("windowsOptions"))) == Some(true)
    };
    let (host, contained): (Vec<_>, Vec<_>) = workload.containers().partition(is_host_process);
    let Some(first) = host.first() else { return };
    if let Some(other) = contained.first() {
        let message =
            format!("`{}` is a process of its node, and `{}` is not: all are, or none", first.name(), other.name());
        invalid(walk, other.path(), message);
    }
    if workload.pod("hostNetwork").and_then(Value::bool) != Some(true) {
        let message = format!("`hostNetwork` must be true, for `{}` is a process of its node", first.name());
        invalid(walk, workload.pod_path().key("hostNetwork"), message);
    }
}

const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// The annotations that named profiles before there was a field (`ValidateAppArmorPodAnnotations`).
fn apparmor(walk: &mut Walk, workload: &Workload<'_>) {
    let annotations = workload.template().and_then(|template| template.at(&["metadata", "annotations"]));
    for annotation in annotations.into_iter().flat_map(Value::entries) {
        let (key, profile) = (annotation.key.raw(), annotation.value.raw());
        let Some(name) = key.strip_prefix(APPARMOR) else { continue };
        let path = || workload.template_path().keys(&["metadata", "annotations"]).key(key.to_owned());
        if !workload.containers().any(|it| it.name() == name) {
            invalid(walk, path(), format!("the pod has no container `{name}`"));
        }
        if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
            let message =
                format!("`{profile}` is no profile: it must be `runtime/default`, `unconfined` or `localhost/…`");
            invalid(walk, path(), message);
        }
    }
}

/// `ValidateService`
fn service(walk: &mut Walk, service: &Resource) {
    let spec = |field: &str| service.spec(field).and_then(Value::str);
    let ports: Vec<Value<'_>> = service.spec("ports").into_iter().flat_map(Value::items).collect();
    let at = |index: usize, key: &'static str| FieldPath::of(&["spec", "ports"]).index(index).key(key);
    if ports.is_empty() && spec("clusterIP") != Some("None") && spec("type") != Some("ExternalName") {
        let message = "a Service that is neither headless nor an ExternalName has no ports";
        missing(walk, FieldPath::of(&["spec", "ports"]), message);
    }
    let mut numbers = HashSet::default();
    for (index, &port) in ports.iter().enumerate() {
        if ports.len() > 1 && text(port, "name").is_none_or(str::is_empty) {
            missing(walk, at(index, "name"), "a port of several has no name");
        }
        let protocol = text(port, "protocol").unwrap_or("TCP");
        for key in ["port", "nodePort"] {
            let Some(number) = port.get(key).and_then(Value::int).filter(|number| *number != 0) else { continue };
            if !numbers.insert((key, protocol, number)) {
                invalid(walk, at(index, key), format!("another port has the `{key}` {number} of {protocol} already"));
            }
        }
        let node_port = port.get("nodePort").and_then(Value::int).filter(|number| *number != 0);
        if let (Some(number), "ClusterIP") = (node_port, spec("type").unwrap_or("ClusterIP")) {
            let message =
                format!("`nodePort` may not be {number}: a Service of type ClusterIP has no port of the nodes");
            invalid(walk, at(index, "nodePort"), message);
        }
    }
    let names = ports.iter().enumerate().filter_map(|(index, port)| {
        let name = text(*port, "name").filter(|name| !name.is_empty())?;
        Some((index, name))
    });
    distinct(walk, "port", names, |&index| FieldPath::of(&["spec", "ports"]).index(index));
}

/// `ValidateIngressCreate`
fn ingress(walk: &mut Walk, ingress: &Resource) {
    let spec = FieldPath::of(&["spec"]);
    let rules = || ingress.spec("rules").into_iter().flat_map(Value::items);
    // `backend`, its name of old, is reported as an unknown field.
    if rules().next().is_none() && ["defaultBackend", "backend"].iter().all(|key| ingress.spec(key).is_none()) {
        missing(walk, spec.clone().key("rules"), "an Ingress has neither `rules` nor a `defaultBackend`");
    }
    for (index, rule) in rules().enumerate() {
        let at = spec.clone().key("rules").index(index);
        let host = text(rule, "host").unwrap_or_default();
        if host.parse::<IpAddr>().is_ok() {
            invalid(walk, at.clone().key("host"), format!("`{host}` is no host: it must be a name, not an address"));
        } else if !host.is_empty() {
            check_host(walk, host, at.clone().key("host"));
        }
        let paths = rule.at(&["http", "paths"]).into_iter().flat_map(Value::items);
        for (index, path) in paths.enumerate() {
            let at = at.clone().keys(&["http", "paths"]).index(index).key("path");
            check_path(walk, text(path, "path").unwrap_or_default(), text(path, "pathType"), at);
        }
    }
    let tls = ingress.spec("tls").into_iter().flat_map(Value::items).enumerate();
    for (index, tls) in tls {
        for (position, host) in items(tls, "hosts").enumerate() {
            let at = spec.clone().key("tls").index(index).key("hosts").index(position);
            host.str().into_iter().for_each(|host| check_host(walk, host, at.clone()));
        }
    }
}

/// A name in the DNS, whose first label may be `*`.
fn check_host(walk: &mut Walk, host: &str, at: FieldPath) {
    if !format::is_dns_subdomain(host.strip_prefix("*.").unwrap_or(host)) {
        let why = "it must be lower-case letters, digits, inner `-` and `.`, after `*.` or not";
        invalid(walk, at, format!("`{host}` is no host: {why}"));
    }
}

/// `validateHTTPIngressPath`
fn check_path(walk: &mut Walk, path: &str, kind: Option<&str>, at: FieldPath) {
    let exact = matches!(kind, Some("Exact" | "Prefix"));
    if !path.starts_with('/') && (exact || (kind == Some("ImplementationSpecific") && !path.is_empty())) {
        invalid(walk, at, format!("`path` may not be `{path}`: it must start with `/`"));
        return;
    }
    let inner = ["//", "/./", "/../", "%2f", "%2F"].into_iter().find(|part| path.contains(part));
    let end = ["/..", "/."].into_iter().find(|part| path.ends_with(part));
    if let Some(part) = inner.or(end).filter(|_| exact) {
        invalid(walk, at, format!("`path` may not be `{path}`: an exact path or a prefix has no `{part}`"));
    }
}

fn ingress_class(walk: &mut Walk, class: &Resource) {
    let group = class.value().at(&["spec", "parameters", "apiGroup"]).and_then(Value::str);
    if let Some(group) = group.filter(|group| !format::is_dns_subdomain(group)) {
        let message = format!("`{group}` is no group: it must be lower-case letters, digits, inner `-` and `.`");
        invalid(walk, FieldPath::of(&["spec", "parameters", "apiGroup"]), message);
    }
}

/// `ValidatePodDisruptionBudgetSpec`
fn disruption_budget(walk: &mut Walk, budget: &Resource) {
    if budget.spec("minAvailable").is_some() && budget.spec("maxUnavailable").is_some() {
        let message = "`maxUnavailable` may not be set beside `minAvailable`".to_owned();
        invalid(walk, FieldPath::of(&["spec", "maxUnavailable"]), message);
    }
}

/// The selector is what the labels of the template are, where it is not written; one has to be.
fn replication_controller(walk: &mut Walk, controller: &Resource) {
    let has = |value: Option<Value<'_>>| value.is_some_and(|value| value.entries().next().is_some());
    let labels = controller.value().at(&["spec", "template", "metadata", "labels"]);
    if !has(controller.spec("selector")) && !has(labels) {
        let message = "`selector` is missing, and the template has no labels to take it from";
        missing(walk, FieldPath::of(&["spec", "selector"]), message);
    }
}

/// `ValidateCustomResourceDefinition`
fn definition(walk: &mut Walk, definition: &Resource) {
    let plural = definition.value().at(&["spec", "names", "plural"]).and_then(Value::str);
    let (Some(plural), Some(group)) = (plural, definition.spec("group").and_then(Value::str)) else { return };
    let (name, wanted) = (definition.name(), format!("{plural}.{group}"));
    if !name.is_empty() && name != wanted {
        let message = format!("`{name}` is no name for this definition: by its plural and group it is `{wanted}`");
        invalid(walk, FieldPath::of(&["metadata", "name"]), message);
    }
}
