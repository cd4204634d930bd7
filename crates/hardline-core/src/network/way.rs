//! How connections come into the cluster: load balancers, ports of nodes, Ingresses, Gateways.

use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::selector::Selector;
use crate::service;
use crate::tree::Value;
use crate::workload::{Container, Workload};

use super::address::Addresses;
use super::assumed;
use super::{Endpoint, Network, Party, Ports, Protocol, backend};

const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
const ROUTES: &[&str] = &["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

/// Annotations of load balancers that are not reached from the internet, with their values.
const INTERNAL: &[(&str, &[&str])] = &[
    ("service.beta.kubernetes.io/aws-load-balancer-internal", &["true", "0.0.0.0/0"]),
    ("service.beta.kubernetes.io/aws-load-balancer-scheme", &["internal"]),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", &["true"]),
    ("networking.gke.io/load-balancer-type", &["Internal"]),
    ("cloud.google.com/load-balancer-type", &["Internal"]),
];

/// What opens a way from outside to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opening {
    /// A Service of type `LoadBalancer`.
    LoadBalancer,
    /// A Service of type `LoadBalancer` that an annotation keeps inside the provider's network.
    InternalLoadBalancer,
    /// A Service of type `NodePort`.
    NodePort,
    /// `externalIPs` of a Service.
    ExternalIp,
    /// A backend of an Ingress.
    Ingress,
    /// A backend of a route that a Gateway takes (`gateway.networking.k8s.io`).
    Gateway,
    /// A container's `hostPort`.
    HostPort,
    /// A pod on its node's network.
    HostNetwork,
}

impl Opening {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::InternalLoadBalancer => "internal LoadBalancer",
            Self::NodePort => "NodePort",
            Self::ExternalIp => "externalIPs",
            Self::Ingress => "Ingress",
            Self::Gateway => "Gateway",
            Self::HostPort => "hostPort",
            Self::HostNetwork => "hostNetwork",
        }
    }
}

/// A way from outside to the pods of a workload.
///
/// A load balancer and a node are taken to keep the client's address, as they do under
/// `externalTrafficPolicy: Local`; else policies may see the node's instead. Behind an Ingress or a
/// Gateway the sender is the controller's proxy.
#[derive(Debug, Clone)]
pub struct Way<'n> {
    /// What opens it.
    pub opening: Opening,
    /// The Service, Ingress, route or workload that does, by index in the inventory.
    pub resource: u32,
    /// The field that does.
    pub path: FieldPath,
    /// The hosts under which it is asked for; none where any will do.
    pub hosts: Vec<String>,
    /// Whose pods are reached.
    pub receiver: &'n Endpoint,
    /// The ports of the receiver's pods that the way leads to.
    pub ports: Ports,
    /// Those of them that policies let through.
    pub open: Ports,
    /// The proxies that send for the client, where they are in the inventory.
    pub proxies: Vec<&'n Endpoint>,
}

/// All ways into the cluster that an inventory shows, in its order.
pub fn ways<'n>(inventory: &Inventory, network: &'n Network) -> Vec<Way<'n>> {
    let mut reader = Reader { inventory, network, found: Vec::new() };
    for resource in inventory.resources() {
        match resource.kind() {
            Kind::Service => reader.service(resource),
            Kind::Ingress => reader.ingress(resource),
            Kind::Other if is_route(resource) => reader.route(resource),
            _ => {}
        }
    }
    for endpoint in network.endpoints() {
        reader.host(endpoint);
    }
    reader.found
}

fn is_route(resource: &Resource) -> bool {
    resource.group() == GATEWAY_GROUP && ROUTES.contains(&resource.kind_name())
}

/// Whether an annotation keeps a load balancer inside the provider's network.
fn is_internal(service: &Resource) -> bool {
    INTERNAL.iter().any(|&(key, value)| service.annotation(key).is_some_and(|found| value.contains(&found)))
}

/// A way whose pods are not looked up yet.
struct Door<'a, 'n> {
    opening: Opening,
    resource: &'a Resource,
    path: FieldPath,
    hosts: Vec<&'a str>,
    senders: &'a Senders<'n>,
}

/// Who sends on a way.
struct Senders<'n> {
    parties: Vec<Party>,
    proxies: Vec<&'n Endpoint>,
}

struct Reader<'i, 'n> {
    inventory: &'i Inventory,
    network: &'n Network,
    found: Vec<Way<'n>>,
}

impl<'i, 'n> Reader<'i, 'n> {
    fn service(&mut self, resource: &Resource) {
        let spec = FieldPath::of(&["spec"]);
        let opening = match resource.spec("type").and_then(Value::str) {
            Some("LoadBalancer") if is_internal(resource) => Opening::InternalLoadBalancer,
            Some("LoadBalancer") => Opening::LoadBalancer,
            Some("NodePort") => Opening::NodePort,
            _ => Opening::ExternalIp,
        };
        let external = resource.spec("externalIPs").is_some_and(|addresses| addresses.items().next().is_some());
        if opening == Opening::ExternalIp && !external {
            return;
        }
        let path = spec.key(if opening == Opening::ExternalIp { "externalIPs" } else { "type" });
        let ranges = resource.spec("loadBalancerSourceRanges").into_iter().flat_map(Value::items);
        let senders = self.outside(ranges.filter_map(Value::str));
        let door = Door { opening, resource, path, hosts: Vec::new(), senders: &senders };
        self.open(door, resource, None);
    }

    fn ingress(&mut self, resource: &Resource) {
        let class = resource.spec("ingressClassName").and_then(Value::str);
        let class = class.or_else(|| resource.annotation("kubernetes.io/ingress.class"));
        let found = class.and_then(|class| self.inventory.find(Kind::IngressClass, None, class));
        let controller = found.and_then(|class| class.spec("controller")?.str());
        let senders = self.controller(&[class, controller], None);
        let spec = FieldPath::of(&["spec"]);
        let default =
            resource.spec("defaultBackend").map(|backend| (backend, spec.clone().key("defaultBackend"), None));
        let rules = resource.spec("rules").into_iter().flat_map(Value::items).enumerate();
        let backends = rules.flat_map(|(number, rule)| {
            let path = spec.clone().key("rules").index(number).keys(&["http", "paths"]);
            let items = rule.at(&["http", "paths"]).into_iter().flat_map(Value::items).enumerate();
            items.filter_map(move |(at, item)| {
                let host = rule.get("host").and_then(Value::str);
                Some((item.get("backend")?, path.clone().index(at).key("backend"), host))
            })
        });
        for (backend, path, host) in default.into_iter().chain(backends) {
            let name = backend.at(&["service", "name"]).and_then(Value::str).unwrap_or_default();
            let number = backend.at(&["service", "port", "number"]);
            let port = number.or_else(|| backend.at(&["service", "port", "name"])).map(Value::raw);
            if let Some(service) = self.inventory.find(Kind::Service, resource.namespace(), name) {
                let hosts = host.into_iter().collect();
                self.open(Door { opening: Opening::Ingress, resource, path, hosts, senders: &senders }, service, port);
            }
        }
    }

    /// A route of the Gateway API, by the first Gateway that takes it. A route whose parents are
    /// Services steers traffic inside the cluster.
    fn route(&mut self, resource: &Resource) {
        let parents = resource.spec("parentRefs").into_iter().flat_map(Value::items);
        let mut gateways = parents.filter(|parent| parent.get("kind").is_none_or(|kind| kind.raw() == "Gateway"));
        let Some(parent) = gateways.find(|&parent| self.is_taken(resource, parent)) else { return };
        let gateway = self.gateway(resource, parent);
        let class = gateway.and_then(|gateway| gateway.spec("gatewayClassName")?.str());
        let found = class.and_then(|class| self.inventory.find(Kind::Other, None, class));
        let controller = found.and_then(|class| class.spec("controllerName")?.str());
        let senders = self.controller(&[class, controller], parent.get("name").and_then(Value::str));
        let hosts = resource.spec("hostnames").into_iter().flat_map(Value::items);
        let hosts: Vec<&str> = hosts.filter_map(Value::str).collect();
        for (number, rule) in resource.spec("rules").into_iter().flat_map(Value::items).enumerate() {
            let list = FieldPath::of(&["spec", "rules"]).index(number).key("backendRefs");
            for (at, backend) in rule.get("backendRefs").into_iter().flat_map(Value::items).enumerate() {
                let Some(service) = self.backend(resource, backend) else { continue };
                let (path, hosts) = (list.clone().index(at), hosts.clone());
                let door = Door { opening: Opening::Gateway, resource, path, hosts, senders: &senders };
                self.open(door, service, backend.get("port").map(Value::raw));
            }
        }
    }

    fn gateway(&self, route: &Resource, parent: Value<'_>) -> Option<&'i Resource> {
        let namespace = parent.get("namespace").and_then(Value::str).or_else(|| route.namespace());
        let name = parent.get("name").and_then(Value::str)?;
        let gateway = |found: &&Resource| found.group() == GATEWAY_GROUP && found.kind_name() == "Gateway";
        self.inventory.of_kind(Kind::Other, namespace).filter(gateway).find(|found| found.name() == name)
    }

    /// Whether a listener of the parent lets routes of this namespace in. A Gateway that is not in
    /// the inventory is taken to.
    ///
    /// <https://gateway-api.sigs.k8s.io/concepts/security-model/>
    fn is_taken(&self, route: &Resource, parent: Value<'_>) -> bool {
        let Some(gateway) = self.gateway(route, parent) else { return true };
        let same = gateway.namespace() == route.namespace();
        let asked = |listener: &Value<'_>| {
            let name =
                parent.get("sectionName").is_none_or(|name| listener.get("name").map(Value::raw) == Some(name.raw()));
            name && parent.get("port").is_none_or(|port| listener.get("port").map(Value::raw) == Some(port.raw()))
        };
        let mut listeners = gateway.spec("listeners").into_iter().flat_map(Value::items).filter(asked);
        listeners.any(|listener| match listener.at(&["allowedRoutes", "namespaces", "from"]).and_then(Value::str) {
            Some("All") => true,
            Some("Selector") => {
                let selector = Selector::of(listener.at(&["allowedRoutes", "namespaces", "selector"]));
                let namespace = self.inventory.find(Kind::Namespace, None, route.namespace().unwrap_or_default());
                // The labels of a namespace without a manifest are not known.
                namespace.is_none_or(|namespace| selector.matches(namespace.value().at(&["metadata", "labels"])))
            }
            Some("None") => false,
            _ => same,
        })
    }

    /// The Service that a route sends to. One of another namespace must have been granted there.
    fn backend(&self, route: &Resource, backend: Value<'_>) -> Option<&'i Resource> {
        let text = |key| backend.get(key).and_then(Value::str);
        if text("kind").is_some_and(|kind| kind != "Service") || backend.get("weight").and_then(Value::int) == Some(0) {
            return None;
        }
        let namespace = text("namespace").or_else(|| route.namespace());
        let service = self.inventory.find(Kind::Service, namespace, text("name")?)?;
        (namespace == route.namespace() || self.is_granted(route, service)).then_some(service)
    }

    /// Whether a `ReferenceGrant` lets a route refer to a Service of another namespace.
    ///
    /// <https://gateway-api.sigs.k8s.io/api-types/referencegrant/>
    fn is_granted(&self, route: &Resource, service: &Resource) -> bool {
        let grants = self.inventory.of_kind(Kind::Other, service.namespace());
        let mut grants = grants.filter(|grant| (grant.group(), grant.kind_name()) == (GATEWAY_GROUP, "ReferenceGrant"));
        let text = |item: Value<'i>, key| item.get(key).and_then(Value::str);
        let list = |grant: &'i Resource, key| grant.spec(key).into_iter().flat_map(Value::items);
        grants.any(|grant| {
            let kind = Some(route.kind_name());
            let from = |item| text(item, "kind") == kind && text(item, "namespace") == route.namespace();
            let named = |item| text(item, "name").is_none_or(|name| name == service.name());
            let to = |item| text(item, "kind") == Some("Service") && named(item);
            list(grant, "from").any(from) && list(grant, "to").any(to)
        })
    }

    /// `hostPort`s, and pods on their node's network.
    fn host(&mut self, endpoint: &'n Endpoint) {
        let Some(workload) = self.inventory.get(endpoint.resource).and_then(Workload::of) else { return };
        let senders = self.outside([].into_iter());
        for container in workload.containers().filter(Container::is_long_running) {
            for (at, declared) in container.get("ports").into_iter().flat_map(Value::items).enumerate() {
                let key = if endpoint.host_network { "containerPort" } else { "hostPort" };
                let number = |key| declared.get(key).and_then(Value::int).and_then(|port| u16::try_from(port).ok());
                let outside = number(key).filter(|&port| port > 0);
                let protocol = Protocol::of(service::protocol(declared));
                let (Some(_), Some(port), Some(protocol)) = (outside, number("containerPort"), protocol) else {
                    continue;
                };
                let opening = if endpoint.host_network { Opening::HostNetwork } else { Opening::HostPort };
                let path = container.path().key("ports").index(at).key(key);
                let door = Door { opening, resource: workload.resource, path, hosts: Vec::new(), senders: &senders };
                self.enter(&door, endpoint, Ports::one(protocol, port));
            }
        }
    }

    fn open(&mut self, door: Door<'_, 'n>, service: &Resource, port: Option<&str>) {
        for (receiver, ports) in backend::behind(self.inventory, self.network, service, port) {
            self.enter(&door, receiver, ports);
        }
    }

    fn enter(&mut self, door: &Door<'_, 'n>, receiver: &'n Endpoint, ports: Ports) {
        let row = self.network.row(self.network.party(receiver));
        let mut open = Ports::none();
        door.senders.parties.iter().for_each(|&sender| open.unite(&row.ports(sender)));
        self.found.push(Way {
            opening: door.opening,
            resource: door.resource.index,
            path: door.path.clone(),
            hosts: door.hosts.iter().map(|&host| host.to_owned()).collect(),
            receiver,
            open: open.intersect(&ports),
            ports,
            proxies: door.senders.proxies.clone(),
        });
    }

    /// Addresses outside the cluster: those in some blocks, or all.
    fn outside<'r>(&self, ranges: impl Iterator<Item = &'r str>) -> Senders<'n> {
        let mut wanted = Addresses::default();
        ranges.filter_map(|range| Addresses::block(range.trim()).ok()).for_each(|block| wanted.unite(&block));
        let externals = self.network.externals().filter(|(_, addresses)| wanted.is_empty() || wanted.meets(addresses));
        Senders { parties: externals.map(|(party, _)| party).collect(), proxies: Vec::new() }
    }

    /// The proxies of a controller, known by its class or by the Gateway that they serve. Where they
    /// are not in the inventory, they are taken to be installed as usual, or to be any pod.
    fn controller(&self, words: &[Option<&str>], gateway: Option<&str>) -> Senders<'n> {
        let named = |word: &str| words.iter().flatten().any(|text| text.contains(word));
        if assumed::OUTSIDE_CONTROLLERS.iter().any(|word| named(word)) {
            return self.outside([].into_iter());
        }
        let known = || assumed::CONTROLLERS.iter().zip(&self.network.census.controllers);
        let mut candidates: Vec<_> = known().filter(|((word, _), _)| named(word)).collect();
        let is_named = !candidates.is_empty();
        if !is_named {
            candidates = known().collect();
        }
        let is_proxy = |endpoint: &&Endpoint| {
            let Some(workload) = self.inventory.get(endpoint.resource).and_then(Workload::of) else { return false };
            let has = |&(key, value): &(&str, &str)| workload.pod_label(key) == Some(value);
            let serves = gateway.is_some() && workload.pod_label("gateway.networking.k8s.io/gateway-name") == gateway;
            serves || candidates.iter().any(|((_, pod), _)| pod.labels.iter().all(has))
        };
        let proxies: Vec<&Endpoint> = self.network.endpoints().iter().filter(is_proxy).collect();
        let mut parties: Vec<Party> = proxies.iter().map(|proxy| self.network.party(proxy)).collect();
        if parties.is_empty() {
            parties.extend(candidates.iter().map(|&(_, &party)| party));
            parties.push(self.network.census.stranger);
        }
        Senders { parties, proxies }
    }
}
