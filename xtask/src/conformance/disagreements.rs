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
        "drop-net-raw-capability",
        "",
        Right::Rules,
        "`capabilities` is null, so that the container keeps what its runtime gives by default, NET_RAW included (https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities)",
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
        "the Deployment has no pod template: the API server refuses it, and the budget selects nothing (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "Pod ",
        Right::Rules,
        "a bare Pod may end; the API server takes any of the three policies (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "Job ",
        Right::Rules,
        "a Job takes `OnFailure` and `Never` alone (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template, `validateJobSpec` in https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/batch/validation/validation.go)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "CronJob ",
        Right::Rules,
        "a Job takes `OnFailure` and `Never` alone (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template, `validateJobSpec` in https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/batch/validation/validation.go)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "",
        Right::Rules,
        "a controller of pods that keep running takes `Always` alone, which is the default (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template, https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/apps/validation/validation.go)",
    ),
    of(
        "polaris",
        "automountServiceAccountToken",
        "",
        Right::Both,
        "the pod has an account of its own, which is taken to be meant: Vault and its like ask for the token without a role in the cluster",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#workload-creation)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator of the namespace (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#workload-creation)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.explicit_apigroups",
        Right::Rules,
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator of the namespace (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#workload-creation)",
    ),
    of(
        "polaris",
        "pdbDisruptionsIsZero",
        "",
        Right::Rules,
        "there is no such kind in `v1`: the API server refuses it, and `api-version-unknown` says so; in `policy/v1`, `schema-value-invalid` finds the two fields that exclude each other",
    ),
    of(
        "polaris",
        "hpaMinAvailability",
        "",
        Right::Rules,
        "an autoscaler without `minReplicas` keeps one pod, as one with `minReplicas: 1` does, which the check refuses (`SetDefaults_HorizontalPodAutoscaler` in https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/autoscaling/v2/defaults.go)",
    ),
    of(
        "polaris",
        "insecureCapabilities",
        "success.all",
        Right::Rules,
        "the API server takes `All`, and the restricted Pod Security Standard refuses it: it wants `ALL` (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)",
    ),
    of(
        "polaris",
        "insecureCapabilities",
        "",
        Right::Both,
        "the check asks that seven capabilities are dropped, the rule for all, as the restricted Pod Security Standard does (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)",
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
        "`minAvailable: 2` of one pod: the budget never lets the pod go, and the drain of its node never ends (https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget)",
    ),
    of(
        "polaris",
        "pdbMinAvailableGreaterThanHPAMinReplicas",
        "",
        Right::Rules,
        "`minAvailable` of at least the number of pods allows no eviction: the drain of their node never ends (https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget)",
    ),
    of(
        "polaris",
        "pullPolicyNotAlways",
        "failure.deployment",
        Right::Both,
        "the tag is a version: a node that has the image has the right one, and `image-digest-missing` asks for proof in the critical profile",
    ),
    of(
        "polaris",
        "pullPolicyNotAlways",
        "",
        Right::Rules,
        "an image without a tag is pulled always, unless the policy says otherwise (`SetDefaults_Container` in https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/core/v1/defaults.go); `image-tag-latest` finds the tag",
    ),
    of(
        "polaris",
        "readinessProbeMissing",
        "",
        Right::Both,
        "readiness holds back traffic and rollouts, and a bare pod that no Service selects has neither (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#types-of-probe)",
    ),
    of(
        "polaris",
        "topologySpreadConstraint",
        "",
        Right::Rules,
        "the constraint counts pods with another label, and there is a single one: nothing is spread",
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
        "Kubernetes allows the type `container_engine_t` from 1.31 on (https://github.com/kubernetes/pod-security-admission/blob/v0.37.2/policy/check_seLinuxOptions.go)",
    ),
    of(
        "kyverno",
        "require-drop-cap-net-raw",
        "",
        Right::Both,
        "the rule asks for dropping `ALL`, as the restricted Pod Security Standard does (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)",
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
