//! What holds wherever objects are judged as they are admitted: by the webhook, by the policies that
//! the API server enforces itself, and by what registers either.

/// The label on a namespace that says how much findings may do there: `deny`, `warn`, `audit` or
/// `off`. On an object it can only make them do more.
pub const ENFORCEMENT_LABEL: &str = "hardline.dev/enforcement";

/// The namespaces that are never judged: the cluster must be able to start without hardline.
pub const SYSTEM_NAMESPACES: [&str; 2] = ["kube-node-lease", "kube-system"];

/// The controllers of Kubernetes that make objects from templates which were judged already, by
/// their service accounts in `kube-system`.
///
/// <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go>
pub const TEMPLATE_CONTROLLERS: [&str; 7] = [
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "job-controller",
    "replicaset-controller",
    "replication-controller",
    "statefulset-controller",
];
