//! A release that real Helm installs, changed by hand in every way.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hardline_controlplane::ControlPlane;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::run::{hardline, run};

mod detector;
mod exact;
mod fresh;
mod page;
mod sources;

const NAMESPACE: &str = "drift";

/// The templates of the chart. `steady` is what is changed in ways that are no drift.
const TEMPLATE: &str = r"
{{- range list `web` `api` `batch` `steady` }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ . }}, labels: {app: {{ . }}, tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: {{ . }}}}
  template:
    metadata: {labels: {app: {{ . }}}}
    spec:
      serviceAccountName: web
      containers:
        - name: app
          image: registry.example.com/{{ . }}:1.2.2
          env: [{name: LOG, value: info}, {name: MODE, value: prod}]
          ports: [{name: http, containerPort: 8080}]
          resources:
            requests: {cpu: 1000m, memory: 1024Mi}
            limits: {memory: 1024Mi}
          readinessProbe: {httpGet: {path: /ready, port: http}}
          securityContext: {allowPrivilegeEscalation: false}
{{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {a: '1', b: '2', c: '3'}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: first, token: {{ randAlphaNum 16 | quote }}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8080}]}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: gone}
spec: {minAvailable: 1, selector: {matchLabels: {app: api}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: steady}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: steady}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: 0 3 * * *
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: report, image: 'registry.example.com/report:1.0.0'}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]
";

/// A template that each chart has: a service of one pod.
const LONE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: lone}
spec:
  replicas: 1
  selector: {matchLabels: {app: lone}}
  template:
    metadata: {labels: {app: lone}}
    spec: {containers: [{name: app, image: 'registry.example.com/lone:1.0.0'}]}
";

/// What is done by kubectl, in words without blanks, and what is to be found: object, path, class,
/// and the field manager where Kubernetes keeps it.
const EDITS: &[(&str, &[&str])] = &[
    (
        "set image deployment/web app=registry.example.com/web:debug",
        &["Deployment web spec.template.spec.containers[name=app].image changed kubectl-set"],
    ),
    (
        "set env deployment/web ADDED=1",
        &["Deployment web spec.template.spec.containers[name=app].env[name=ADDED] added kubectl-set"],
    ),
    (
        "set env deployment/web MODE-",
        &["Deployment web spec.template.spec.containers[name=app].env[name=MODE] removed"],
    ),
    ("scale deployment/api --replicas=4", &["Deployment api spec.replicas changed kubectl"]),
    ("label deployment/web owner=me", &["Deployment web metadata.labels.owner added kubectl-label"]),
    ("label deployment/web tier=back --overwrite", &["Deployment web metadata.labels.tier changed kubectl-label"]),
    ("label deployment/api tier-", &["Deployment api metadata.labels.tier removed"]),
    ("annotate deployment/web note=x", &["Deployment web metadata.annotations.note added kubectl-annotate"]),
    (
        "patch deployment/api --type=json -p [{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0/resources/limits/memory\"}]",
        &["Deployment api spec.template.spec.containers[name=app].resources.limits removed"],
    ),
    (
        "patch deployment/api --type=json -p [{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0/readinessProbe\"}]",
        &["Deployment api spec.template.spec.containers[name=app].readinessProbe removed"],
    ),
    (
        "patch deployment/web -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"readinessProbe\":{\"httpGet\":{\"path\":\"/\"}}}]}}}}",
        &["Deployment web spec.template.spec.containers[name=app].readinessProbe.httpGet.path changed kubectl-patch"],
    ),
    (
        "patch deployment/web -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"securityContext\":{\"allowPrivilegeEscalation\":true,\"privileged\":true}}]}}}}",
        &[
            "Deployment web spec.template.spec.containers[name=app].securityContext.allowPrivilegeEscalation changed kubectl-patch",
            "Deployment web spec.template.spec.containers[name=app].securityContext.privileged added kubectl-patch",
        ],
    ),
    (
        "patch deployment/web -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"debug\",\"image\":\"busybox\"}]}}}}",
        &["Deployment web spec.template.spec.containers[name=debug] added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"template\":{\"spec\":{\"hostNetwork\":true}}}}",
        &["Deployment batch spec.template.spec.hostNetwork added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"template\":{\"spec\":{\"terminationGracePeriodSeconds\":300}}}}",
        &["Deployment batch spec.template.spec.terminationGracePeriodSeconds added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"}}}}}",
        &["Deployment batch spec.template.spec.nodeSelector added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"template\":{\"spec\":{\"tolerations\":[{\"operator\":\"Exists\"}]}}}}",
        &["Deployment batch spec.template.spec.tolerations added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"template\":{\"spec\":{\"volumes\":[{\"name\":\"tmp\",\"emptyDir\":{}}]}}}}",
        &["Deployment batch spec.template.spec.volumes added kubectl-patch"],
    ),
    (
        "patch deployment/batch -p {\"spec\":{\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":null}}}",
        &["Deployment batch spec.strategy.type added kubectl-patch"],
    ),
    (
        "set resources deployment/batch --limits=memory=2Gi",
        &["Deployment batch spec.template.spec.containers[name=app].resources.limits.memory changed kubectl-set"],
    ),
    (
        "set image deployment/lone app=registry.example.com/lone:debug",
        &["Deployment lone spec.template.spec.containers[name=app].image changed kubectl-set"],
    ),
    ("patch service/web -p {\"spec\":{\"type\":\"NodePort\"}}", &["Service web spec.type added kubectl-patch"]),
    (
        "patch service/web -p {\"spec\":{\"ports\":[{\"name\":\"admin\",\"port\":81}]}}",
        &["Service web spec.ports[port=81,protocol=TCP] added kubectl-patch"],
    ),
    ("patch configmap/web -p {\"data\":{\"a\":\"9\"}}", &["ConfigMap web data.a changed kubectl-patch"]),
    ("patch configmap/web -p {\"data\":{\"z\":\"9\"}}", &["ConfigMap web data.z added kubectl-patch"]),
    ("patch configmap/web -p {\"data\":{\"b\":null}}", &["ConfigMap web data.b removed"]),
    (
        "patch secret/web -p {\"stringData\":{\"password\":\"second\"}}",
        &["Secret web data.password changed kubectl-patch"],
    ),
    (
        "patch networkpolicy/web --type=merge -p {\"spec\":{\"ingress\":[{}]}}",
        &["NetworkPolicy web spec.ingress changed kubectl-patch"],
    ),
    (
        "patch poddisruptionbudget/web --type=merge -p {\"spec\":{\"minAvailable\":0}}",
        &["PodDisruptionBudget web spec.minAvailable changed kubectl-patch"],
    ),
    (
        "patch hpa/steady --type=merge -p {\"spec\":{\"maxReplicas\":50}}",
        &["HorizontalPodAutoscaler steady spec.maxReplicas changed kubectl-patch"],
    ),
    ("patch cronjob/report -p {\"spec\":{\"suspend\":true}}", &["CronJob report spec.suspend added kubectl-patch"]),
    (
        "patch cronjob/report -p {\"spec\":{\"successfulJobsHistoryLimit\":0}}",
        &["CronJob report spec.successfulJobsHistoryLimit added kubectl-patch"],
    ),
    (
        "patch ingress/web --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/rules/0/host\",\"value\":\"other.example.com\"}]",
        &["Ingress web spec.rules changed kubectl-patch"],
    ),
    (
        "patch serviceaccount/web -p {\"automountServiceAccountToken\":false}",
        &["ServiceAccount web automountServiceAccountToken added kubectl-patch"],
    ),
    ("delete poddisruptionbudget/gone", &["PodDisruptionBudget gone missing"]),
    // What is no drift: the same amount in other words, another order, a restart, a default spelt out.
    (
        "patch deployment/steady -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"resources\":{\"limits\":{\"memory\":\"1073741824\"}}}]}}}}",
        &[],
    ),
    (
        "patch deployment/steady --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/template/spec/containers/0/env\",\"value\":[{\"name\":\"MODE\",\"value\":\"prod\"},{\"name\":\"LOG\",\"value\":\"info\"}]}]",
        &[],
    ),
    ("rollout restart deployment/steady", &[]),
    ("patch deployment/steady -p {\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"ClusterFirst\"}}}}", &[]),
];

fn drift(plane: &ControlPlane, arguments: &[&str], code: i32) -> Json {
    let desired = format!("helm:{NAMESPACE}/shop");
    let mut command = hardline(&["drift", "--no-config", "-o", "json", "--desired", &desired]);
    command.args(["-n", NAMESPACE, "--kubeconfig"]).arg(plane.kubeconfig()).args(arguments);
    run(&mut command).exits(code).json()
}

/// The release against its chart, rendered now.
fn rendered_now(plane: &ControlPlane, chart: &Path) -> Json {
    let mut command = hardline(&["drift", "--no-config", "-o", "json", "--release-name", "shop"]);
    command.args(["-n", NAMESPACE, "--kubeconfig"]).arg(plane.kubeconfig());
    run(command.arg("--desired").arg(format!("chart:{}", chart.display()))).exits(0).json()
}

/// A chart of a template and [`LONE`].
fn chart_of(template: &str) -> TempDir {
    let chart = tempfile::tempdir().unwrap();
    fs::create_dir(chart.path().join("templates")).unwrap();
    fs::write(chart.path().join("Chart.yaml"), "{apiVersion: v2, name: shop, version: 1.2.2}\n").unwrap();
    fs::write(chart.path().join("templates/all.yaml"), template).unwrap();
    fs::write(chart.path().join("templates/lone.yaml"), LONE).unwrap();
    chart
}

/// Object, path, class and field manager of all that is told.
fn told(report: &Json) -> BTreeSet<String> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut told = BTreeSet::new();
    for object in report["objects"].as_array().unwrap() {
        let name = format!("{} {}", text(&object["resource"]["kind"]), text(&object["resource"]["name"]));
        if object["standing"] != "present" {
            told.insert(format!("{name} {}", text(&object["standing"])));
        }
        for difference in object["differences"].as_array().unwrap() {
            let (path, class) = (text(&difference["path"]), text(&difference["class"]));
            let owner = difference["blame"]["confidence"] == "owner";
            let manager = if owner { text(&difference["blame"]["authors"][0]["manager"]) } else { String::new() };
            told.insert(format!("{name} {path} {class} {manager}").trim_end().to_owned());
        }
    }
    told
}

#[test]
fn every_edit_by_hand_is_found_blamed_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let plane = &audited(&log);
    let chart = chart_of(TEMPLATE);
    let install = ["install", "shop", "--namespace", NAMESPACE];
    run(plane.helm(&install).unwrap().arg(chart.path())).succeeds();
    let scale =
        format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/steady/scale?fieldManager=kube-controller-manager");
    assert_eq!(told(&drift(plane, &[], 0)), BTreeSet::new(), "a fresh release has not drifted");
    assert_eq!(
        told(&rendered_now(plane, chart.path())),
        BTreeSet::new(),
        "nor from its chart, whatever that makes anew"
    );

    for (edit, _) in EDITS {
        let mut arguments: Vec<&str> = edit.split(' ').collect();
        arguments.extend(["--namespace", NAMESPACE]);
        run(&mut plane.kubectl_as("ada", &arguments)).succeeds();
    }
    plane.expect("PATCH", &scale, Some(&json!({"spec": {"replicas": 5}}))).unwrap();
    run(&mut plane.kubectl(&["create", "configmap", "by-hand", "--namespace", NAMESPACE])).succeeds();

    let expected: BTreeSet<String> = EDITS.iter().flat_map(|(_, found)| *found).map(|it| (*it).to_owned()).collect();
    assert!(expected.len() > 30, "thirty edits and more");
    let report = drift(plane, &[], 1);
    let found = told(&report);
    assert_eq!(found, expected, "missed {:#?}, wrong {:#?}", expected.difference(&found), found.difference(&expected));
    is_recorded(&drift(plane, &["--audit-log", log.to_str().unwrap()], 1));
    let orphans = told(&drift(plane, &["--orphans"], 1));
    assert!(orphans.contains("ConfigMap by-hand orphan"), "{orphans:#?}");

    let lone = "Deployment lone spec.template.spec.containers[name=app].image changed kubectl-set";
    let kept = drift(plane, &["--remediate", "--yes"], 1);
    assert_eq!(told(&kept), BTreeSet::from([lone.to_owned()]), "the only pod of a service is left running");
    let repaired = drift(plane, &["--remediate", "--yes", "--restart"], 0);
    assert_eq!(told(&repaired), BTreeSet::new());
    assert_eq!(told(&drift(plane, &[], 0)), BTreeSet::new(), "all that drifted is as released");
    let steady =
        plane.expect("GET", &format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/steady"), None).unwrap();
    assert_eq!(steady["spec"]["replicas"], 5, "what an autoscaler has the say over stays");
}

/// What the API server is to write down: whole requests and answers for most kinds, and for one only
/// who asked.
const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    resources: [{group: '', resources: [configmaps, secrets]}]
  - level: Request
    resources: [{group: networking.k8s.io}]
  - level: RequestResponse
    verbs: [create, update, patch, delete]
";

/// A control plane that writes such a log, and on which `ada` may do everything.
fn audited(log: &Path) -> ControlPlane {
    let policy = log.with_file_name("policy.yaml");
    fs::write(&policy, AUDIT_POLICY).unwrap();
    let plane = ControlPlane::setup()
        .controllers()
        .apiserver(&format!("--audit-policy-file={}", policy.display()))
        .apiserver(&format!("--audit-log-path={}", log.display()))
        .user("ada", &[])
        .start()
        .unwrap();
    run(&mut plane.kubectl(&["create", "namespace", NAMESPACE])).succeeds();
    run(&mut plane.kubectl(&["create", "clusterrolebinding", "ada", "--clusterrole=cluster-admin", "--user=ada"]))
        .succeeds();
    plane
}

/// Every difference has the user who made it, also of removals and deletions.
fn is_recorded(report: &Json) {
    let (mut recorded, mut all) = (0, 0);
    for object in report["objects"].as_array().unwrap() {
        if object["standing"] == "missing" {
            assert_eq!(object["deleter"]["user"], "ada", "{object:#}");
        }
        for difference in object["differences"].as_array().unwrap() {
            let blame = &difference["blame"];
            assert_eq!(blame["authors"][0]["user"], "ada", "{difference:#}");
            let is_recorded = blame["confidence"] == "recorded";
            (recorded, all) = (recorded + usize::from(is_recorded), all + 1);
            // Where the log has only who asked, a removal is told by its time alone.
            let has_bodies = object["resource"]["kind"] != "ConfigMap" && object["resource"]["kind"] != "Secret";
            assert_eq!(is_recorded, has_bodies, "{difference:#}");
        }
    }
    println!("{all} differences have their user, {recorded} by what was asked for");
}
