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
        "the defect is reported at the role that grants the right, once, and not at each binding (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#workload-creation)",
    ),
    of(
        "kube-linter",
        "access-to-secrets",
        "",
        Right::Both,
        "one namespace: the rule is about the Secrets of the whole cluster (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#listing-secrets)",
    ),
    of(
        "kube-linter",
        "drop-net-raw-capability",
        "",
        Right::Rules,
        "`capabilities` is null, so the container keeps the default set of its runtime, of which NET_RAW is part (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-capabilities-for-a-container)",
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
        "a CronJob may set a time for its Jobs; the smaller of both limits counts (https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/)",
    ),
    of(
        "kube-linter",
        "no-readiness-probe",
        "",
        Right::Both,
        "the rule is about traffic: no Service sends any to the pods, so that readiness counts in rollouts alone (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#types-of-probe)",
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
        "a Job takes `OnFailure` and `Never` alone (`validateJobSpec`) (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "CronJob ",
        Right::Rules,
        "a CronJob takes `OnFailure` and `Never` alone (`validateJobSpec`) (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template)",
    ),
    of(
        "kube-linter",
        "restart-policy",
        "",
        Right::Rules,
        "a controller of pods that keep running takes `Always` alone, which is the default (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template)",
    ),
    of(
        "kube-linter",
        "run-as-non-root",
        "",
        Right::Both,
        "the check also asks for a group other than 0, which no Pod Security Standard does; OpenShift gives that group to every container (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)",
    ),
    of(
        "kube-linter",
        "wildcard-in-rules",
        "",
        Right::Both,
        "all verbs on one resource: the rule is about wildcards for resources, which grow with every new kind (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege)",
    ),
    of(
        "polaris",
        "clusterrolePodExecAttach",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "clusterrolePodExecAttach",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "clusterrolebindingClusterAdmin",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "clusterrolebindingPodExecAttach",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "clusterrolebindingPodExecAttach",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolePodExecAttach",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolePodExecAttach",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminClusterRole",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterAdminRole",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterRolePodExecAttach",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingClusterRolePodExecAttach",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingRolePodExecAttach",
        "success.system_prefix",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "rolebindingRolePodExecAttach",
        "success.gce_calico",
        Right::Both,
        "the check leaves out, by the first letters of its name, what is taken to be Kubernetes' own; any role may have such a name (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings)",
    ),
    of(
        "polaris",
        "automountServiceAccountToken",
        "",
        Right::Both,
        "the pod has an account of its own, which is taken to be meant (https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting)",
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
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege)",
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
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege)",
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
        "every verb on every resource of the core group is every Secret and every pod: nothing is missing to be administrator (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege)",
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
        Right::Both,
        "one pod: Kubernetes names both ways, no budget and one that is lifted by hand; the rule takes the first (https://kubernetes.io/docs/tasks/run-application/configure-pdb/#think-about-how-your-application-reacts-to-disruptions)",
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
        "",
        Right::Both,
        "the tag does not move, so that a node that has the image has the right one (https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy)",
    ),
    of(
        "polaris",
        "readinessProbeMissing",
        "",
        Right::Both,
        "the rule is about traffic: no Service sends any to the pod, and a bare pod has no rollout (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#types-of-probe)",
    ),
    of(
        "polaris",
        "topologySpreadConstraint",
        "",
        Right::Both,
        "one pod: the check asks for constraints whatever the count, the rule from two pods on",
    ),
    of(
        "kyverno",
        "disallow-capabilities-strict",
        "",
        Right::Rules,
        "the case is written for one rule of the policy, and fails the other: it does not drop `ALL` (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)",
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
        "Kubernetes allows the type `container_engine_t` (`check_seLinuxOptions.go`) (https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline)",
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
