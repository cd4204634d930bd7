use crate::declare_rule;
use crate::finding::Sink;
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::placement;
use crate::references;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::scale;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads whose pods bring more volumes to a node than can be attached to it.
    ///
    /// Claims count by the `StorageClass` that they name: one of `ebs.csi.aws.com` gets 39 volumes on a
    /// node, one of `disk.csi.azure.com` 64, one of `pd.csi.storage.gke.io` 127, the most that
    /// [Kubernetes](https://kubernetes.io/docs/concepts/storage/storage-limits/) names for any type of
    /// machine. Where all pods are bound to one node, their claims count together.
    ///
    /// ## Why
    /// The scheduler finds no node for the pod, however many there are: it waits with `node(s) exceed max
    /// volume count`, and more nodes of the same type do not help. It comes out at the first node that
    /// is smaller, or when a set that is bound to one node grows by one.
    ///
    /// ## Settings
    /// `settings.volumesPerNode` is what your nodes take, as `kubectl get csinode -o yaml` says under
    /// `allocatable`. It then holds for all claims.
    /// ```yaml settings
    /// settings:
    ///   volumesPerNode: 25
    /// ```
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   replicas: 26 # finding
    ///   serviceName: ledger
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       nodeSelector: {kubernetes.io/hostname: node-7}
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///   volumeClaimTemplates:
    ///     - metadata: {name: data}
    ///       spec:
    ///         accessModes: [ReadWriteOnce]
    ///         resources: {requests: {storage: 1Gi}}
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: ledger
    ///   namespace: shop
    /// spec:
    ///   replicas: 26
    ///   serviceName: ledger
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///   volumeClaimTemplates:
    ///     - metadata: {name: data}
    ///       spec:
    ///         accessModes: [ReadWriteOnce]
    ///         resources: {requests: {storage: 1Gi}}
    /// ```
    "volume-count-exceeds-node" {
        summary: "pods need more volumes than a node takes",
        help: "spread the pods over nodes, or put what they keep into fewer volumes",
        category: Category::Storage,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

/// What a node takes at most of a provisioner's volumes.
const LIMITS: [(&str, usize); 6] = [
    ("disk.csi.azure.com", 64),
    ("ebs.csi.aws.com", 39),
    ("kubernetes.io/aws-ebs", 39),
    ("kubernetes.io/azure-disk", 64),
    ("kubernetes.io/gce-pd", 127),
    ("pd.csi.storage.gke.io", 127),
];

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let everywhere = sink.settings().volumes_per_node.and_then(|limit| usize::try_from(limit).ok());
    let claims = claims(workload, inventory);
    let (own, shared): (Vec<_>, Vec<_>) = claims.iter().partition(|claim| claim.is_own);
    let bound = is_bound_to_one_node(workload);
    let replicas = scale::most(inventory, workload).and_then(|pods| usize::try_from(pods).ok()).unwrap_or(1);
    let pods = if bound { replicas.max(1) } else { 1 };
    let count = |limit_of: Option<&str>| {
        let of =
            |claims: &[&Claim<'_>]| claims.iter().filter(|claim| limit_of.is_none_or(|it| claim.is_of(it))).count();
        of(&own).saturating_mul(pods).saturating_add(of(&shared))
    };
    let limits = everywhere.map(|limit| (None, limit));
    let known = LIMITS.iter().filter(|_| everywhere.is_none()).map(|&(provisioner, limit)| (Some(provisioner), limit));
    let Some((volumes, limit)) = limits
        .into_iter()
        .chain(known)
        .map(|(provisioner, limit)| (count(provisioner), limit))
        .find(|(volumes, limit)| volumes > limit)
    else {
        return;
    };
    let (path, whose) = if pods > 1 {
        (FieldPath::of(&["spec", "replicas"]), format!("{pods} pods that are bound to one node need"))
    } else {
        (workload.pod_path().key("volumes"), "a pod needs".to_owned())
    };
    sink.report(path, format!("{whose} {volumes} volumes, and a node takes {limit} at most"));
}

fn is_bound_to_one_node(workload: &Workload<'_>) -> bool {
    let named = workload.pod("nodeName").and_then(Value::str).is_some_and(|name| !name.is_empty());
    named || placement::only(workload, placement::HOSTNAME).is_some()
}

/// A claim that a pod mounts.
struct Claim<'a> {
    provisioner: Option<&'a str>,
    /// Whether each pod has one of its own.
    is_own: bool,
}

impl Claim<'_> {
    fn is_of(&self, provisioner: &str) -> bool {
        self.provisioner == Some(provisioner)
    }
}

fn claims<'a>(workload: &Workload<'a>, inventory: &'a Inventory) -> Vec<Claim<'a>> {
    let provisioner = |spec: Option<Value<'a>>| {
        let class = spec?.get("storageClassName")?.str()?;
        inventory.find(Kind::StorageClass, None, class)?.value().get("provisioner")?.str()
    };
    let templates = workload.resource.spec("volumeClaimTemplates").into_iter().flat_map(Value::items);
    let ephemeral = workload.volumes().filter_map(|volume| volume.value.at(&["ephemeral", "volumeClaimTemplate"]));
    let own = templates.chain(ephemeral);
    let own = own.map(|claim| Claim { provisioner: provisioner(claim.get("spec")), is_own: true });
    let mut names: Vec<_> =
        references::of(workload, Kind::PersistentVolumeClaim).into_iter().map(|claim| claim.name).collect();
    names.sort_unstable();
    names.dedup();
    let shared = names.into_iter().map(|name| {
        let claim = inventory.find(Kind::PersistentVolumeClaim, workload.resource.namespace(), name);
        Claim { provisioner: provisioner(claim.and_then(|claim| claim.value().get("spec"))), is_own: false }
    });
    own.chain(shared).collect()
}
