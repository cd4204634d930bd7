//! What is applied to a cluster so that hardline runs in it.
//!
//! One list of objects: printed as plain YAML, and written as the Helm chart with placeholders for
//! what its values say. Everything that the server fills in later, it fills into objects of this list,
//! so that removing the list removes all of it.

mod break_glass;
mod drift;

use hardline_cluster::kinds;
use hardline_core::cel::wall::{self, Acts, Origin};
use hardline_core::config::Config;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value as Json, json};

use crate::policy_report;

/// What everything is called.
pub const NAME: &str = "hardline";

/// The namespace to install into, unless somebody wants another.
pub const NAMESPACE: &str = "hardline-system";

/// The Secret of the server's own authority.
pub const SECRET: &str = "hardline-tls";

/// The path that reviews are sent to.
pub const PATH: &str = "/admit";

/// The port of reviews, over TLS.
const ADMISSION_PORT: u16 = 8443;

/// The port of probes and metrics.
const PROBES_PORT: u16 = 8080;

/// The port of the dashboard, which only `kubectl port-forward` reaches.
const DASHBOARD_PORT: u16 = 7357;

/// Seconds for which a pod that is to go serves on before its server is told, so that nobody sends to
/// it any more.
const STOP_DELAY: u16 = 10;

/// Where the history lies, for as long as the pod does.
const HISTORY: &str = "/var/lib/hardline";

/// Where the configuration lies.
const CONFIGURATION: &str = "/etc/hardline/configuration";

/// The annotation that holds it.
const CONFIGURATION_ANNOTATION: &str = "hardline.dev/configuration";

/// Where a mounted certificate lies.
const CERTIFICATES: &str = "/etc/hardline/tls";

/// What is installed. Text may be a placeholder that somebody fills in later.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace.
    pub namespace: String,
    /// The image of hardline, by its digest.
    pub image: String,
    /// The profile where no label chooses another.
    pub profile: String,
    /// How much findings may do where no label says so.
    pub enforcement: String,
    /// What becomes of requests that are not answered: `ignore` or `fail`.
    pub failure: String,
    /// A Secret of the type `kubernetes.io/tls`, with `ca.crt`, that somebody else keeps fresh;
    /// `None` for an own authority.
    pub certificates: Option<String>,
    /// The text of `hardline.yaml`.
    pub configuration: String,
    /// How long a break-glass grant lasts at most, as CEL writes a duration: `4h`.
    pub longest_grant: String,
    /// Whether it looks for drift: `true` or `false`.
    pub drift: String,
}

impl Options {
    /// The second wall for this installation.
    pub fn wall(&self, config: &Config, origin: Origin, acts: Acts) -> Vec<Json> {
        let options = wall::Options {
            profile: self.profile.clone(),
            enforcement: self.enforcement.clone(),
            own_namespace: self.namespace.clone(),
            origin,
            acts,
        };
        wall::objects(config, &options)
    }

    /// What it may do beside that where it looks for drift.
    pub fn drift(&self) -> Vec<Json> {
        drift::objects(&self.namespace)
    }

    /// The namespace itself, with what bounds the pods in it.
    pub fn namespace(&self) -> Vec<Json> {
        let labels = json!({
            "app.kubernetes.io/name": NAME,
            "pod-security.kubernetes.io/enforce": "restricted",
        });
        vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}),
            json!({
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": self.metadata(),
                "spec": {"hard": {"limits.memory": "2Gi", "pods": "8", "requests.cpu": "4", "requests.memory": "2Gi"}},
            }),
            json!({
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": self.metadata(),
                "spec": {"limits": [{
                    "type": "Container",
                    "default": {"memory": "256Mi"},
                    "defaultRequest": {"cpu": "500m", "memory": "256Mi"},
                }]},
            }),
        ]
    }

    /// The objects in the order in which they are applied, the namespace left out.
    pub fn objects(&self) -> Vec<Json> {
        let mut objects = vec![self.object("v1", "ServiceAccount", json!({}))];
        if self.certificates.is_none() {
            objects.push(json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": SECRET, "namespace": self.namespace, "labels": labels()},
                "type": "Opaque",
            }));
        }
        objects.extend(break_glass::objects(&self.longest_grant));
        objects.extend(self.access());
        objects.extend(self.network());
        objects.push(self.deployment());
        objects.push(self.object(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels()},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }}),
        ));
        objects.push(self.object(
            "v1",
            "Service",
            json!({"spec": {
                "selector": labels(),
                "ports": [
                    {"name": "admission", "port": 443, "targetPort": "admission"},
                    {"name": "metrics", "port": PROBES_PORT, "targetPort": "metrics"},
                ],
            }}),
        ));
        // Without webhooks: the server registers them after it has called itself.
        objects.push(json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": NAME, "labels": labels()},
        }));
        objects
    }

    fn metadata(&self) -> Json {
        json!({"name": NAME, "namespace": self.namespace, "labels": labels()})
    }

    fn object(&self, api_version: &str, kind: &str, rest: Json) -> Json {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": self.metadata()});
        if let (Some(object), Json::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(rest);
        }
        object
    }

    /// Who the server is, and what it may do.
    fn access(&self) -> Vec<Json> {
        let named = |group: &str, resource: &str, name: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": verbs});
        let mut rules: Vec<Json> = reads().into_iter().map(|rule| json!(rule)).collect();
        rules.push(named("admissionregistration.k8s.io", "validatingwebhookconfigurations", NAME, &["patch"]));
        rules.push(json!({"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}));
        // Whom the dashboard shows what.
        for (group, resource) in
            [("authentication.k8s.io", "tokenreviews"), ("authorization.k8s.io", "subjectaccessreviews")]
        {
            rules.push(json!({"apiGroups": [group], "resources": [resource], "verbs": ["create"]}));
        }
        for form in &policy_report::FORMS {
            let resources = [form.namespaced.1, form.cluster_wide.1];
            let verbs = ["list", "create", "patch", "delete"];
            rules.push(json!({"apiGroups": [form.group], "resources": resources, "verbs": verbs}));
        }
        let mut own = vec![
            // A name cannot bound what is created.
            json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]}),
            named("coordination.k8s.io", "leases", NAME, &["get", "update"]),
        ];
        if self.certificates.is_none() {
            own.push(named("", "secrets", SECRET, &["get", "update"]));
        }
        let bind = |role: &str| {
            json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": NAME},
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": self.namespace}],
            })
        };
        let version = "rbac.authorization.k8s.io/v1";
        let wide = |kind: &str, rest: Json| {
            let mut object = self.object(version, kind, rest);
            object["metadata"] = json!({"name": NAME, "labels": labels()});
            object
        };
        vec![
            wide("ClusterRole", json!({"rules": rules})),
            wide("ClusterRoleBinding", bind("ClusterRole")),
            self.object(version, "Role", json!({"rules": own})),
            self.object(version, "RoleBinding", bind("Role")),
        ]
    }

    /// Who may speak with the server, and with whom it speaks.
    fn network(&self) -> Vec<Json> {
        let tcp = |port: u16| json!({"protocol": "TCP", "port": port});
        let name =
            |suffix: &str| json!({"name": format!("{NAME}-{suffix}"), "namespace": self.namespace, "labels": labels()});
        let version = "networking.k8s.io/v1";
        let monitoring = json!({"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}});
        let dns = json!({"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}});
        let server = json!({
            "apiVersion": version,
            "kind": "NetworkPolicy",
            "metadata": name("server"),
            "spec": {
                "podSelector": {"matchLabels": labels()},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    // The API server calls from outside of the network of pods.
                    {"ports": [tcp(ADMISSION_PORT)]},
                    {"ports": [tcp(PROBES_PORT)], "from": [{"namespaceSelector": monitoring}]},
                ],
                "egress": [
                    {
                        "ports": [{"protocol": "UDP", "port": 53}, tcp(53)],
                        "to": [{"namespaceSelector": dns}],
                    },
                    // The API server, by its Service or by itself.
                    {"ports": [tcp(443), tcp(6443)]},
                    {"ports": [tcp(ADMISSION_PORT)], "to": [{"podSelector": {"matchLabels": labels()}}]},
                ],
            },
        });
        vec![
            json!({
                "apiVersion": version,
                "kind": "NetworkPolicy",
                "metadata": name("default-deny"),
                "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            }),
            exempt(server, "network-egress-anywhere", "where the API server is differs from cluster to cluster"),
        ]
    }

    fn deployment(&self) -> Json {
        let source = match &self.certificates {
            Some(_) => format!("--certificates={CERTIFICATES}"),
            None => format!("--certificate-secret={SECRET}"),
        };
        let arguments = json!([
            "serve",
            format!("--listen=:{ADMISSION_PORT}"),
            format!("--probes=:{PROBES_PORT}"),
            format!("--dashboard=127.0.0.1:{DASHBOARD_PORT}"),
            format!("--profile={}", self.profile),
            format!("--enforcement={}", self.enforcement),
            format!("--failure-policy={}", self.failure),
            format!("--drift={}", self.drift),
            "--reports",
            "--events",
            format!("--history={HISTORY}/history.db"),
            format!("--config={CONFIGURATION}/hardline.yaml"),
            source,
        ]);
        let probe = |path: &str| json!({"httpGet": {"path": path, "port": "metrics"}});
        let with = |mut probe: Json, fields: Json| {
            if let (Some(probe), Json::Object(fields)) = (probe.as_object_mut(), fields) {
                probe.extend(fields);
            }
            probe
        };
        let amounts = json!({"cpu": "500m", "memory": "256Mi"});
        let mut container = json!({
            "name": NAME,
            "image": self.image,
            "args": arguments,
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            ],
            "ports": [
                {"name": "admission", "containerPort": ADMISSION_PORT},
                {"name": "metrics", "containerPort": PROBES_PORT},
            ],
            "readinessProbe": with(probe("/readyz"), json!({"periodSeconds": 2, "failureThreshold": 1})),
            "livenessProbe": with(probe("/healthz"), json!({"failureThreshold": 6, "timeoutSeconds": 5})),
            "startupProbe": with(probe("/healthz"), json!({"periodSeconds": 2, "failureThreshold": 60})),
            "lifecycle": {"preStop": {"sleep": {"seconds": STOP_DELAY}}},
            "resources": {"requests": amounts, "limits": amounts},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            },
        });
        let spread = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(|key| {
            json!({
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels()},
            })
        });
        let mut pod = json!({
            "serviceAccountName": NAME,
            "priorityClassName": "system-cluster-critical",
            "terminationGracePeriodSeconds": 4 * STOP_DELAY,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": spread,
        });
        let held = json!({"fieldPath": format!("metadata.annotations['{CONFIGURATION_ANNOTATION}']")});
        let mut mounts = vec![
            json!({"name": "configuration", "mountPath": CONFIGURATION, "readOnly": true}),
            json!({"name": "history", "mountPath": HISTORY}),
        ];
        let mut volumes = vec![
            json!({
                "name": "configuration",
                "downwardAPI": {"items": [{"path": "hardline.yaml", "fieldRef": held}]},
            }),
            json!({"name": "history", "emptyDir": {"sizeLimit": "1Gi"}}),
        ];
        if let Some(secret) = &self.certificates {
            mounts.push(json!({"name": "tls", "mountPath": CERTIFICATES, "readOnly": true}));
            volumes.push(json!({"name": "tls", "secret": {"secretName": secret}}));
        }
        (container["volumeMounts"], pod["volumes"]) = (json!(mounts), json!(volumes));
        pod["containers"] = json!([container]);
        // In an annotation of the pods, so that another configuration is rolled out like another image.
        let metadata = json!({"labels": labels(), "annotations": {CONFIGURATION_ANNOTATION: self.configuration}});
        let deployment = self.object(
            "apps/v1",
            "Deployment",
            json!({"spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels()},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {"metadata": metadata, "spec": pod},
            }}),
        );
        exempt(deployment, "cpu-limit-throttles", "half a core answers a thousand reviews a second")
    }
}

/// An object with its exemption from a rule that does not suit it.
fn exempt(mut object: Json, rule: &str, reason: &str) -> Json {
    object["metadata"]["annotations"] = json!({format!("exempt.hardline.dev/{rule}"): reason});
    object
}

fn labels() -> Json {
    json!({"app.kubernetes.io/name": NAME})
}

/// What the server reads: the list of what hardline knows, but not Secrets. Rules that ask for one say
/// so; a server that everybody trusts is the last that should hold all of them.
fn reads() -> Vec<PolicyRule> {
    let mut rules = kinds::rbac();
    for rule in &mut rules {
        if let Some(resources) = &mut rule.resources {
            resources.retain(|resource| resource != "secrets");
        }
    }
    rules
}
