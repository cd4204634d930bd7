//! Where the rules and a linter's cases part, and who is right.

use super::cases::Case;

/// Some cases of a check that the rules judge otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// The linter.
    pub(crate) linter: &'static str,
    /// Its check.
    pub(crate) check: &'static str,
    /// What the names of the cases begin with; empty for all.
    pub(crate) cases: &'static str,
    /// Who is right.
    pub(crate) right: Right,
    /// Why.
    pub(crate) why: &'static str,
}

/// Who is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// The rule: the case contradicts Kubernetes.
    Rules,
    /// The linter: the rule misses something, or says too much.
    Linter,
    /// Both: they ask for different things.
    Both,
}

const fn of(
    linter: &'static str,
    check: &'static str,
    cases: &'static str,
    right: Right,
    why: &'static str,
) -> Disagreement {
    Disagreement { linter, check, cases, right, why }
}

/// All that are known, the first match counts.
pub(crate) static ALL: &[Disagreement] = &[
    of(
        "kube-linter",
        "access-to-create-pods",
        "",
        Right::Both,
        "the defect is reported at the role that grants the right, once, and not at each binding",
    ),
    of(
        "kube-linter",
        "access-to-secrets",
        "",
        Right::Both,
        "one namespace: the rule is about the Secrets of the whole cluster",
    ),
    of(
        "kube-linter",
        "drop-net-raw-capability",
        "",
        Right::Rules,
        "`capabilities` is null, so the container keeps the default set of its runtime, of which NET_RAW is part",
    ),
    of(
        "kube-linter",
        "hpa-minimum-three-replicas",
        "",
        Right::Both,
        "two pods survive the loss of one; the rule does not ask for three",
    ),
    of(
        "kube-linter",
        "minimum-three-replicas",
        "",
        Right::Both,
        "two pods survive the loss of one; the rule does not ask for three",
    ),
    of(
        "kube-linter",
        "job-ttl-seconds-after-finished",
        "",
        Right::Both,
        "a CronJob may set a time for its Jobs; the smaller of both limits counts",
    ),
    of(
        "kube-linter",
        "no-anti-affinity",
        "",
        Right::Linter,
        "the rule takes any anti-affinity for a spread, also one for the pods of other namespaces",
    ),
    of(
        "kube-linter",
        "no-readiness-probe",
        "",
        Right::Both,
        "no Service sends traffic to the pods, so that readiness changes nothing",
    ),
    of(
        "kube-linter",
        "no-rolling-update-strategy",
        "DeploymentConfig",
        Right::Linter,
        "the strategies of OpenShift are not known",
    ),
    of(
        "kube-linter",
        "pdb-min-available",
        "",
        Right::Rules,
        "the Deployment has no pod template: the API server refuses it, and the budget selects nothing",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "Pod ",
        Right::Rules,
        "a bare Pod may end; the API server takes any of the three policies",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "Job ",
        Right::Rules,
        "a Job takes `OnFailure` and `Never` alone (`validateJobSpec`)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "CronJob ",
        Right::Rules,
        "a CronJob takes `OnFailure` and `Never` alone (`validateJobSpec`)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "",
        Right::Rules,
        "a controller of pods that keep running takes `Always` alone (`ValidatePodTemplateSpecForReplicaSet`)",
    ),
    of(
        "kube-linter",
        "run-as-non-root",
        "",
        Right::Both,
        "group 0 is no root: OpenShift gives it to every container, and the Pod Security Standards allow it",
    ),
    of(
        "kube-linter",
        "wildcard-in-rules",
        "",
        Right::Both,
        "all verbs on one resource: the rule is about all resources",
    ),
    of(
        "polaris",
        "clusterrolePodExecAttach",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "clusterrolePodExecAttach",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "clusterrolebindingPodExecAttach",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "clusterrolebindingPodExecAttach",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolePodExecAttach",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolePodExecAttach",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterRolePodExecAttach",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingClusterRolePodExecAttach",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingRolePodExecAttach",
        "success.system_prefix",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "rolebindingRolePodExecAttach",
        "success.gce_calico",
        Right::Rules,
        "a name that begins with `system:` or `gce:` restricts nothing",
    ),
    of(
        "polaris",
        "automountServiceAccountToken",
        "",
        Right::Both,
        "the pod has an account of its own, which is taken to be meant",
    ),
    of(
        "polaris",
        "clusterrolePodExecAttach",
        "success.defaultclusterrole",
        Right::Both,
        "Kubernetes' own roles are exempt there by their names",
    ),
    of(
        "polaris",
        "clusterrolebindingPodExecAttach",
        "success.defaultclusterrole",
        Right::Both,
        "Kubernetes' own roles are exempt there by their names",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "failure.default_clusteradmin",
        Right::Both,
        "a person is bound, and people may be administrators",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "failure.default_clusteradmin",
        Right::Both,
        "a person is bound, and people may be administrators",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator",
    ),
    of(
        "polaris",
        "rolebindingRolePodExecAttach",
        "success.role_binding_cluster",
        Right::Both,
        "the defect is reported at the role that grants the right, once, and not at each binding",
    ),
    of(
        "polaris",
        "deploymentMissingReplicas",
        "",
        Right::Rules,
        "there is no such kind in `v1`: the API server refuses it, and `api-version-unknown` says so",
    ),
    of(
        "polaris",
        "runAsRootAllowed",
        "",
        Right::Rules,
        "there is no such kind in `v1`: the API server refuses it, and `api-version-unknown` says so",
    ),
    of(
        "polaris",
        "pdbDisruptionsIsZero",
        "",
        Right::Rules,
        "there is no such kind in `v1`: the API server refuses it, and `api-version-unknown` says so",
    ),
    of("polaris", "hpaMinAvailability", "", Right::Both, "reported at the workload, which the case does not hold"),
    of(
        "polaris",
        "insecureCapabilities",
        "",
        Right::Rules,
        "the restricted Pod Security Standard wants `ALL`, in capitals (`check_capabilities_restricted.go`)",
    ),
    of(
        "polaris",
        "missingNetworkPolicy",
        "success",
        Right::Both,
        "the rule asks for a default deny of the namespace, which holds for pods to come as well",
    ),
    of(
        "polaris",
        "missingPodDisruptionBudget",
        "",
        Right::Rules,
        "one pod: a budget would either block every drain or do nothing",
    ),
    of(
        "polaris",
        "pdbMinAvailableGreaterThanHPAMinReplicas",
        "",
        Right::Rules,
        "`minAvailable` of at least the number of pods allows no eviction: the drain of their node never ends",
    ),
    of(
        "polaris",
        "pullPolicyNotAlways",
        "",
        Right::Both,
        "the tag does not move, so that a node that has the image has the right one",
    ),
    of(
        "polaris",
        "readinessProbeMissing",
        "",
        Right::Both,
        "no Service sends traffic to the pod, so that readiness changes nothing",
    ),
    of("polaris", "topologySpreadConstraint", "", Right::Rules, "one pod cannot be spread"),
    of(
        "kyverno",
        "disallow-capabilities-strict",
        "",
        Right::Rules,
        "the case is written for one rule of the policy, and fails the other: it does not drop `ALL`",
    ),
    of(
        "kyverno",
        "disallow-default-namespace",
        "",
        Right::Both,
        "the case names no namespace: the rule leaves that to who applies it",
    ),
    of(
        "kyverno",
        "disallow-selinux",
        "",
        Right::Rules,
        "Kubernetes allows the type `container_engine_t` (`check_seLinuxOptions.go`)",
    ),
    of(
        "kyverno",
        "require-drop-cap-net-raw",
        "",
        Right::Both,
        "the rule asks for dropping `ALL`, as the restricted Pod Security Standard does",
    ),
];

/// The one that explains a case.
pub(crate) fn find(case: &Case) -> Option<&'static Disagreement> {
    ALL.iter()
        .find(|known| known.linter == case.linter && known.check == case.check && case.name.starts_with(known.cases))
}

/// The place of one among all.
pub(crate) fn position(disagreement: &Disagreement) -> usize {
    ALL.iter().position(|known| known == disagreement).unwrap_or_default()
}
