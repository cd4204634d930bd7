//! What would embarrass the rules of the checklist: defaults, wrong types, sidecars, Windows, empty
//! lists. Each case is a manifest and how many findings the rule has in it.

use hardline_core::rule::Rule;

use crate::support::{config, judgement, lines_of};

fn hold(rule: &str, cases: &[(&str, usize)]) {
    for (text, findings) in cases {
        assert_eq!(lines_of(rule, text).len(), *findings, "{rule}:\n{text}");
    }
}

/// Cases whose text is made from what differs.
fn hold_with(rule: &str, text: impl Fn(&str) -> String, cases: &[(&str, usize)]) {
    for (differs, findings) in cases {
        let text = text(differs);
        assert_eq!(lines_of(rule, &text).len(), *findings, "{rule}:\n{text}");
    }
}

/// A Pod with these fields in its spec.
fn pod(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: app, namespace: shop, labels: {{app: app}}}}\nspec: {{{spec}}}\n"
    )
}

/// A Pod whose main container has these fields.
fn container(fields: &str) -> String {
    pod(&format!("containers: [{{name: app, {fields}}}]"))
}

/// An object of a kind with these fields in its spec.
fn object(api_version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: app, namespace: shop}}\nspec: {{{spec}}}\n")
}

#[test]
fn ports() {
    hold_with(
        "container-port-privileged",
        container,
        &[
            ("ports: []", 0),
            ("ports: null", 0),
            ("ports: [{containerPort: 1024}]", 0),
            ("ports: [{containerPort: 0}, {containerPort: -1}, {containerPort: '80'}]", 0),
            ("ports: [{containerPort: 80}, {containerPort: 1023, protocol: UDP}]", 2),
        ],
    );
    hold_with(
        "container-port-ssh",
        container,
        &[
            ("ports: [{containerPort: 2222}]", 0),
            ("ports: [{containerPort: 22, protocol: UDP}]", 0),
            ("ports: [{containerPort: 22, protocol: TCP}, {containerPort: 22}]", 2),
        ],
    );
    let sidecar = "initContainers: [{name: agent, restartPolicy: Always, ports: [{containerPort: 22}]}]";
    hold_with("container-port-ssh", pod, &[(sidecar, 1), ("containers: {}", 0), ("", 0)]);
}

#[test]
fn images() {
    hold_with(
        "image-pull-stale",
        container,
        &[
            ("image: web, imagePullPolicy: IfNotPresent", 1),
            ("image: 'web:latest', imagePullPolicy: Never", 1),
            ("image: 'web:latest'", 0),
            ("image: 'web:latest', imagePullPolicy: null", 0),
            (
                "image: 'web:latest@sha256:888402a8cd6075c5dc83a31f58287f13306c318eaad016661ed12e076f3e6341', imagePullPolicy: IfNotPresent",
                0,
            ),
            ("image: 7, imagePullPolicy: IfNotPresent", 0),
            ("imagePullPolicy: IfNotPresent", 0),
        ],
    );
    hold_with(
        "image-registry-retired",
        container,
        &[
            ("image: k8s.gcr.io/pause:3.9", 1),
            ("image: registry.k8s.io/pause:3.9", 0),
            ("image: example.com/k8s.gcr.io/pause:3.9", 0),
            ("image: k8s.gcr.io.example.com/pause:3.9", 0),
            ("image: []", 0),
        ],
    );
    hold_with(
        "image-registry-forbidden",
        container,
        &[
            ("image: nginx", 1),
            ("image: registry.example.com/a/b:1", 0),
            ("image: registry.example.com.evil.org/a:1", 1),
            ("image: registry.example.com", 1),
            ("image: ghcr.io/example/a", 0),
            ("image: ghcr.io/example-2/a", 1),
            ("image: '{{ .Values.image }}'", 0),
            ("image: ''", 0),
        ],
    );
}

#[test]
fn variables() {
    hold_with(
        "variable-duplicate",
        container,
        &[
            ("env: [{name: A, value: '1'}, {name: a, value: '2'}]", 0),
            ("env: [{name: A, value: '1'}, {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", 1),
            ("env: [{name: A}, {name: A}, {name: A}]", 2),
            ("env: [{value: '1'}, {value: '2'}, null, 7]", 0),
        ],
    );
    hold_with(
        "variable-from-secret",
        container,
        &[
            ("env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b}}}], envFrom: [{secretRef: {name: a}}]", 1),
            ("envFrom: [{configMapRef: {name: a}}, {secretRef: {name: a}}]", 1),
            ("envFrom: [{configMapRef: {name: a}}]", 0),
            ("env: [{name: A, value: secretKeyRef}]", 0),
        ],
    );
    hold_with(
        "variable-holds-secret",
        container,
        &[
            ("env: [{name: PASSWORD, value: hunter2}]", 1),
            ("env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: a, key: b}}}]", 0),
            ("env: [{name: PASSWORD}]", 0),
            ("env: [{name: MAX_TOKENS, value: '4096'}]", 0),
            ("env: [{name: SECRET_PROVIDER, value: vault}]", 0),
            ("env: [{name: PASSWORD, value: $(DB_PASSWORD)}]", 0),
            ("env: [{name: [], value: hunter2}]", 0),
        ],
    );
    hold(
        "configmap-holds-secret",
        &[
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {password: hunter2, user: shop}", 1),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {app.properties: 'password=x'}", 0),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: null", 0),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [password]", 0),
            ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2}", 0),
        ],
    );
}

#[test]
fn jobs_and_cronjobs() {
    let job = |spec: &str| object("batch/v1", "Job", spec);
    hold_with(
        "job-never-removed",
        job,
        &[("ttlSecondsAfterFinished: 0", 0), ("ttlSecondsAfterFinished: null", 1), ("", 1)],
    );
    let owned = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, ownerReferences: [{kind: CronJob}]}\nspec: {}";
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, annotations: {helm.sh/hook: test}}\nspec: {}";
    hold("job-never-removed", &[(owned, 0), (hook, 0)]);
    let cronjob = |spec: &str| object("batch/v1", "CronJob", spec);
    hold_with("cronjob-deadline-missing", cronjob, &[("startingDeadlineSeconds: 60", 0), ("", 1)]);
    hold_with("cronjob-overlaps", cronjob, &[("concurrencyPolicy: Allow", 0), ("concurrencyPolicy: null", 1)]);
    hold_with(
        "cronjob-never-runs",
        cronjob,
        &[
            ("schedule: '@daily'", 0),
            ("schedule: '0 0 30 2 *'", 1),
            ("schedule: 'TZ=UTC 0 0 * * *'", 1),
            ("schedule: 5", 0),
            ("schedule: ''", 1),
            ("startingDeadlineSeconds: 9", 1),
            ("startingDeadlineSeconds: 10", 0),
            ("startingDeadlineSeconds: null", 0),
        ],
    );
    hold_with(
        "cronjob-hang-stops-schedule",
        cronjob,
        &[
            ("", 0),
            ("concurrencyPolicy: Replace", 0),
            ("concurrencyPolicy: Forbid", 1),
            ("concurrencyPolicy: Forbid, jobTemplate: {spec: {activeDeadlineSeconds: 60}}", 0),
            ("concurrencyPolicy: Forbid, jobTemplate: {spec: {template: {spec: {activeDeadlineSeconds: 60}}}}", 0),
        ],
    );
    hold_with(
        "cronjob-failures-forgotten",
        cronjob,
        &[
            ("", 0),
            ("failedJobsHistoryLimit: 1", 0),
            ("failedJobsHistoryLimit: null", 0),
            ("failedJobsHistoryLimit: '0'", 0),
            ("failedJobsHistoryLimit: 0", 1),
        ],
    );
}

#[test]
fn restart_policies() {
    for (kind, api_version, policy, findings) in [
        ("Deployment", "apps/v1", "", 0),
        ("Deployment", "apps/v1", "restartPolicy: null", 0),
        ("Deployment", "apps/v1", "restartPolicy: Never", 1),
        ("DaemonSet", "apps/v1", "restartPolicy: OnFailure", 1),
        ("Job", "batch/v1", "", 1),
        ("Job", "batch/v1", "restartPolicy: Never", 0),
    ] {
        let text = object(api_version, kind, &format!("template: {{spec: {{{policy}}}}}"));
        assert_eq!(lines_of("restart-policy-refused", &text).len(), findings, "{text}");
    }
    hold_with("restart-policy-refused", pod, &[("restartPolicy: Never", 0)]);
    hold("restart-policy-refused", &[(&object("apps/v1", "Deployment", "template: {}"), 0)]);
}

#[test]
fn bare_pods() {
    hold_with(
        "pod-bare",
        pod,
        &[("", 1), ("restartPolicy: Always", 1), ("restartPolicy: Never", 0), ("restartPolicy: OnFailure", 0)],
    );
    let with = |metadata: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, {metadata}}}\n");
    hold_with(
        "pod-bare",
        with,
        &[
            ("ownerReferences: []", 1),
            ("ownerReferences: [{kind: ReplicaSet}]", 0),
            ("annotations: {kubernetes.io/config.source: file}", 0),
            ("annotations: {helm.sh/hook: test}", 0),
        ],
    );
}

#[test]
fn accounts_and_namespaces() {
    hold_with(
        "service-account-default",
        pod,
        &[
            ("serviceAccountName: app", 0),
            ("serviceAccount: app", 0),
            ("serviceAccountName: ''", 1),
            ("serviceAccountName: default", 1),
        ],
    );
    hold_with(
        "service-account-field-deprecated",
        pod,
        &[("serviceAccount: app", 1), ("serviceAccount: app, serviceAccountName: app", 0), ("serviceAccount: null", 0)],
    );
    hold_with(
        "service-account-token-mounted",
        pod,
        &[
            ("containers: []", 1),
            ("automountServiceAccountToken: false", 0),
            ("serviceAccountName: app", 0),
            ("serviceAccountName: app, automountServiceAccountToken: true", 1),
            ("automountServiceAccountToken: 'false'", 1),
        ],
    );
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop}\nautomountServiceAccountToken: false\n---\n";
    hold("service-account-token-mounted", &[(&format!("{account}{}", pod("containers: []")), 0)]);
    let within = |namespace: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a, {namespace}}}\nspec: {{}}");
    hold_with("namespace-default", within, &[("namespace: default", 1), ("namespace: shop", 0), ("", 0)]);
}

#[test]
fn priorities() {
    hold_with(
        "priority-class-missing",
        pod,
        &[("priorityClassName: high", 0), ("priorityClassName: ''", 1), ("priority: 7", 1)],
    );
    hold("priority-class-missing", &[(&object("batch/v1", "Job", "template: {spec: {}}"), 0)]);
    let class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: business}\nvalue: 7\n---\n";
    let with = |spec: &str| format!("{class}{}", pod(spec));
    hold_with(
        "priority-class-unknown",
        with,
        &[
            ("priorityClassName: business", 0),
            ("priorityClassName: bussines", 1),
            ("priorityClassName: system-node-critical", 0),
            ("priorityClassName: elsewhere", 0),
            ("priorityClassName: ''", 0),
        ],
    );
}

#[test]
fn services_and_ingresses() {
    let service = |spec: &str| object("v1", "Service", spec);
    hold_with(
        "service-node-port",
        service,
        &[("type: NodePort", 1), ("type: LoadBalancer", 0), ("ports: [{nodePort: 30000}]", 0), ("type: null", 0)],
    );
    hold_with(
        "service-external-ips",
        service,
        &[("externalIPs: []", 0), ("externalIPs: null", 0), ("externalIPs: [192.0.2.1, 192.0.2.2]", 2)],
    );
    let ingress = |spec: &str| object("networking.k8s.io/v1", "Ingress", spec);
    hold_with("ingress-tls-missing", ingress, &[("tls: []", 1), ("tls: null", 1), ("tls: [{secretName: a}]", 0)]);
    let annotated = |annotations: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: a, annotations: {annotations}}}\nspec: {{}}"
        )
    };
    hold_with("ingress-tls-missing", annotated, &[("{networking.gke.io/managed-certificates: a}", 0), ("null", 1)]);
    hold_with(
        "ingress-snippet",
        annotated,
        &[
            ("{nginx.ingress.kubernetes.io/server-snippet: a, nginx.ingress.kubernetes.io/auth-snippet: b}", 2),
            ("{nginx.ingress.kubernetes.io/rewrite-target: /, example.com/a-snippet: b}", 0),
            ("[]", 0),
        ],
    );
}

#[test]
fn shutdowns() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: shop}\nspec: {selector: {app: app}}\n---\n";
    let headless = service.replace("spec: {", "spec: {clusterIP: None, ");
    let app = "containers: [{name: app}]";
    let stops = "initContainers: [{name: proxy, restartPolicy: Always, lifecycle: {preStop: {sleep: {seconds: 5}}}}], containers: [{name: app}]";
    hold(
        "shutdown-drops-requests",
        &[
            (&format!("{service}{}", pod(app)), 1),
            (&format!("{service}{}", pod(stops)), 0),
            (&format!("{headless}{}", pod(app)), 0),
            (&format!("{service}{}", pod("containers: []")), 0),
            (&pod(app), 0),
        ],
    );
}

#[test]
fn spreads_and_updates() {
    hold_with(
        "spread-selects-others",
        pod,
        &[
            ("topologySpreadConstraints: []", 0),
            ("topologySpreadConstraints: [{labelSelector: {}}]", 0),
            ("topologySpreadConstraints: [{labelSelector: {matchLabels: {app: app}}}]", 0),
            ("topologySpreadConstraints: [{labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}]", 0),
            ("topologySpreadConstraints: [{labelSelector: {matchLabels: {app: other}}}, {maxSkew: 1}]", 2),
        ],
    );
    let apart = |term: &str| {
        let spec =
            format!("affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}");
        let template = format!("template: {{metadata: {{labels: {{app: app}}}}, spec: {{{spec}}}}}");
        object("apps/v1", "Deployment", &format!("replicas: 2, {template}"))
    };
    hold_with(
        "replicas-not-spread",
        apart,
        &[
            ("{labelSelector: {matchLabels: {app: app}}}", 0),
            ("{labelSelector: {matchLabels: {app: app}}, namespaces: [shop, other]}", 0),
            ("{labelSelector: {matchLabels: {app: app}}, namespaces: []}", 0),
            ("{labelSelector: {matchLabels: {app: app}}, namespaces: [other]}", 1),
            ("{labelSelector: {matchLabels: {app: app}}, namespaces: [other], namespaceSelector: {}}", 0),
            ("{labelSelector: {matchLabels: {app: other}}}", 1),
            ("", 1),
        ],
    );
    let set = |spec: &str| object("apps/v1", "StatefulSet", spec);
    hold_with(
        "update-strategy-partial",
        set,
        &[
            ("updateStrategy: null", 0),
            ("updateStrategy: {rollingUpdate: {partition: 0}}", 0),
            ("updateStrategy: {rollingUpdate: {partition: 1}}", 1),
            ("updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}", 1),
            ("updateStrategy: {rollingUpdate: {partition: '1'}}", 0),
        ],
    );
    let budget = |spec: &str| object("policy/v1", "PodDisruptionBudget", spec);
    hold_with(
        "pdb-keeps-unhealthy",
        budget,
        &[("unhealthyPodEvictionPolicy: IfHealthyBudget", 0), ("unhealthyPodEvictionPolicy: null", 1)],
    );
}

#[test]
fn roles() {
    let role = |grant: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: a}}\nrules: [{{{grant}}}]"
        )
    };
    hold_with(
        "role-creates-pods",
        role,
        &[
            ("apiGroups: [''], resources: [pods], verbs: [create]", 1),
            ("apiGroups: ['*'], resources: [pods], verbs: ['*']", 1),
            ("apiGroups: [''], resources: [pods/log], verbs: [create]", 0),
            ("apiGroups: [''], resources: [pods], verbs: [get, list]", 0),
            ("apiGroups: [metrics.k8s.io], resources: [pods], verbs: [create]", 0),
            ("resources: [pods], verbs: [create]", 0),
        ],
    );
    hold_with(
        "role-manages-webhooks",
        role,
        &[
            (
                "apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [patch]",
                1,
            ),
            (
                "apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [patch], resourceNames: [own]",
                0,
            ),
            (
                "apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [watch]",
                0,
            ),
        ],
    );
    hold_with(
        "role-reaches-nodes",
        role,
        &[
            ("apiGroups: [''], resources: [nodes/proxy], verbs: [get]", 1),
            ("apiGroups: [''], resources: [nodes, nodes/metrics], verbs: [get]", 0),
            ("apiGroups: [''], resources: [nodes/proxy], verbs: []", 0),
        ],
    );
}

#[test]
fn webhooks() {
    let webhook = |fields: &str| {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {{name: a}}\nwebhooks: [{{{fields}}}]"
        )
    };
    let pods = "rules: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]";
    let blocks = |fields: &str| webhook(&format!("clientConfig: {{service: {{name: a}}}}, {pods}, {fields}"));
    hold_with(
        "webhook-blocks-cluster",
        blocks,
        &[
            ("name: a", 1),
            ("failurePolicy: null", 1),
            ("failurePolicy: Ignore", 0),
            ("namespaceSelector: {}", 1),
            ("objectSelector: {matchLabels: {guard: 'yes'}}", 0),
            ("matchConditions: []", 1),
        ],
    );
    hold_with(
        "webhook-blocks-cluster",
        webhook,
        &[
            (&format!("clientConfig: {{url: 'https://example.com'}}, {pods}"), 0),
            (
                "clientConfig: {service: {name: a}}, rules: [{apiGroups: [apps], resources: ['*'], operations: ['*']}]",
                0,
            ),
            (
                "clientConfig: {service: {name: a}}, rules: [{apiGroups: [''], resources: [pods], operations: [DELETE]}]",
                0,
            ),
        ],
    );
    hold_with(
        "webhook-timeout-long",
        webhook,
        &[("name: a", 0), ("timeoutSeconds: 10", 0), ("timeoutSeconds: 11", 1), ("timeoutSeconds: '30'", 0)],
    );
}

#[test]
fn owners_and_finalizers() {
    let metadata = |metadata: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: shop, {metadata}}}\n")
    };
    hold_with(
        "finalizer-unqualified",
        metadata,
        &[
            ("finalizers: []", 0),
            ("finalizers: [orphan, foregroundDeletion, kubernetes, example.com/a]", 0),
            ("finalizers: [a, 7, null, b]", 2),
        ],
    );
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n---\n";
    let owned = |references: &str| format!("{deployment}{}", metadata(&format!("ownerReferences: [{references}]")));
    hold_with(
        "owner-reference-broken",
        owned,
        &[
            ("{apiVersion: apps/v1, kind: Deployment, name: web}", 0),
            ("{apiVersion: apps/v1, kind: Deployment, name: wep}", 1),
            ("{apiVersion: apps/v1, kind: StatefulSet, name: db}", 0),
            ("{apiVersion: example.com/v1, kind: Cache, name: a}", 0),
            ("{apiVersion: v1, kind: Node, name: a}", 0),
            ("{controller: true}, {controller: true}, {controller: true}", 1),
            ("{}, null, 7", 0),
        ],
    );
}

#[test]
fn placements() {
    let deployment =
        |spec: &str| object("apps/v1", "Deployment", &format!("replicas: 2, template: {{spec: {{{spec}}}}}"));
    let affinity = |terms: &str| {
        deployment(&format!(
            "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{terms}]}}}}}}"
        ))
    };
    let term = |key: &str, operator: &str, values: &str| {
        format!("{{matchExpressions: [{{key: {key}, operator: {operator}, values: [{values}]}}]}}")
    };
    hold_with(
        "pod-pinned-to-node",
        deployment,
        &[
            ("nodeName: a", 1),
            ("nodeName: ''", 0),
            ("nodeSelector: {kubernetes.io/hostname: a}", 1),
            ("nodeSelector: {kubernetes.io/os: linux}", 0),
        ],
    );
    let host = term("kubernetes.io/hostname", "In", "a");
    hold_with(
        "pod-pinned-to-node",
        affinity,
        &[
            (&host, 1),
            (&format!("{host}, {host}"), 0),
            (&term("kubernetes.io/hostname", "NotIn", "a"), 0),
            (&term("kubernetes.io/hostname", "In", "a, b"), 0),
            (&term("kubernetes.io/hostname", "In", ""), 0),
        ],
    );
    hold("pod-pinned-to-node", &[(&pod("nodeName: a"), 0)]);
    let one = object("apps/v1", "Deployment", "template: {spec: {nodeSelector: {topology.kubernetes.io/zone: a}}}");
    hold("replicas-pinned-to-zone", &[(&one, 0), (&one.replace("template", "replicas: 2, template"), 1)]);
}

#[test]
fn liveness_of_the_front_page() {
    let service = |ports: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: app, namespace: shop}}\nspec: {{selector: {{app: app}}, ports: [{ports}]}}\n---\n"
        )
    };
    let app = |probe: &str| {
        container(&format!("ports: [{{name: http, containerPort: 8080}}], livenessProbe: {{httpGet: {{{probe}}}}}"))
    };
    for (ports, probe, findings) in [
        ("{port: 80, targetPort: http}", "port: http", 1),
        ("{port: 80, targetPort: http}", "path: /, port: 8080", 1),
        ("{port: 8080}", "port: 8080", 1),
        ("{port: 80, targetPort: 9090}", "port: 8080", 0),
        ("{port: 80, targetPort: http}", "path: /livez, port: http", 0),
        ("{port: 80, targetPort: http}", "port: http, host: 192.0.2.1", 0),
        ("{port: 80, targetPort: []}", "port: http", 0),
    ] {
        let text = format!("{}{}", service(ports), app(probe));
        assert_eq!(lines_of("probe-liveness-shares-traffic", &text).len(), findings, "{text}");
    }
}

#[test]
fn quotas_and_rollouts() {
    let quota = |hard: &str| {
        format!("apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: q, namespace: shop}}\nspec: {{{hard}}}\n---\n")
    };
    let deployment = |spec: &str| {
        object(
            "apps/v1",
            "Deployment",
            &format!(
                "{spec}, template: {{spec: {{containers: [{{name: app, resources: {{limits: {{memory: 1Gi}}}}}}]}}}}"
            ),
        )
    };
    let scaled = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: app, namespace: shop}\nspec: {minReplicas: 2, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}}\n";
    for (hard, spec, more, findings) in [
        ("hard: {requests.memory: 3Gi, limits.memory: 2Gi}", "replicas: 2", "", 1),
        ("hard: {requests.memory: 2Gi}", "replicas: 2, strategy: {rollingUpdate: {maxUnavailable: 1}}", "", 0),
        ("hard: {requests.memory: 2Gi}", "replicas: 2, strategy: {type: Recreate}", "", 0),
        (
            "hard: {requests.memory: 2Gi}",
            "replicas: 2, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}",
            "",
            0,
        ),
        ("hard: {memory: 4Gi}", "replicas: 4", "", 0),
        ("hard: {memory: 4Gi}", "replicas: 5", "", 1),
        ("hard: {memory: 4Gi}, scopes: [BestEffort]", "replicas: 5", "", 0),
        ("hard: {memory: 4Gi}, scopes: []", "replicas: 5", "", 1),
        ("hard: {pods: 2}", "replicas: 2", "", 1),
        ("hard: {pods: 3, requests.cpu: 1}", "replicas: 2", "", 0),
        ("hard: {pods: 8}", "replicas: 2", scaled, 1),
        ("hard: {pods: 9}", "replicas: 2", scaled, 0),
        ("hard: {pods: 9}", "replicas: 9223372036854775807", "", 1),
        ("hard: {pods: 0, memory: []}", "replicas: 0", "", 0),
        ("hard: null", "replicas: 5", "", 0),
    ] {
        let text = format!("{}{}{more}", quota(hard), deployment(spec));
        assert_eq!(lines_of("quota-blocks-rollout", &text).len(), findings, "{text}");
    }
    let set = object(
        "apps/v1",
        "StatefulSet",
        "template: {spec: {initContainers: [{name: a, resources: {requests: {memory: 3Gi}}}], containers: [{name: b, resources: {requests: {memory: 1Gi}}}]}}",
    );
    let rule = "quota-blocks-rollout";
    assert_eq!(lines_of(rule, &format!("{}{set}", quota("hard: {memory: 2Gi}"))).len(), 1, "an init container counts");
    assert_eq!(lines_of(rule, &format!("{}{set}", quota("hard: {memory: 3Gi}"))).len(), 0, "and is gone then");
}

#[test]
fn volumes_of_a_node() {
    let set = |claims: usize, replicas: usize, node: &str, class: &str| {
        let claim = |it| format!("{{metadata: {{name: v{it}}}, spec: {{storageClassName: {class}}}}}");
        let claims = (0..claims).map(claim).collect::<Vec<_>>().join(", ");
        format!(
            "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: ledger}}
spec:
  replicas: {replicas}
  template: {{spec: {{nodeSelector: {{{node}}}, containers: [{{name: a}}]}}}}
  volumeClaimTemplates: [{claims}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: fast}}
provisioner: ebs.csi.aws.com
"
        )
    };
    let here = "kubernetes.io/hostname: a";
    // By the provisioner, as nothing is set.
    let found = |text: &str| {
        let mut config = config();
        config.select = vec![Rule::find("volume-count-exceeds-node").unwrap()];
        judgement(text, &config).findings.len()
    };
    assert_eq!(found(&set(39, 3, "", "fast")), 0);
    assert_eq!(found(&set(40, 3, "", "fast")), 1, "no node takes a single pod");
    assert_eq!(found(&set(2, 19, here, "fast")), 0);
    assert_eq!(found(&set(2, 20, here, "fast")), 1, "40 volumes on one node");
    assert_eq!(found(&set(2, 20, "", "fast")), 0, "other nodes take other pods");
    assert_eq!(found(&set(400, 20, here, "slow")), 0, "nothing is known of the class");
    // By the setting, whatever the class.
    let text = |claims| set(claims, 1, "", "slow");
    hold("volume-count-exceeds-node", &[(&text(25), 0), (&text(26), 1)]);
}
