//! The connections that are needed, and what shows them: in manifests, addresses of Services in the
//! settings of workloads, and ways into the cluster.

use std::collections::{BTreeMap, HashMap};

use crate::inventory::Inventory;
use crate::references;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::Workload;

use super::way::{Opening, ways};
use super::{Addresses, Direction, Endpoint, Network, Peer, Ports, Protocol, backend};

/// A connection that has to be allowed, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need<'n> {
    /// Who sends.
    pub sender: End<'n>,
    /// Who receives.
    pub receiver: End<'n>,
    /// On which ports of the receiver's pods.
    pub ports: Ports,
    /// What shows it, such as `Service shop/orders-db`.
    pub because: String,
}

/// One end of a needed connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<'n> {
    /// Whoever there is, inside and outside the cluster.
    Anybody,
    /// Every pod of the cluster.
    Pods,
    /// The cluster's name servers.
    Dns,
    /// A workload.
    Endpoint(&'n Endpoint),
    /// Addresses outside the cluster.
    Outside(Addresses),
}

impl<'n> End<'n> {
    /// The workload, if it is one.
    pub fn endpoint(&self) -> Option<&'n Endpoint> {
        match self {
            Self::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    /// Whether a peer is part of it.
    fn covers(&self, network: &Network, peer: &Peer<'_>) -> bool {
        match (self, peer) {
            (Self::Anybody, _) => true,
            (Self::Pods, Peer::Endpoint(peer)) => !peer.host_network,
            (Self::Dns, Peer::Endpoint(peer)) => network.dns().contains(&network.party(peer)),
            (Self::Endpoint(own), Peer::Endpoint(peer)) => own.is_same_workload(peer),
            (Self::Outside(own), Peer::Outside(peer)) => own.covers(peer),
            _ => false,
        }
    }
}

impl<'n> From<&Peer<'n>> for End<'n> {
    fn from(peer: &Peer<'n>) -> Self {
        match peer {
            Peer::Endpoint(endpoint) => Self::Endpoint(endpoint),
            Peer::Outside(addresses) => Self::Outside(addresses.clone()),
        }
    }
}

/// Needs by the workloads that have them: namespace, name and kind.
pub(super) struct Wanted<'a, 'n>([HashMap<Name<'n>, Vec<&'a Need<'n>>>; 2]);

type Name<'n> = (&'n str, &'n str, &'n str);

impl<'a, 'n> Wanted<'a, 'n> {
    pub fn of(needs: &'a [Need<'n>]) -> Self {
        let mut wanted = Self(Default::default());
        for need in needs {
            for (direction, own) in [(Direction::Ingress, &need.receiver), (Direction::Egress, &need.sender)] {
                if let Some(own) = own.endpoint() {
                    wanted.0[direction as usize].entry((&own.namespace, &own.name, &own.kind)).or_default().push(need);
                }
            }
        }
        wanted
    }

    /// The needs of a workload in a direction, each with the other end.
    pub fn by<'w>(
        &'w self,
        own: &'w Endpoint,
        direction: Direction,
    ) -> impl Iterator<Item = (&'a End<'n>, &'a Need<'n>)> + use<'a, 'n, 'w> {
        let needs = self.0[direction as usize].get(&(&*own.namespace, &*own.name, &*own.kind));
        needs.into_iter().flatten().map(move |&need| match direction {
            Direction::Ingress => (&need.sender, need),
            Direction::Egress => (&need.receiver, need),
        })
    }

    /// On which ports both sides of a connection need it. Whoever is outside the cluster or on a
    /// node's network is not held, and needs nothing to be allowed.
    pub fn ports(&self, network: &Network, sender: &Peer<'_>, receiver: &Peer<'_>) -> Ports {
        let side = |own: &Peer<'_>, other: &Peer<'_>, direction: Direction| match own {
            Peer::Endpoint(own) if !own.host_network => {
                let mut ports = Ports::none();
                for (_, need) in self.by(own, direction).filter(|(end, _)| end.covers(network, other)) {
                    ports.unite(&need.ports);
                }
                ports
            }
            _ => Ports::all(),
        };
        side(sender, receiver, Direction::Egress).intersect(&side(receiver, sender, Direction::Ingress))
    }
}

/// That every pod resolves names, and that name servers of the inventory answer.
pub fn resolution(network: &Network) -> Vec<Need<'_>> {
    let mut ports = Ports::one(Protocol::Udp, 53);
    ports.unite(&Ports::one(Protocol::Tcp, 53));
    let need = |sender, receiver| Need { sender, receiver, ports: ports.clone(), because: "names".to_owned() };
    let held = network.endpoints().iter().filter(|endpoint| !endpoint.host_network);
    let asks = held.clone().map(|endpoint| need(End::Endpoint(endpoint), End::Dns));
    let servers = held.filter(|endpoint| network.dns().contains(&network.party(endpoint)));
    asks.chain(servers.map(|server| need(End::Pods, End::Endpoint(server)))).collect()
}

/// The connections that an inventory's manifests show to be needed, each pair of ends once.
///
/// A workload needs a Service whose name is in its environment, its arguments or the `ConfigMaps`
/// that it reads: `orders-db.shop`, or `orders-db:5432` and `//orders-db` within the namespace.
/// Services of type `LoadBalancer` and `NodePort` are needed by anybody; backends of Ingresses and
/// of Gateways' routes by the controller's proxies, or by anybody where they are not in the
/// inventory. What programs are told elsewhere is not seen.
pub fn needs<'n>(inventory: &Inventory, network: &'n Network) -> Vec<Need<'n>> {
    let mut found = BTreeMap::new();
    for way in ways(inventory, network).into_iter().filter(|way| way.opening != Opening::HostNetwork) {
        let because = inventory[way.resource].id().to_string();
        // A proxy on its node's network is an address to policies, and cannot be selected.
        if way.proxies.is_empty() || way.proxies.iter().any(|proxy| proxy.host_network) {
            add(End::Anybody, way.receiver, &way.ports, &because, &mut found);
        } else {
            for proxy in way.proxies {
                add(End::Endpoint(proxy), way.receiver, &way.ports, &because, &mut found);
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
                    let because = service.id().to_string();
                    for (receiver, ports) in backend::behind(inventory, network, service, host.port) {
                        add(End::Endpoint(endpoint), receiver, &ports, &because, &mut found);
                    }
                }
            }
        }
    }
    found.into_values().collect()
}

type Found<'n> = BTreeMap<(Option<u32>, u32), Need<'n>>;

fn add<'n>(sender: End<'n>, receiver: &'n Endpoint, ports: &Ports, because: &str, found: &mut Found<'n>) {
    if sender.endpoint().is_some_and(|sender| sender.is_same_workload(receiver)) {
        return;
    }
    let key = (sender.endpoint().map(|sender| sender.resource), receiver.resource);
    if let Some(need) = found.get_mut(&key) {
        need.ports.unite(ports);
        if !need.because.split(", ").any(|known| known == because) {
            need.because = format!("{}, {because}", need.because);
        }
    } else {
        let receiver = End::Endpoint(receiver);
        found.insert(key, Need { sender, receiver, ports: ports.clone(), because: because.to_owned() });
    }
}

/// The texts that tell a workload's programs whom to talk to.
fn settings<'a>(inventory: &'a Inventory, workload: &Workload<'a>) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for container in workload.containers() {
        texts.extend(container.words().map(|word| word.text));
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
