//! The kinds that hardline reads from a cluster: one list, for lists, watches, dumps and RBAC.
//!
//! Nothing else names what is read. A rule that needs a kind which is not here would never be
//! evaluated on a cluster; a test holds the list against all rules.

use std::collections::BTreeMap;

use hardline_core::resource::Kind;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// A kind that hardline reads from a cluster, and how much it keeps of its objects.
#[derive(Debug, PartialEq, Eq)]
pub struct ObservedKind {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version to ask for where the cluster serves it, else the one that it prefers.
    pub version: &'static str,
    /// The name in URLs and in RBAC.
    pub plural: &'static str,
    /// The name as in `kind:`.
    pub name: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Which fields of `status` are kept; all others are dropped.
    pub status: &'static [&'static str],
    /// What is left out beside the status.
    pub keep: Keep,
    /// Whether its objects may be owned by others of the list. Those are read first.
    pub owned: Owned,
}

/// How much is kept of an object, its `status` aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    All,
    /// The keys of its data, but no value: Secrets.
    Keys,
    /// A custom resource definition without its schemas, which may be megabytes.
    Definition,
}

/// Who may have made an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owned {
    /// People and tools, or controllers of kinds that are not read.
    ByNobody,
    /// Another workload: a replica set's owner is a deployment.
    ByWorkload,
    /// Any workload: a pod.
    ByAny,
}

const fn namespaced(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    name: &'static str,
) -> ObservedKind {
    ObservedKind {
        group,
        version,
        plural,
        name,
        namespaced: true,
        status: &[],
        keep: Keep::All,
        owned: Owned::ByNobody,
    }
}

const fn cluster_wide(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    name: &'static str,
) -> ObservedKind {
    ObservedKind { namespaced: false, ..namespaced(group, version, plural, name) }
}

impl ObservedKind {
    const fn with_status(self, status: &'static [&'static str]) -> Self {
        Self { status, ..self }
    }

    const fn keeping(self, keep: Keep) -> Self {
        Self { keep, ..self }
    }

    const fn owned(self, owned: Owned) -> Self {
        Self { owned, ..self }
    }

    /// What rules know the kind as; [`Kind::Other`] for those that they know by group and name.
    pub fn kind(&self) -> Kind {
        Kind::of(self.group, self.name)
    }

    /// The entry of the list for a group and a kind's name.
    pub fn find(group: &str, name: &str) -> Option<&'static Self> {
        OBSERVED.iter().find(|observed| observed.group == group && observed.name == name)
    }
}

/// Every kind that hardline reads.
pub const OBSERVED: &[ObservedKind] = &[
    cluster_wide("", "v1", "namespaces", "Namespace"),
    namespaced("apps", "v1", "deployments", "Deployment"),
    namespaced("apps", "v1", "statefulsets", "StatefulSet"),
    namespaced("apps", "v1", "daemonsets", "DaemonSet"),
    namespaced("apps", "v1", "replicasets", "ReplicaSet").owned(Owned::ByWorkload),
    namespaced("", "v1", "replicationcontrollers", "ReplicationController").owned(Owned::ByWorkload),
    namespaced("batch", "v1", "cronjobs", "CronJob"),
    namespaced("batch", "v1", "jobs", "Job").with_status(&["conditions"]).owned(Owned::ByWorkload),
    namespaced("", "v1", "podtemplates", "PodTemplate"),
    namespaced("", "v1", "pods", "Pod").with_status(&["phase", "podIP", "podIPs"]).owned(Owned::ByAny),
    namespaced("", "v1", "services", "Service"),
    namespaced("", "v1", "configmaps", "ConfigMap"),
    namespaced("", "v1", "secrets", "Secret").keeping(Keep::Keys),
    namespaced("", "v1", "serviceaccounts", "ServiceAccount"),
    namespaced("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    namespaced("", "v1", "resourcequotas", "ResourceQuota"),
    namespaced("", "v1", "limitranges", "LimitRange"),
    cluster_wide("", "v1", "nodes", "Node").with_status(&["addresses", "allocatable", "capacity"]),
    cluster_wide("storage.k8s.io", "v1", "storageclasses", "StorageClass"),
    cluster_wide("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass"),
    namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    namespaced("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    namespaced("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    namespaced("networking.k8s.io", "v1", "ingresses", "Ingress"),
    namespaced("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    cluster_wide("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole"),
    namespaced("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    cluster_wide("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding"),
    cluster_wide("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
        .keeping(Keep::Definition),
    cluster_wide(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
    ),
    cluster_wide("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
    cluster_wide("policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy"),
    cluster_wide("policy.networking.k8s.io", "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy"),
    cluster_wide("policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy"),
    // Policies of network plugins: that they exist is enough to claim nothing about who is reached.
    namespaced("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
    cluster_wide("cilium.io", "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"),
    namespaced("crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy"),
    cluster_wide("crd.projectcalico.org", "v1", "globalnetworkpolicies", "GlobalNetworkPolicy"),
    namespaced("crd.antrea.io", "v1beta1", "networkpolicies", "NetworkPolicy"),
    cluster_wide("crd.antrea.io", "v1beta1", "clusternetworkpolicies", "ClusterNetworkPolicy"),
    cluster_wide("networking.k8s.aws", "v1alpha1", "clusternetworkpolicies", "ClusterNetworkPolicy"),
    namespaced("networking.k8s.aws", "v1alpha1", "applicationnetworkpolicies", "ApplicationNetworkPolicy"),
    namespaced("k8s.cni.cncf.io", "v1beta1", "multi-networkpolicies", "MultiNetworkPolicy"),
    namespaced("k8s.ovn.org", "v1", "egressfirewalls", "EgressFirewall"),
    // Custom kinds that carry pod templates, and what scales them.
    namespaced("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
    namespaced("serving.knative.dev", "v1", "services", "Service"),
    namespaced("serving.knative.dev", "v1", "configurations", "Configuration").owned(Owned::ByWorkload),
    namespaced("apps.openshift.io", "v1", "deploymentconfigs", "DeploymentConfig"),
    namespaced("apps.kruise.io", "v1alpha1", "clonesets", "CloneSet"),
    namespaced("apps.kruise.io", "v1beta1", "statefulsets", "StatefulSet"),
    namespaced("apps.kruise.io", "v1alpha1", "daemonsets", "DaemonSet"),
    namespaced("hardline.dev", "v1alpha1", "breakglasses", "BreakGlass"),
    namespaced("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"),
];

/// What a cluster role must permit so that all of the list can be read and watched.
pub fn rbac() -> Vec<PolicyRule> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for observed in OBSERVED {
        groups.entry(observed.group).or_default().push(observed.plural.to_owned());
    }
    let rule = |(group, mut resources): (&str, Vec<String>)| {
        resources.sort_unstable();
        PolicyRule {
            api_groups: Some(vec![group.to_owned()]),
            resources: Some(resources),
            verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
            ..PolicyRule::default()
        }
    };
    groups.into_iter().map(rule).collect()
}
