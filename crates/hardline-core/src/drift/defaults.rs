//! What the API server fills in by itself: defaults by type and field, and what it allocates.
//!
//! The published API has few defaults; most are set by the `SetDefaults_*` functions of
//! `k8s.io/kubernetes/pkg/apis/*/v1/defaults.go`. Values of Kubernetes 1.37.

use serde_json::Value as Json;

use super::shape::{DefaultValue, Shape};
use crate::image::ImageReference;
use crate::tree::{NodeKind, Value};

/// A default as the table writes it: JSON.
type Default = (&'static str, &'static str, &'static [&'static str]);

/// Type, field, the values that it may get.
const DEFAULTS: &[Default] = &[
    ("AzureDiskVolumeSource", "cachingMode", &["\"ReadWrite\""]),
    ("AzureDiskVolumeSource", "fsType", &["\"ext4\""]),
    ("AzureDiskVolumeSource", "kind", &["\"Shared\""]),
    ("AzureDiskVolumeSource", "readOnly", &["false"]),
    ("ClientIPConfig", "timeoutSeconds", &["10800"]),
    ("ConfigMapVolumeSource", "defaultMode", &["420"]),
    ("Container", "terminationMessagePath", &["\"/dev/termination-log\""]),
    ("Container", "terminationMessagePolicy", &["\"File\""]),
    ("ContainerPort", "protocol", &["\"TCP\""]),
    ("CronJobSpec", "concurrencyPolicy", &["\"Allow\""]),
    ("CronJobSpec", "failedJobsHistoryLimit", &["1"]),
    ("CronJobSpec", "successfulJobsHistoryLimit", &["3"]),
    ("CronJobSpec", "suspend", &["false"]),
    ("CustomResourceConversion", "strategy", &["\"None\""]),
    ("DaemonSetSpec", "revisionHistoryLimit", &["10"]),
    ("DaemonSetUpdateStrategy", "type", &["\"RollingUpdate\""]),
    ("DeploymentSpec", "progressDeadlineSeconds", &["600"]),
    ("DeploymentSpec", "replicas", &["1"]),
    ("DeploymentSpec", "revisionHistoryLimit", &["10"]),
    ("DeploymentStrategy", "type", &["\"RollingUpdate\""]),
    ("DownwardAPIVolumeSource", "defaultMode", &["420"]),
    ("EndpointPort", "protocol", &["\"TCP\""]),
    ("EphemeralContainer", "terminationMessagePath", &["\"/dev/termination-log\""]),
    ("EphemeralContainer", "terminationMessagePolicy", &["\"File\""]),
    ("GRPCAction", "service", &["\"\""]),
    (
        "HPAScalingRules",
        "policies",
        &[
            r#"[{"periodSeconds":15,"type":"Percent","value":100}]"#,
            r#"[{"periodSeconds":15,"type":"Pods","value":4},{"periodSeconds":15,"type":"Percent","value":100}]"#,
        ],
    ),
    ("HPAScalingRules", "selectPolicy", &["\"Max\""]),
    ("HPAScalingRules", "stabilizationWindowSeconds", &["0"]),
    ("HTTPGetAction", "path", &["\"/\""]),
    ("HTTPGetAction", "scheme", &["\"HTTP\""]),
    (
        "HorizontalPodAutoscalerSpec",
        "metrics",
        &[r#"[{"resource":{"name":"cpu","target":{"averageUtilization":80,"type":"Utilization"}},"type":"Resource"}]"#],
    ),
    ("HorizontalPodAutoscalerSpec", "minReplicas", &["1"]),
    ("HostPathVolumeSource", "type", &["\"\""]),
    ("ISCSIPersistentVolumeSource", "iscsiInterface", &["\"default\""]),
    ("ISCSIVolumeSource", "iscsiInterface", &["\"default\""]),
    ("JobSpec", "backoffLimit", &["6"]),
    ("JobSpec", "completionMode", &["\"NonIndexed\""]),
    ("JobSpec", "completions", &["1"]),
    ("JobSpec", "manualSelector", &["false"]),
    ("JobSpec", "parallelism", &["1"]),
    ("JobSpec", "podReplacementPolicy", &["\"TerminatingOrFailed\"", "\"Failed\""]),
    ("JobSpec", "suspend", &["false"]),
    ("JobTemplateSpec", "metadata", &["{}"]),
    ("MatchResources", "matchPolicy", &["\"Equivalent\""]),
    ("MatchResources", "namespaceSelector", &["{}"]),
    ("MatchResources", "objectSelector", &["{}"]),
    ("MutatingWebhook", "failurePolicy", &["\"Fail\""]),
    ("MutatingWebhook", "matchPolicy", &["\"Equivalent\"", "\"Exact\""]),
    ("MutatingWebhook", "namespaceSelector", &["{}"]),
    ("MutatingWebhook", "objectSelector", &["{}"]),
    ("MutatingWebhook", "reinvocationPolicy", &["\"Never\""]),
    ("MutatingWebhook", "sideEffects", &["\"Unknown\""]),
    ("MutatingWebhook", "timeoutSeconds", &["10", "30"]),
    ("NamedRuleWithOperations", "scope", &["\"*\""]),
    ("NamespaceSpec", "finalizers", &["[\"kubernetes\"]"]),
    ("NetworkPolicyPort", "protocol", &["\"TCP\""]),
    ("ObjectFieldSelector", "apiVersion", &["\"v1\""]),
    ("ParamRef", "parameterNotFoundAction", &["\"Deny\""]),
    ("PersistentVolumeClaimSpec", "volumeMode", &["\"Filesystem\""]),
    ("PersistentVolumeClaimTemplate", "metadata", &["{}"]),
    ("PersistentVolumeSpec", "persistentVolumeReclaimPolicy", &["\"Retain\""]),
    ("PersistentVolumeSpec", "volumeMode", &["\"Filesystem\""]),
    ("PodDisruptionBudgetSpec", "minAvailable", &["1"]),
    ("PodFailurePolicyOnPodConditionsPattern", "status", &["\"True\""]),
    ("PodSpec", "dnsPolicy", &["\"ClusterFirst\""]),
    ("PodSpec", "enableServiceLinks", &["true"]),
    ("PodSpec", "preemptionPolicy", &["\"PreemptLowerPriority\""]),
    ("PodSpec", "priority", &["0"]),
    ("PodSpec", "restartPolicy", &["\"Always\""]),
    ("PodSpec", "schedulerName", &["\"default-scheduler\""]),
    ("PodSpec", "securityContext", &["{}"]),
    ("PodSpec", "terminationGracePeriodSeconds", &["30"]),
    ("PriorityClass", "preemptionPolicy", &["\"PreemptLowerPriority\""]),
    ("Probe", "failureThreshold", &["3"]),
    ("Probe", "periodSeconds", &["10"]),
    ("Probe", "successThreshold", &["1"]),
    ("Probe", "timeoutSeconds", &["1"]),
    ("ProjectedVolumeSource", "defaultMode", &["420"]),
    ("RBDPersistentVolumeSource", "keyring", &["\"/etc/ceph/keyring\""]),
    ("RBDPersistentVolumeSource", "pool", &["\"rbd\""]),
    ("RBDPersistentVolumeSource", "user", &["\"admin\""]),
    ("RBDVolumeSource", "keyring", &["\"/etc/ceph/keyring\""]),
    ("RBDVolumeSource", "pool", &["\"rbd\""]),
    ("RBDVolumeSource", "user", &["\"admin\""]),
    ("ReplicaSetSpec", "replicas", &["1"]),
    ("ReplicationControllerSpec", "replicas", &["1"]),
    ("ResourceFieldSelector", "divisor", &["\"0\""]),
    ("RoleRef", "apiGroup", &["\"rbac.authorization.k8s.io\""]),
    ("RollingUpdateDaemonSet", "maxSurge", &["0"]),
    ("RollingUpdateDaemonSet", "maxUnavailable", &["1"]),
    ("RollingUpdateDeployment", "maxSurge", &["\"25%\""]),
    ("RollingUpdateDeployment", "maxUnavailable", &["\"25%\""]),
    ("RollingUpdateStatefulSetStrategy", "maxUnavailable", &["1"]),
    ("RollingUpdateStatefulSetStrategy", "partition", &["0"]),
    ("RuleWithOperations", "scope", &["\"*\""]),
    ("ScaleIOPersistentVolumeSource", "fsType", &["\"xfs\""]),
    ("ScaleIOPersistentVolumeSource", "storageMode", &["\"ThinProvisioned\""]),
    ("ScaleIOVolumeSource", "fsType", &["\"xfs\""]),
    ("ScaleIOVolumeSource", "storageMode", &["\"ThinProvisioned\""]),
    ("Secret", "type", &["\"Opaque\""]),
    ("SecretVolumeSource", "defaultMode", &["420"]),
    ("ServiceAccountTokenProjection", "expirationSeconds", &["3600"]),
    ("ServicePort", "protocol", &["\"TCP\""]),
    ("ServiceReference", "port", &["443"]),
    ("ServiceSpec", "allocateLoadBalancerNodePorts", &["true"]),
    ("ServiceSpec", "externalTrafficPolicy", &["\"Cluster\""]),
    ("ServiceSpec", "internalTrafficPolicy", &["\"Cluster\""]),
    ("ServiceSpec", "ipFamilyPolicy", &["\"SingleStack\""]),
    ("ServiceSpec", "sessionAffinity", &["\"None\""]),
    ("ServiceSpec", "type", &["\"ClusterIP\""]),
    ("StatefulSetPersistentVolumeClaimRetentionPolicy", "whenDeleted", &["\"Retain\""]),
    ("StatefulSetPersistentVolumeClaimRetentionPolicy", "whenScaled", &["\"Retain\""]),
    ("StatefulSetSpec", "podManagementPolicy", &["\"OrderedReady\""]),
    ("StatefulSetSpec", "replicas", &["1"]),
    ("StatefulSetSpec", "revisionHistoryLimit", &["10"]),
    ("StatefulSetUpdateStrategy", "type", &["\"RollingUpdate\""]),
    ("StorageClass", "allowVolumeExpansion", &["false"]),
    ("StorageClass", "reclaimPolicy", &["\"Delete\""]),
    ("StorageClass", "volumeBindingMode", &["\"Immediate\""]),
    ("Subject", "apiGroup", &["\"rbac.authorization.k8s.io\"", "\"\""]),
    ("TopologySpreadConstraint", "nodeAffinityPolicy", &["\"Honor\""]),
    ("TopologySpreadConstraint", "nodeTaintsPolicy", &["\"Ignore\""]),
    ("ValidatingAdmissionPolicySpec", "failurePolicy", &["\"Fail\""]),
    ("ValidatingWebhook", "failurePolicy", &["\"Fail\""]),
    ("ValidatingWebhook", "matchPolicy", &["\"Equivalent\"", "\"Exact\""]),
    ("ValidatingWebhook", "namespaceSelector", &["{}"]),
    ("ValidatingWebhook", "objectSelector", &["{}"]),
    ("ValidatingWebhook", "sideEffects", &["\"Unknown\""]),
    ("ValidatingWebhook", "timeoutSeconds", &["10", "30"]),
    ("Volume", "emptyDir", &["{}"]),
];

/// What the API server, or a controller on its behalf, gives an object that asked for none: type
/// and field.
const ALLOCATED: &[(&str, &str)] = &[
    ("APIServiceSpec", "caBundle"),
    ("JobSpec", "selector"),
    ("PersistentVolumeClaimSpec", "storageClassName"),
    ("PersistentVolumeClaimSpec", "volumeName"),
    ("PersistentVolumeSpec", "claimRef"),
    ("PodSpec", "nodeName"),
    ("ServiceAccount", "imagePullSecrets"),
    ("ServiceAccount", "secrets"),
    ("ServicePort", "nodePort"),
    ("ServiceSpec", "clusterIP"),
    ("ServiceSpec", "clusterIPs"),
    ("ServiceSpec", "healthCheckNodePort"),
    ("ServiceSpec", "ipFamilies"),
    ("WebhookClientConfig", "caBundle"),
];

/// A field that only the observed object has, with what is beside it.
#[derive(Clone, Copy)]
pub(super) struct Extra<'a> {
    /// The shape of the map that it is in.
    pub(super) shape: Shape<'a>,
    /// That map as observed.
    pub(super) parent: Value<'a>,
    /// The field.
    pub(super) name: &'a str,
    /// Its value.
    pub(super) value: Value<'a>,
    /// Whether the pod that it is part of is on its node's network.
    pub(super) on_host_network: bool,
}

impl Extra<'_> {
    /// Whether the API server sets the field to this value where nobody does.
    pub(super) fn is_default(self) -> bool {
        let published = match self.shape.default_of(self.name) {
            Some(DefaultValue::Custom(default)) => default.to_json() == self.value.to_json(),
            Some(DefaultValue::Published(default)) => is_json(self.value, default),
            None => false,
        };
        published || self.is_zero() || self.is_set_default() || self.is_derived()
    }

    /// Whether the value is stored although it says nothing: some clients write it out.
    fn is_zero(self) -> bool {
        self.shape.drops_zero(self.name) && is_zero(self.value)
    }

    fn is_set_default(self) -> bool {
        let of = self.shape.type_name();
        let at = DEFAULTS.binary_search_by(|known| (known.0, known.1).cmp(&(of, self.name)));
        at.is_ok_and(|at| DEFAULTS[at].2.iter().any(|default| is_json(self.value, default)))
    }

    /// Whether the value follows from fields beside it.
    fn is_derived(self) -> bool {
        let beside = |name: &str| self.parent.get(name);
        let same = |name: &str| beside(name).is_some_and(|other| other.to_json() == self.value.to_json());
        match (self.shape.type_name(), self.name) {
            ("Container" | "EphemeralContainer", "imagePullPolicy") => {
                let image = beside("image").and_then(Value::str).map(ImageReference::parse);
                let always = image.and_then(Result::ok).and_then(|image| image.pulled_tag()) == Some("latest");
                self.value.str() == Some(if always { "Always" } else { "IfNotPresent" })
            }
            ("PodSpec", "serviceAccount") => same("serviceAccountName"),
            ("PodSpec", "serviceAccountName") => same("serviceAccount") || self.value.str() == Some("default"),
            ("ContainerPort", "hostPort") => self.on_host_network && same("containerPort"),
            ("ServicePort", "targetPort") => same("port"),
            ("NetworkPolicySpec", "policyTypes") => {
                let egress = beside("egress").is_some();
                is_json(self.value, if egress { r#"["Ingress","Egress"]"# } else { r#"["Ingress"]"# })
            }
            ("CustomResourceDefinitionNames", "singular" | "listKind") => {
                let kind = beside("kind").and_then(Value::str).unwrap_or_default();
                let text = self.value.str().unwrap_or_default();
                text == kind.to_lowercase() || text == format!("{kind}List")
            }
            _ => false,
        }
    }

    /// Whether the API server allocates the field's value.
    pub(super) fn is_allocated(self) -> bool {
        ALLOCATED.binary_search(&(self.shape.type_name(), self.name)).is_ok()
    }
}

/// Whether a field's value is one that the API server allocates.
pub(super) fn is_allocated(shape: Shape<'_>, name: &str) -> bool {
    ALLOCATED.binary_search(&(shape.type_name(), name)).is_ok()
}

/// `false`, `0` or `""`.
pub(super) fn is_zero(value: Value<'_>) -> bool {
    match value.kind() {
        NodeKind::Bool => value.bool() == Some(false),
        NodeKind::Int | NodeKind::Float => value.float() == Some(0.0),
        NodeKind::Str => value.raw().is_empty(),
        NodeKind::Null | NodeKind::Map | NodeKind::Seq => false,
    }
}

/// Whether a value is this JSON. Scalars are compared without parsing.
fn is_json(value: Value<'_>, json: &str) -> bool {
    match value.kind() {
        NodeKind::Str => json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) == Some(value.raw()),
        NodeKind::Int | NodeKind::Bool => json == value.raw(),
        NodeKind::Map if value.entries().next().is_none() => json == "{}",
        NodeKind::Map | NodeKind::Seq => serde_json::from_str::<Json>(json).is_ok_and(|json| json == value.to_json()),
        NodeKind::Null | NodeKind::Float => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_ordered_and_hold_json() {
        assert!(DEFAULTS.windows(2).all(|two| (two[0].0, two[0].1) < (two[1].0, two[1].1)));
        assert!(ALLOCATED.is_sorted());
        for (_, _, values) in DEFAULTS {
            assert!(values.iter().all(|value| serde_json::from_str::<Json>(value).is_ok()), "{values:?}");
        }
    }
}
