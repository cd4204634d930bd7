use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::references;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::scale::{self, Round};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods that share a claim which only one node can mount: a `ReadWriteOnce` or
    /// `ReadWriteOncePod` claim in a workload of more than one pod, or in a Deployment whose
    /// rolling update starts the new pod while the old one still has the volume.
    ///
    /// ## Why
    /// The new pod lands on another node and waits with `Multi-Attach error for volume` until the
    /// old pod is gone, which by the rolling update goes only when the new one is ready. The rollout
    /// hangs until somebody deletes the old pod by hand. After the loss of a node the same wait
    /// takes six minutes and more.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   replicas: 1
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///       volumes:
    ///         - name: data
    ///           persistentVolumeClaim:
    ///             claimName: ledger # finding
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources:
    ///     requests:
    ///       storage: 10Gi
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   replicas: 1
    ///   strategy:
    ///     type: Recreate
    ///   selector:
    ///     matchLabels: {app: ledger}
    ///   template:
    ///     metadata:
    ///       labels: {app: ledger}
    ///     spec:
    ///       containers:
    ///         - name: ledger
    ///           image: example.com/ledger:1.4
    ///       volumes:
    ///         - name: data
    ///           persistentVolumeClaim:
    ///             claimName: ledger
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata:
    ///   name: ledger
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources:
    ///     requests:
    ///       storage: 10Gi
    /// ```
    "volume-multi-attach" {
        summary: "pods share a volume that one node can mount",
        help: "use a StatefulSet with `volumeClaimTemplates`, or one replica with `strategy.type: Recreate`",
        category: Category::Storage,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let inventory = sink.inventory();
    let Some(replicas) = scale::most(inventory, workload).filter(|&replicas| replicas > 0) else { return };
    let why = if replicas > 1 {
        format!("{replicas} pods share it")
    } else if workload.kind() == Kind::Deployment && surges(workload) {
        "the rolling update starts the new pod while the old one holds it".to_owned()
    } else {
        return;
    };
    let mut seen = Vec::new();
    for claim in references::of(workload, Kind::PersistentVolumeClaim) {
        let found = inventory.find(Kind::PersistentVolumeClaim, workload.resource.namespace(), claim.name);
        let Some((found, mode)) = found.and_then(|found| Some((found, single_node_mode(found)?))) else { continue };
        if seen.contains(&claim.name) {
            continue;
        }
        seen.push(claim.name);
        let finding = sink.report(claim.path, format!("claim `{}` is {mode}, and {why}", claim.name));
        finding.evidence(found, FieldPath::of(&["spec", "accessModes"]), "the claim's access modes");
    }
}

/// Whether a Deployment's rollout of one pod starts the new one first. `maxSurge` is 25 % unless set.
fn surges(workload: &Workload<'_>) -> bool {
    let strategy = workload.resource.spec("strategy");
    let recreates = strategy.and_then(|strategy| strategy.get("type")).and_then(Value::str) == Some("Recreate");
    let surge = strategy.and_then(|strategy| strategy.at(&["rollingUpdate", "maxSurge"]));
    !recreates && surge.is_none_or(|surge| scale::scaled(surge, 1, Round::Up) != Some(0))
}

/// The access mode of a claim that only one node, or one pod, can mount for writing.
fn single_node_mode(claim: &Resource) -> Option<&str> {
    let modes = claim.spec("accessModes")?.items().map(|mode| mode.str().unwrap_or_default());
    let modes: Vec<&str> = modes.collect();
    let single = modes.iter().all(|mode| matches!(*mode, "ReadWriteOnce" | "ReadWriteOncePod"));
    modes.first().copied().filter(|_| single)
}
