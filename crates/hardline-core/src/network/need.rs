//! The connections that manifests show to be needed: addresses of Services in the settings of
//! workloads, and ways into the cluster.

use std::collections::BTreeMap;

use crate::inventory::Inventory;
use crate::references;
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

use super::{Endpoint, Network, Ports, Protocol};

/// A connection that has to be allowed, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need<'n> {
    /// Who sends; `None` stands for anybody, inside or outside the cluster.
    pub sender: Option<&'n Endpoint>,
    /// Who receives.
    pub receiver: &'n Endpoint,
    /// On which ports of the receiver's pods.
    pub ports: Ports,
    /// The Service or Ingress that shows it, such as `Service shop/orders-db`.
    pub because: String,
}

/// The connections that an inventory's manifests show to be needed, each pair of ends once.
///
/// A workload needs a Service whose name is in its environment, its arguments or the `ConfigMaps`
/// that it reads: `orders-db.shop`, or `orders-db:5432` and `//orders-db` within the namespace.
/// Services of type `LoadBalancer` and `NodePort`, and backends of an Ingress, are needed by
/// anybody. What programs are told elsewhere is not seen.
pub fn needs<'n>(inventory: &Inventory, network: &'n Network) -> Vec<Need<'n>> {
    let mut found = BTreeMap::new();
    for service in inventory.resources().filter(|resource| resource.kind() == Kind::Service) {
        if matches!(service.spec("type").and_then(Value::str), Some("LoadBalancer" | "NodePort")) {
            add(inventory, network, None, service, None, &mut found);
        }
    }
    for ingress in inventory.resources().filter(|resource| resource.kind() == Kind::Ingress) {
        for backend in backends(ingress) {
            let name = backend.get("name").and_then(Value::str).unwrap_or_default();
            if let Some(service) = inventory.find(Kind::Service, ingress.namespace(), name) {
                let port = backend.at(&["port", "number"]).or_else(|| backend.at(&["port", "name"])).map(Value::raw);
                add(inventory, network, None, service, port, &mut found);
            }
        }
    }
    for endpoint in network.endpoints() {
        let Some(workload) = inventory.get(endpoint.resource).and_then(Workload::of) else {
            continue;
        };
        for text in settings(inventory, &workload) {
            for host in hosts(text) {
                if let Some(service) = host.service(inventory, workload.resource.namespace()) {
                    add(inventory, network, Some(endpoint), service, host.port, &mut found);
                }
            }
        }
    }
    found.into_values().collect()
}

type Found<'n> = BTreeMap<(Option<u32>, u32), Need<'n>>;

/// Adds the need of a Service's pods, on one of its ports or all.
fn add<'n>(
    inventory: &Inventory,
    network: &'n Network,
    sender: Option<&'n Endpoint>,
    service: &Resource,
    port: Option<&str>,
    found: &mut Found<'n>,
) {
    let selector = Selector::of_labels(service.spec("selector"));
    for workload in inventory.selected(service.namespace(), selector) {
        let Some(receiver) = network.endpoint_of(workload.resource) else { continue };
        let mut ports = Ports::none();
        for declared in service.spec("ports").into_iter().flat_map(Value::items) {
            let field = |key| declared.get(key).map(Value::raw);
            if port.is_none_or(|port| [field("port"), field("name")].contains(&Some(port))) {
                ports.unite(&target(declared, &workload));
            }
        }
        if ports.is_empty() || sender.is_some_and(|sender| sender.is_same_workload(receiver)) {
            continue;
        }
        let because = service.id().to_string();
        let key = (sender.map(|sender| sender.resource), receiver.resource);
        match found.get_mut(&key) {
            Some(need) => {
                need.ports.unite(&ports);
                if !need.because.split(", ").any(|known| known == because) {
                    need.because = format!("{}, {because}", need.because);
                }
            }
            None => {
                found.insert(key, Need { sender, receiver, ports, because });
            }
        }
    }
}

/// The port of a workload's pods that a Service's port leads to. Policies see that one, after the
/// Service's own address and port are gone.
fn target(port: Value<'_>, workload: &Workload<'_>) -> Ports {
    let Some(protocol) = port.get("protocol").map_or(Some(Protocol::Tcp), |name| Protocol::of(name.raw())) else {
        return Ports::none();
    };
    let one = |number: Option<i64>| {
        let number = number.and_then(|number| u16::try_from(number).ok()).filter(|&number| number > 0);
        number.map_or_else(Ports::none, |number| Ports::one(protocol, number))
    };
    match port.get("targetPort").or_else(|| port.get("port")) {
        Some(name) if name.kind() == NodeKind::Str => {
            let containers = workload.containers().filter(crate::workload::Container::is_long_running);
            let mut declared =
                containers.flat_map(|container| container.get("ports").into_iter().flat_map(Value::items));
            let named = declared.find(|port| port.get("name").map(Value::raw) == Some(name.raw()));
            one(named.and_then(|port| port.get("containerPort")?.int()))
        }
        number => one(number.and_then(Value::int)),
    }
}

/// The `service` fields of an Ingress's backends.
fn backends(ingress: &Resource) -> impl Iterator<Item = Value<'_>> {
    let default = ingress.spec("defaultBackend");
    let rules = ingress.spec("rules").into_iter().flat_map(Value::items);
    let paths = rules.filter_map(|rule| rule.at(&["http", "paths"])).flat_map(Value::items);
    let backends = paths.filter_map(|path| path.get("backend"));
    default.into_iter().chain(backends).filter_map(|backend| backend.get("service"))
}

/// The texts that tell a workload's programs whom to talk to.
fn settings<'a>(inventory: &'a Inventory, workload: &Workload<'a>) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for container in workload.containers() {
        texts.extend(container.words().map(|(_, word)| word));
        let env = container.get("env").into_iter().flat_map(Value::items);
        texts.extend(env.filter_map(|variable| variable.get("value")?.str()));
    }
    for reference in references::of(workload, Kind::ConfigMap) {
        let Some(map) = inventory.find(Kind::ConfigMap, workload.resource.namespace(), reference.name) else {
            continue;
        };
        let data = map.value().get("data").into_iter().flat_map(Value::entries);
        let wanted = |key: &str| reference.key.as_ref().is_none_or(|(wanted, _)| *wanted == key);
        texts.extend(data.filter(|entry| wanted(entry.key.raw())).map(|entry| entry.value.raw()));
    }
    texts
}

/// A word in a text that may be the name of a Service.
struct Host<'t> {
    name: &'t str,
    /// Digits after a colon.
    port: Option<&'t str>,
    /// Whether what stands around it says that it is a host.
    certain: bool,
}

/// The words of a text that may be names of hosts.
fn hosts(text: &str) -> impl Iterator<Item = Host<'_>> {
    let in_host = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(in_host)?;
        let rest = text.get(start..)?;
        let name = &rest[..rest.find(|character| !in_host(character)).unwrap_or(rest.len())];
        at = start + name.len();
        let after = rest[name.len()..].strip_prefix(':').unwrap_or_default();
        let digits = &after[..after.find(|character: char| !character.is_ascii_digit()).unwrap_or(after.len())];
        let port = (!digits.is_empty()).then_some(digits);
        let before = &text[..start];
        let certain = port.is_some() || before.ends_with("//") || before.ends_with('@');
        Some(Host { name: name.trim_matches('.'), port, certain })
    })
}

impl Host<'_> {
    /// The Service of this name, seen from a namespace.
    ///
    /// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>
    fn service<'a>(&self, inventory: &'a Inventory, own: Option<&str>) -> Option<&'a Resource> {
        let mut parts = self.name.splitn(3, '.');
        let (name, namespace, rest) = (parts.next()?, parts.next(), parts.next());
        match namespace {
            None if !self.certain => None,
            None => inventory.find(Kind::Service, own, name),
            Some(_) if rest.is_some_and(|rest| rest != "svc" && !rest.starts_with("svc.")) => None,
            namespace => inventory.find(Kind::Service, namespace, name),
        }
    }
}
