//! Whether a pod is what its owner's template says.
//!
//! A pod never equals its template to the letter: the scheduler, admission and controllers add to
//! it. What they add by themselves is left out of a [`digest`], on both sides; what a person or an
//! injector adds is not.

use std::hash::{BuildHasher, RandomState};

use hardline_core::resource::{Kind, Resource};
use hardline_core::tree::{NodeKind, Value};
use hardline_core::workload::Workload;

/// Labels that controllers and admission give to pods.
const GIVEN_LABELS: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Fields of a pod's spec that the API server or the scheduler fill in, or that say which one of
/// many equal pods it is.
const GIVEN_FIELDS: &[&str] = &[
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "serviceAccount",
    "subdomain",
];

/// Where the token of the service account is mounted, in every pod that does not forbid it.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the volume of that token is called, with a suffix of its own in every pod.
const TOKEN_VOLUME: &str = "kube-api-access-";

/// Marks a pod that got demands from the `LimitRange` of its namespace.
const LIMIT_RANGER: &str = "kubernetes.io/limit-ranger";

/// What may differ between two templates that say the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    /// The kind of the owner, whose controller adds what its kind needs. A template is its own.
    pub owner: Option<Kind>,
    /// Containers may have got demands from a `LimitRange`.
    pub demands: bool,
}

impl Allowance {
    /// Whether a pod has demands that it was not created with.
    pub fn is_ranged(resource: &Resource) -> bool {
        resource.kind() == Kind::Pod && resource.annotation(LIMIT_RANGER).is_some()
    }

    fn is_of(self, kind: Kind) -> bool {
        self.owner == Some(kind)
    }
}

/// A number that two pod templates share if they say the same, but for what is allowed. The numbers
/// of one hasher can be compared; nobody outside can make two templates share one.
pub fn digest(workload: &Workload<'_>, allowance: Allowance, hasher: &RandomState) -> u64 {
    let name = if workload.kind() == Kind::Pod { workload.resource.name() } else { "" };
    let digest = Digest { hasher, allowance, name };
    let labels = workload.pod_labels().into_iter().flat_map(Value::entries);
    let labels = labels.filter(|label| !GIVEN_LABELS.contains(&label.key.raw()));
    let labels =
        labels.fold(0_u64, |sum, label| sum.wrapping_add(digest.entry(label.key.raw(), digest.value(label.value))));
    let spec = workload.pod_spec().map_or(0, |spec| digest.map(spec, |key, value| digest.of_spec(key, value)));
    hasher.hash_one((labels, spec))
}

struct Digest<'d> {
    hasher: &'d RandomState,
    allowance: Allowance,
    /// What the pod is called, if it is one.
    name: &'d str,
}

impl Digest<'_> {
    fn entry(&self, key: &str, value: u64) -> u64 {
        self.hasher.hash_one((key, value))
    }

    /// The digest of a value as it is. Maps say the same in any order.
    fn value(&self, value: Value<'_>) -> u64 {
        match value.kind() {
            NodeKind::Map => self.map(value, |_, value| Some(self.value(value))),
            NodeKind::Seq => self.list(value.items().map(|item| self.value(item))),
            kind => self.hasher.hash_one((kind, value.raw())),
        }
    }

    /// The digest of a map whose entries have these digests; those without one say nothing.
    fn map<'v>(&self, map: Value<'v>, of: impl Fn(&str, Value<'v>) -> Option<u64>) -> u64 {
        let of = |key: &str, value| of(key, value).map_or(0, |digest| self.entry(key, digest));
        map.entries().fold(0, |sum, entry| sum.wrapping_add(of(entry.key.raw(), entry.value)))
    }

    fn list(&self, items: impl Iterator<Item = u64>) -> u64 {
        items.fold(1, |before, item| self.hasher.hash_one((before, item)))
    }

    /// A list from which given items are taken away; nothing where none is left.
    fn list_without<'v>(
        &self,
        list: Value<'v>,
        is_given: impl Fn(Value<'v>) -> bool,
        of: impl Fn(Value<'v>) -> u64,
    ) -> Option<u64> {
        let mut items = list.items().filter(|&item| !is_given(item)).peekable();
        items.peek()?;
        Some(self.list(items.map(of)))
    }

    fn of_spec(&self, key: &str, value: Value<'_>) -> Option<u64> {
        let name = |item: Value<'_>| item.get("name").and_then(Value::str).unwrap_or_default().to_owned();
        match key {
            _ if GIVEN_FIELDS.contains(&key) || value.is_null() => None,
            // The defaults of pods that templates do not have.
            "enableServiceLinks" if value.bool() == Some(true) => None,
            "serviceAccountName" if value.str() == Some("default") => None,
            "tolerations" => self.list_without(value, is_given_toleration, |item| self.value(item)),
            // The controller of daemon sets turns the template's node affinity into one node's name.
            "affinity" if self.allowance.is_of(Kind::DaemonSet) => {
                let rest = self.map(value, |key, value| (key != "nodeAffinity").then(|| self.value(value)));
                (rest != 0).then_some(rest)
            }
            "volumes" => self.list_without(
                value,
                |item| name(item).starts_with(TOKEN_VOLUME) || self.is_claimed(item, &name(item)),
                |item| self.value(item),
            ),
            "containers" | "initContainers" => {
                Some(self.list(value.items().map(|item| self.map(item, |key, value| self.of_container(key, value)))))
            }
            "resources" => self.demand(value),
            _ => Some(self.value(value)),
        }
    }

    fn of_container(&self, key: &str, value: Value<'_>) -> Option<u64> {
        let is = |item: Value<'_>, key: &str, text: &str| item.get(key).and_then(Value::str) == Some(text);
        match key {
            "resizePolicy" => None,
            _ if value.is_null() => None,
            "resources" => self.demand(value),
            "volumeMounts" => {
                self.list_without(value, |item| is(item, "mountPath", TOKEN_PATH), |item| self.value(item))
            }
            "env" => self.list_without(
                value,
                |item| is(item, "name", "JOB_COMPLETION_INDEX") && self.allowance.is_of(Kind::Job),
                |item| self.value(item),
            ),
            // On the node's network, a port of the container is one of the node: the API server says so.
            "ports" => Some(self.list(value.items().map(|port| {
                let same = |host: Value<'_>| port.get("containerPort").is_some_and(|own| own.raw() == host.raw());
                self.map(port, |key, value| (key != "hostPort" || !same(value)).then(|| self.value(value)))
            }))),
            _ => Some(self.value(value)),
        }
    }

    /// Whether the controller of stateful sets made the volume, from a claim of the pod's own.
    fn is_claimed(&self, volume: Value<'_>, name: &str) -> bool {
        let claim = volume.at(&["persistentVolumeClaim", "claimName"]).and_then(Value::str);
        self.allowance.is_of(Kind::StatefulSet)
            && claim.and_then(|claim| claim.strip_prefix(name)?.strip_prefix('-')) == Some(self.name)
    }

    /// Requests that are missing are as high as the limits, which the API server writes into pods
    /// but not into templates.
    fn demand(&self, value: Value<'_>) -> Option<u64> {
        if self.allowance.demands {
            return None;
        }
        let requests = value.get("requests");
        let implied = value.get("limits").into_iter().flat_map(Value::entries);
        let implied = implied.filter(|limit| requests.and_then(|it| it.get(limit.key.raw())).is_none());
        let requests = requests.into_iter().flat_map(Value::entries).chain(implied);
        let requests = requests.fold(0_u64, |sum, it| sum.wrapping_add(self.entry(it.key.raw(), self.value(it.value))));
        let rest = self.map(value, |key, value| (key != "requests").then(|| self.value(value)));
        (requests != 0 || rest != 0).then(|| self.hasher.hash_one((requests, rest)))
    }
}

/// Whether admission or the controller of daemon sets adds the toleration.
fn is_given_toleration(toleration: Value<'_>) -> bool {
    toleration.get("key").and_then(Value::str).is_some_and(|key| key.starts_with("node.kubernetes.io/"))
}
