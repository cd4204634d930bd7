//! From an inventory to a [`Network`]: alike pods become classes, selectors become sets of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::Workload;

use super::address::Addresses;
use super::assumed::{self, Assumed};
use super::bits::Bits;
use super::endpoint::{self, Endpoint, Seen};
use super::hash::HashMap;
use super::intervals::{Intervals, Point};
use super::policy::Problem;
use super::port::Protocol;
use super::query::{Query, Requirement};
use super::read::{self, Draft, DraftPeer, DraftPorts, NamespacesOf, PodsOf};
use super::{Assumptions, Census, Class, Looks, Network, Party, Policy, Rule};

/// The label that the API server gives every namespace.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// So many pods are worth more than one thread.
const MANY: usize = 1000;

/// What makes pods alike: everything that some policy can look at.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Signature<'a> {
    namespace: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    ports: Vec<(u32, Protocol, u16)>,
    /// Which of the policies' blocks the pods' addresses are in.
    blocks: Vec<usize>,
    host_network: bool,
}

/// The network of these resources of an inventory, in its order.
pub(super) fn compile(inventory: &Inventory, resources: &[&Resource], assumptions: Assumptions) -> Network {
    let mut problems = Vec::new();
    let drafts: Vec<Draft<'_>> = resources.iter().filter_map(|resource| read::read(resource, &mut problems)).collect();
    let nodes: Vec<&Resource> = inventory.of_kind(Kind::Node, None).collect();
    let census = census(inventory, resources, Looks::of(&drafts, &nodes));
    build(inventory, resources, Arc::new(census), drafts, problems, assumptions)
}

/// The network of an inventory in which the pods are those of an earlier one, and policies look at nothing
/// that they did not look at there; else nothing.
pub(super) fn later(before: &Network, inventory: &Inventory, assumptions: Assumptions) -> Option<Network> {
    let resources: Vec<&Resource> = inventory.resources().collect();
    let census = &before.census;
    if workloads(&resources) != census.workloads || surroundings(inventory) != census.surroundings {
        return None;
    }
    let mut problems = Vec::new();
    let drafts: Vec<Draft<'_>> = resources.iter().filter_map(|resource| read::read(resource, &mut problems)).collect();
    let nodes: Vec<&Resource> = inventory.of_kind(Kind::Node, None).collect();
    let looks = Looks::of(&drafts, &nodes);
    let is_known = looks.keys.is_subset(&census.looks.keys)
        && looks.port_names.keys().all(|name| census.looks.port_names.contains_key(name))
        && looks.blocks.keys().all(|block| census.looks.blocks.contains_key(block));
    is_known.then(|| build(inventory, &resources, census.clone(), drafts, problems, assumptions))
}

/// The workloads, by index.
fn workloads(resources: &[&Resource]) -> Vec<u32> {
    resources.iter().filter(|resource| Workload::of(resource).is_some()).map(|resource| resource.index).collect()
}

/// The Namespaces and Nodes, by index.
fn surroundings(inventory: &Inventory) -> Vec<u32> {
    let kinds = [Kind::Namespace, Kind::Node].into_iter();
    kinds.flat_map(|kind| inventory.of_kind(kind, None)).map(|resource| resource.index).collect()
}

/// What is known of the pods of an inventory, for policies that look at this.
fn census(inventory: &Inventory, resources: &[&Resource], looks: Looks) -> Census {
    let seen = endpoint::collect(inventory, resources);
    let mut blocks: Vec<(&Addresses, usize)> = looks.blocks.iter().map(|(block, &number)| (block, number)).collect();
    blocks.sort_unstable_by_key(|&(_, number)| number);
    let blocks: Vec<&Addresses> = blocks.into_iter().map(|(block, _)| block).collect();
    let (externals, held) = cut(&blocks, &seen);
    let Classified { endpoints, members, signatures, dns, controllers, stranger } = classify(&seen, &looks, &blocks);
    let owned = |signature: Signature<'_>| Class {
        namespace: signature.namespace.into(),
        labels: signature.labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
        host_network: signature.host_network,
        endpoints: Vec::new(),
        ports: signature.ports,
        blocks: signature.blocks,
    };
    let mut classes: Vec<Class> = signatures.into_iter().map(owned).collect();
    let mut by_resource = HashMap::default();
    let mut by_namespace: HashMap<Box<str>, Vec<u32>> = HashMap::default();
    for (at, endpoint) in (0u32..).zip(&endpoints) {
        classes[endpoint.class as usize].endpoints.push(at);
        by_resource.insert(endpoint.resource, at);
        by_namespace.entry(endpoint.namespace.clone()).or_default().push(at);
    }
    Census {
        endpoints,
        by_resource,
        members,
        workloads: workloads(resources),
        surroundings: surroundings(inventory),
        by_namespace,
        classes,
        externals,
        looks,
        held,
        dns,
        controllers,
        stranger,
    }
}

/// The network of these pods under these policies.
fn build(
    inventory: &Inventory,
    resources: &[&Resource],
    census: Arc<Census>,
    drafts: Vec<Draft<'_>>,
    problems: Vec<Problem>,
    assumptions: Assumptions,
) -> Network {
    let mut index = Index::new(inventory, &census);
    let mut network = Network {
        census: census.clone(),
        policies: Vec::new(),
        rules: Vec::new(),
        isolated: [Bits::new(index.len), Bits::new(index.len)],
        isolated_namespaces: Default::default(),
        problems,
        unmodelled: unmodelled(resources),
    };
    for draft in drafts {
        add_policy(&mut network, draft, &mut index, assumptions);
    }
    network.sort_rules();
    network
}

fn add_policy<'a>(network: &mut Network, draft: Draft<'a>, index: &mut Index<'a>, assumptions: Assumptions) {
    let subject = index.pods_of(&draft.subject);
    for &direction in &draft.isolates {
        network.isolated[direction as usize].unite(&subject);
    }
    let number = network.policies.len() as u32;
    for rule in draft.rules {
        let items: Vec<Bits> = rule.peers.iter().map(|peer| index.peer(peer, assumptions)).collect();
        let mut peers = Bits::new(index.len);
        for item in &items {
            peers.unite(item);
        }
        let DraftPorts { ports, named: by_name } = rule.ports;
        let numbers = &network.census.looks.port_names;
        let named = by_name.into_iter().filter_map(|(name, protocol)| Some((*numbers.get(name)?, protocol))).collect();
        let (direction, index, action) = (rule.direction, rule.index, rule.action);
        network.rules.push(Rule {
            policy: number,
            direction,
            index,
            tier: draft.tier,
            action,
            items,
            peers,
            ports,
            named,
        });
    }
    let resource = draft.resource.index;
    if let (NamespacesOf::Named(name), true) = (draft.subject.namespaces, draft.subject.pods.is_everything()) {
        for &direction in &draft.isolates {
            network.isolated_namespaces[direction as usize].insert(name.into());
        }
    }
    network.policies.push(Policy { resource, subject, isolates: draft.isolates });
}

impl Looks {
    /// What these policies look at.
    fn of(drafts: &[Draft<'_>], nodes: &[&Resource]) -> Self {
        let (mut keys, mut port_names) = (BTreeSet::new(), BTreeSet::new());
        let mut looks = Self::default();
        for draft in drafts {
            keys.extend(draft.subject.pods.keys());
            for rule in &draft.rules {
                port_names.extend(rule.ports.named.iter().map(|&(name, _)| name));
                for peer in &rule.peers {
                    let block = match peer {
                        DraftPeer::Pods(pods) => {
                            keys.extend(pods.pods.keys());
                            continue;
                        }
                        DraftPeer::Block { addresses, .. } => addresses.clone(),
                        DraftPeer::Nodes(query) => addresses_of(nodes, query),
                        DraftPeer::Everyone => continue,
                    };
                    let next = looks.blocks.len();
                    looks.blocks.entry(block).or_insert(next);
                }
            }
        }
        looks.keys = keys.into_iter().map(Box::from).collect();
        looks.port_names = port_names.into_iter().map(Box::from).zip(0..).collect();
        looks
    }
}

/// The addresses in the status of the nodes with these labels.
fn addresses_of(nodes: &[&Resource], query: &Query<'_>) -> Addresses {
    let mut addresses = Addresses::default();
    for node in nodes.iter().filter(|node| query.matches(|key| node.label(key))) {
        let listed = node.value().at(&["status", "addresses"]).into_iter().flat_map(Value::items);
        for address in listed.filter_map(|item| item.get("address")?.str()?.parse().ok()) {
            addresses.unite(&Addresses::one(address));
        }
    }
    addresses
}

/// Pods by what policies can tell apart.
struct Classified<'a> {
    endpoints: Vec<Endpoint>,
    members: Vec<(u32, u32)>,
    /// Of the classes.
    signatures: Vec<Signature<'a>>,
    dns: Vec<Party>,
    controllers: Vec<Party>,
    stranger: Party,
}

/// Collapses pods that no policy can tell apart into classes, and those of one workload and
/// class into an endpoint.
fn classify<'a>(seen: &[Seen<'a>], looks: &Looks, blocks: &[&Addresses]) -> Classified<'a> {
    let mut classes: HashMap<Signature<'a>, u32> = HashMap::default();
    let mut by_name: HashMap<(&str, &str, &str, u32), usize> = HashMap::default();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut members = Vec::new();
    // A pod without an address gets some address of the cluster, which all families' blocks hold.
    let whole: Vec<bool> = blocks.iter().map(|block| block.is_whole_family()).collect();
    let blocks_of = |addresses: &Addresses, anywhere: bool| -> Vec<usize> {
        let numbered = (0..).zip(blocks.iter().zip(&whole));
        let holds = |block: &Addresses, whole: bool| {
            if addresses.is_empty() || anywhere && whole { whole } else { block.meets(addresses) }
        };
        numbered.filter(|&(_, (block, &whole))| holds(block, whole)).map(|(number, _)| number).collect()
    };
    let numbered = |(name, protocol, port): (&str, Protocol, u16)| Some((*looks.port_names.get(name)?, protocol, port));
    let signature_of = |pod: &Seen<'a>| {
        let labels = pod.workload.pod_labels().into_iter().flat_map(Value::entries);
        let mut labels: Vec<(&str, &str)> = labels
            .filter(|entry| looks.keys.contains(entry.key.raw()))
            .map(|entry| (entry.key.raw(), entry.value.raw()))
            .collect();
        labels.sort_unstable();
        let mut ports: Vec<_> = pod.named_ports().filter_map(numbered).collect();
        ports.sort_unstable();
        ports.dedup();
        Signature {
            namespace: pod.workload.resource.namespace().unwrap_or_default(),
            labels,
            ports,
            blocks: blocks_of(&pod.addresses, false),
            host_network: pod.host_network,
        }
    };
    // Those of a few are worked out sooner than another thread is awake.
    let signatures: Vec<Signature<'a>> = if seen.len() < MANY {
        seen.iter().map(signature_of).collect()
    } else {
        seen.par_iter().map(signature_of).collect()
    };
    for (pod, signature) in seen.iter().zip(signatures) {
        let namespace = signature.namespace;
        let next = classes.len() as u32;
        let class = *classes.entry(signature).or_insert(next);
        let at = *by_name.entry((namespace, pod.kind, pod.name, class)).or_insert(endpoints.len());
        members.push((pod.workload.resource.index, at as u32));
        match endpoints.get_mut(at) {
            Some(endpoint) => endpoint.pods += 1,
            None => endpoints.push(Endpoint {
                resource: pod.workload.resource.index,
                namespace: namespace.into(),
                name: pod.name.into(),
                kind: pod.kind.into(),
                host_network: pod.host_network,
                pods: 1,
                class,
            }),
        }
    }
    let mut class_of = |pod: &Assumed| {
        let address = pod.addresses.iter().filter_map(|address| address.parse().ok());
        let mut addresses = Addresses::default();
        address.for_each(|address| addresses.unite(&Addresses::one(address)));
        let signature = Signature {
            namespace: pod.namespace,
            labels: pod.labels.iter().copied().filter(|(key, _)| looks.keys.contains(*key)).collect(),
            ports: pod.ports.iter().copied().filter_map(numbered).collect(),
            blocks: blocks_of(&addresses, true),
            host_network: pod.host_network,
        };
        let next = classes.len() as u32;
        Party(*classes.entry(signature).or_insert(next))
    };
    let dns = assumed::DNS.iter().map(&mut class_of).collect();
    let controllers = assumed::CONTROLLERS.iter().map(|(_, pod)| class_of(pod)).collect();
    let stranger = class_of(&assumed::STRANGER);
    let mut signatures: Vec<_> = classes.into_iter().collect();
    signatures.sort_unstable_by_key(|&(_, class)| class);
    let signatures = signatures.into_iter().map(|(signature, _)| signature).collect();
    members.sort_unstable();
    Classified { endpoints, members, signatures, dns, controllers, stranger }
}

/// Cuts all addresses outside the cluster into the ranges that policies tell apart; says for
/// each block which of them it holds.
///
/// IPv6 is left out where neither a policy nor a pod speaks it.
fn cut(blocks: &[&Addresses], seen: &[Seen<'_>]) -> (Vec<Addresses>, Vec<Vec<usize>>) {
    let speaks = |family: &Addresses| {
        let blocks = blocks.iter().any(|block| block.meets(family));
        blocks || seen.iter().any(|pod| pod.addresses.meets(family))
    };
    let mut space = Addresses::v4();
    if speaks(&Addresses::v6()) {
        space.unite(&Addresses::v6());
    }
    let mut starts: BTreeSet<u128> = space.0.iter().map(|(first, _)| first).collect();
    for (first, last) in blocks.iter().flat_map(|block| block.0.iter()) {
        starts.insert(first);
        starts.extend(last.after());
    }
    starts.retain(|&start| space.0.contains(start));
    let starts: Vec<u128> = starts.into_iter().collect();

    let mut holders: Vec<Bits> = vec![Bits::new(blocks.len()); starts.len()];
    for (number, block) in blocks.iter().enumerate() {
        for (first, last) in block.0.iter() {
            let from = starts.partition_point(|&start| start < first);
            let to = starts.partition_point(|&start| start <= last);
            holders[from..to].iter_mut().for_each(|holder| holder.insert(number));
        }
    }
    let mut ranges: HashMap<Bits, Vec<(u128, u128)>> = HashMap::default();
    let ends = starts.iter().skip(1).map(|start| start.saturating_sub(1)).chain([u128::MAX]);
    for ((&first, last), holder) in starts.iter().zip(ends).zip(holders) {
        ranges.entry(holder).or_default().push((first, last));
    }
    let mut ranges: Vec<(Addresses, Bits)> = ranges
        .into_iter()
        .map(|(holder, parts)| (Addresses(parts.into_iter().collect::<Intervals<_>>().intersect(&space.0)), holder))
        .collect();
    ranges.sort_unstable_by_key(|(addresses, _)| addresses.0.first());
    let mut held = vec![Vec::new(); blocks.len()];
    for (external, (_, holder)) in ranges.iter().enumerate() {
        holder.iter().for_each(|number| held[number].push(external));
    }
    (ranges.into_iter().map(|(addresses, _)| addresses).collect(), held)
}

/// Looks up peers among parties: the classes first, then the external ranges.
struct Index<'a> {
    /// The number of parties.
    len: usize,
    namespaces: Vec<Namespace<'a>>,
    numbers: HashMap<&'a str, usize>,
    /// Classes with a label, by key and value. Those on their node's network are left out: no
    /// selector of pods reaches them.
    labels: HashMap<&'a str, HashMap<&'a str, Bits>>,
    pods: Bits,
    hosts: Bits,
    looks: &'a Looks,
    /// By number.
    blocks: Vec<BlockBits>,
    nodes: Vec<&'a Resource>,
    memo_pods: HashMap<Query<'a>, Bits>,
    memo_namespaces: HashMap<Query<'a>, Bits>,
}

struct Namespace<'a> {
    name: &'a str,
    resource: Option<&'a Resource>,
    classes: Bits,
}

/// Who is in a block.
struct BlockBits {
    /// Classes by their pods' own addresses.
    pods: Bits,
    /// Classes on their node's network, and external ranges.
    others: Bits,
}

impl<'a> Index<'a> {
    fn new(inventory: &'a Inventory, census: &'a Census) -> Self {
        let len = census.classes.len() + census.externals.len();
        let mut index = Self {
            len,
            namespaces: Vec::new(),
            numbers: HashMap::default(),
            labels: HashMap::default(),
            pods: Bits::new(len),
            hosts: Bits::new(len),
            looks: &census.looks,
            blocks: Vec::new(),
            nodes: inventory.of_kind(Kind::Node, None).collect(),
            memo_pods: HashMap::default(),
            memo_namespaces: HashMap::default(),
        };
        for held in &census.held {
            let mut others = Bits::new(len);
            for external in held {
                others.insert(census.classes.len() + external);
            }
            index.blocks.push(BlockBits { pods: Bits::new(len), others });
        }
        for (class, known) in census.classes.iter().enumerate() {
            for &block in &known.blocks {
                let BlockBits { pods, others } = &mut index.blocks[block];
                if known.host_network { others } else { pods }.insert(class);
            }
            if known.host_network {
                index.hosts.insert(class);
                continue;
            }
            index.pods.insert(class);
            let next = index.namespaces.len();
            let number = *index.numbers.entry(&*known.namespace).or_insert(next);
            if number == next {
                let resource = inventory.find(Kind::Namespace, None, &known.namespace);
                index.namespaces.push(Namespace { name: &known.namespace, resource, classes: Bits::new(len) });
            }
            index.namespaces[number].classes.insert(class);
            for (key, value) in &known.labels {
                let bits = index.labels.entry(&**key).or_default().entry(&**value).or_insert_with(|| Bits::new(len));
                bits.insert(class);
            }
        }
        index
    }

    /// Who is in a block.
    fn block(&self, addresses: &Addresses) -> Option<&BlockBits> {
        self.blocks.get(*self.looks.blocks.get(addresses)?)
    }

    fn pods_of(&mut self, pods: &PodsOf<'a>) -> Bits {
        let mut bits = match &pods.namespaces {
            NamespacesOf::Named(name) => match self.numbers.get(name) {
                Some(&number) => self.namespaces[number].classes.clone(),
                None => return Bits::new(self.len),
            },
            NamespacesOf::Labelled(query) => self.in_namespaces(query),
        };
        if !pods.pods.is_everything() {
            if !self.memo_pods.contains_key(&pods.pods) {
                let found = self.labelled(&pods.pods);
                self.memo_pods.insert(pods.pods.clone(), found);
            }
            bits.intersect(&self.memo_pods[&pods.pods]);
        }
        bits
    }

    fn in_namespaces(&mut self, query: &Query<'a>) -> Bits {
        if let Some(bits) = self.memo_namespaces.get(query) {
            return bits.clone();
        }
        let mut bits = Bits::new(self.len);
        for namespace in &self.namespaces {
            let name = (!namespace.name.is_empty()).then_some(namespace.name);
            let label = |key: &str| match (key, namespace.resource) {
                (NAME_LABEL, _) => name,
                (_, Some(resource)) => resource.label(key),
                // Older clusters were told to label it so by hand; where its labels are unknown,
                // nothing may be said to be blocked for want of this one.
                ("name", None) => name.filter(|&name| name == assumed::SYSTEM_NAMESPACE),
                (_, None) => None,
            };
            if query.matches(label) {
                bits.unite(&namespace.classes);
            }
        }
        self.memo_namespaces.insert(query.clone(), bits.clone());
        bits
    }

    fn labelled(&self, query: &Query<'a>) -> Bits {
        let mut bits = self.pods.clone();
        for requirement in &query.0 {
            let mut some = Bits::new(self.len);
            let (key, values) = match requirement {
                Requirement::In(key, values) | Requirement::NotIn(key, values) => (key, Some(values)),
                Requirement::Exists(key) | Requirement::DoesNotExist(key) => (key, None),
                Requirement::Unreadable => return some,
            };
            if let Some(by_value) = self.labels.get(key) {
                let wanted = |value: &&str| values.is_none_or(|values| values.contains(value));
                by_value.iter().filter(|(value, _)| wanted(value)).for_each(|(_, classes)| some.unite(classes));
            }
            match requirement {
                Requirement::In(..) | Requirement::Exists(_) => bits.intersect(&some),
                _ => bits.subtract(&some),
            }
        }
        bits
    }

    fn peer(&mut self, peer: &DraftPeer<'a>, assumptions: Assumptions) -> Bits {
        let mut peers = Bits::new(self.len);
        match peer {
            DraftPeer::Everyone => peers = Bits::full(self.len),
            DraftPeer::Pods(pods) => peers = self.pods_of(pods),
            DraftPeer::Block { addresses, of_pods } => {
                if let Some(block) = self.block(addresses) {
                    peers.unite(&block.others);
                    if *of_pods || assumptions.blocks_match_pods {
                        peers.unite(&block.pods);
                    }
                }
            }
            DraftPeer::Nodes(query) => {
                if let Some(block) = self.block(&addresses_of(&self.nodes, query)) {
                    peers.unite(&block.others);
                }
                if query.is_everything() {
                    peers.unite(&self.hosts);
                }
            }
        }
        peers
    }
}

/// Policies of other APIs, by group and kind.
const UNMODELLED: &[(&str, &str)] = &[
    ("cilium.io", "CiliumNetworkPolicy"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
    ("projectcalico.org", "GlobalNetworkPolicy"),
    ("crd.antrea.io", "NetworkPolicy"),
    ("crd.antrea.io", "ClusterNetworkPolicy"),
    ("networking.k8s.aws", "ClusterNetworkPolicy"),
    ("networking.k8s.aws", "ApplicationNetworkPolicy"),
    ("k8s.cni.cncf.io", "MultiNetworkPolicy"),
    ("k8s.ovn.org", "EgressFirewall"),
];

/// The policies whose effect is not modelled.
fn unmodelled(resources: &[&Resource]) -> Vec<u32> {
    let foreign = |resource: &&&Resource| {
        resource.kind() == Kind::Other && UNMODELLED.contains(&(resource.group(), resource.kind_name()))
    };
    resources.iter().filter(foreign).map(|resource| resource.index).collect()
}
