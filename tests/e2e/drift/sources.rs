//! What Argo CD and Flux deploy, from where they take it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use hardline_controlplane::{ControlPlane, tool};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::told;
use crate::run::{Run, hardline, root, run, run_with};

const URL: &str = "https://git.example.com/shop.git";

/// What Flux and Argo CD deploy by these tests.
const FILES: [(&str, &str); 8] = [
    ("shop/kustomization.yaml", "resources: [web.yaml]\n"),
    (
        "shop/web.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'registry.example.com/web:1.0.0'}]}
",
    ),
    (
        "plain/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {host: '${HOST}', zone: '${ZONE:=eu}'}\n",
    ),
    ("chart/Chart.yaml", "{apiVersion: v2, name: cache, version: 1.0.0}\n"),
    ("chart/values.yaml", "size: 1\ntoken: x\n"),
    ("chart/ci/large.yaml", "size: 5\n"),
    (
        "chart/templates/all.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {size: {{ .Values.size | quote }}, token: {{ .Values.token }}}\n",
    ),
    ("values/prod.yaml", "token: from-another-source\n"),
];

/// A repository with all that, and the names of its commits.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        for (file, text) in FILES {
            let file = repository.0.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        repository.commit();
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        run(Command::new("git").args(arguments).current_dir(self.0.path())).succeeds().stdout.trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "."]);
        self.git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "a"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

struct Case {
    plane: ControlPlane,
    repository: Repository,
}

impl Case {
    fn drift(&self, desired: &str, arguments: &[&str]) -> Run {
        let clone = format!("{URL}={}", self.repository.0.path().display());
        let mut command = hardline(&["drift", "--no-config", "-o", "json", "--repo", &clone, "--desired", desired]);
        run(command.arg("--kubeconfig").arg(self.plane.kubeconfig()).args(arguments))
    }

    fn told(&self, desired: &str) -> BTreeSet<String> {
        let run = self.drift(desired, &[]);
        assert!(run.code < 2, "{}", run.stderr);
        told(&run.json())
    }

    fn refusal(&self, desired: &str) -> String {
        self.drift(desired, &[]).exits(2).stderr
    }

    fn apply(&self, manager: &str, namespace: &str, object: &str) {
        let manager = format!("--field-manager={manager}");
        let apply = ["apply", "--server-side", &manager, "--namespace", namespace, "-f", "-"];
        run_with(&mut self.plane.kubectl(&apply), object).succeeds();
    }

    fn kubectl(&self, arguments: &[&str]) {
        run(&mut self.plane.kubectl(arguments)).succeeds();
    }
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn what_argo_cd_and_flux_deploy_is_read_from_where_they_take_it() {
    let case = Case { plane: ControlPlane::start().unwrap(), repository: Repository::new() };
    let definitions = root().join("tests/e2e/drift/definitions.yaml");
    case.kubectl(&["apply", "-f", definitions.to_str().unwrap()]);
    case.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]);
    for namespace in ["argocd", "flux-system", "shop"] {
        case.kubectl(&["create", "namespace", namespace]);
    }
    let first = case.repository.git(&["rev-parse", "HEAD"]);
    an_application_of_a_kustomization(&case, &first);
    a_kustomization_of_flux(&case, &first);
    an_application_of_charts(&case);
    a_helm_release(&case);
    what_cannot_be_resolved(&case);
}

/// Git, what was deployed, and what runs, in three columns.
fn an_application_of_a_kustomization(case: &Case, first: &str) {
    let source = json!({"repoURL": URL, "path": "shop", "targetRevision": "main",
        "kustomize": {"images": ["registry.example.com/web=mirror.example.com/web:1.1.0"], "namePrefix": "eu-"}});
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"destination": {"namespace": "shop"}, "source": source,
            "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/paused"]}]},
        "status": {"operationState": {"syncResult": {"revision": first, "source": source}}}});
    case.apply("argocd-server", "argocd", &application.to_string());
    let wanted = FILES[1].1.replace("{name: web}", "{name: eu-web, labels: {app.kubernetes.io/instance: shop}}");
    let wanted = wanted.replace("registry.example.com/web:1.0.0", "mirror.example.com/web:1.1.0");
    case.apply("argocd-controller", "shop", &wanted);
    assert_eq!(case.told("argocd:shop"), BTreeSet::new(), "what was just deployed");

    let file = case.repository.0.path().join("shop/web.yaml");
    fs::write(&file, FILES[1].1.replace("replicas: 2", "replicas: 3")).unwrap();
    case.repository.commit();
    case.kubectl(&["set", "image", "deployment/eu-web", "app=mirror.example.com/web:debug", "--namespace=shop"]);
    case.kubectl(&["patch", "deployment/eu-web", "--namespace=shop", "-p", "{\"spec\":{\"paused\":true}}"]);
    let image = "Deployment eu-web spec.template.spec.containers[name=app].image changed kubectl-set";
    let report = case.drift("argocd:argocd/shop", &[]).exits(1).json();
    let ahead = "Deployment eu-web spec.replicas pending argocd-controller";
    assert_eq!(told(&report), set(&[image, ahead]), "and not what Argo CD ignores");
    let differences = report["objects"][0]["differences"].as_array().unwrap();
    let columns = |path: &str| {
        let of = differences.iter().find(|it| it["path"].as_str().unwrap().ends_with(path)).unwrap();
        [&of["source"], &of["release"], &of["live"]].map(|value| value.to_string().trim_matches('"').to_owned())
    };
    assert_eq!(columns("replicas"), ["3", "2", "2"]);
    let released = "mirror.example.com/web:1.1.0";
    assert_eq!(columns("image"), [released, released, "mirror.example.com/web:debug"]);

    let repaired = case.drift("argocd:shop", &["--remediate", "--yes"]).exits(0);
    assert_eq!(told(&repaired.json()), set(&[]), "{}", repaired.stderr);
}

/// A folder without a kustomization, with variables; the source and the values are objects of their own.
fn a_kustomization_of_flux(case: &Case, first: &str) {
    let objects = format!(
        "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: shop}}
spec: {{url: '{URL}', ref: {{branch: main}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: zones}}
data: {{HOST: other.example.com, ZONE: us}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: settings}}
spec:
  path: ./plain
  sourceRef: {{kind: GitRepository, name: shop}}
  targetNamespace: shop
  commonMetadata: {{labels: {{team: shop}}}}
  postBuild:
    substitute: {{HOST: shop.example.com}}
    substituteFrom: [{{kind: ConfigMap, name: zones}}, {{kind: Secret, name: none, optional: true}}]
"
    );
    case.apply("flux", "flux-system", &objects);
    let status = json!({"status": {"observedGeneration": 1, "lastAppliedRevision": format!("main@sha1:{first}")}});
    let patch = ["patch", "kustomization.kustomize.toolkit.fluxcd.io/settings", "--namespace=flux-system"];
    case.kubectl(&[&patch[..], &["--subresource=status", "--type=merge", "-p", &status.to_string()]].concat());
    let wanted = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, labels: {team: shop,
        kustomize.toolkit.fluxcd.io/name: settings, kustomize.toolkit.fluxcd.io/namespace: flux-system}},
        data: {host: shop.example.com, zone: us}}";
    case.apply("kustomize-controller", "shop", wanted);
    assert_eq!(case.told("flux:kustomization/settings"), BTreeSet::new());
    case.kubectl(&["patch", "configmap/settings", "--namespace=shop", "-p", "{\"data\":{\"zone\":\"mars\"}}"]);
    let zone = "ConfigMap settings data.zone changed kubectl-patch";
    assert_eq!(case.told("flux:flux-system/ks/settings"), set(&[zone]));
}

/// A folder of charts behind a server, as Helm's repositories are.
fn repository_of_charts(charts: &Path) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    run(Command::new(tool("helm").unwrap()).args(["repo", "index", "--url", &address]).arg(charts)).succeeds();
    let charts = PathBuf::from(charts);
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
            let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
            let (status, body) = match fs::read(charts.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// A chart from a repository of charts, with values from the repository of another source.
fn an_application_of_charts(case: &Case) {
    let charts = tempfile::tempdir().unwrap();
    let package = |arguments: &[&str]| {
        let chart = case.repository.0.path().join("chart");
        let mut helm = Command::new(tool("helm").unwrap());
        run(helm.arg("package").arg(chart).arg("--destination").arg(charts.path()).args(arguments)).succeeds();
    };
    package(&[]);
    package(&["--version=0.9.0"]);
    let url = repository_of_charts(charts.path());
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "cache"},
    "spec": {"destination": {"namespace": "shop"}, "sources": [
        {"repoURL": url, "chart": "cache", "targetRevision": "1.*", "helm": {
            "valueFiles": ["$ours/values/prod.yaml"], "parameters": [{"name": "size", "value": "7"}]}},
        {"repoURL": URL, "targetRevision": "HEAD", "ref": "ours"}
    ]}});
    case.apply("argocd-server", "argocd", &application.to_string());
    let wanted =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: cache}, data: {size: '7', token: from-another-source}}";
    case.apply("argocd-controller", "shop", wanted);
    assert_eq!(case.told("argocd:cache"), BTreeSet::new());
    case.kubectl(&["patch", "configmap/cache", "--namespace=shop", "-p", "{\"data\":{\"size\":\"9\"}}"]);
    assert_eq!(case.told("argocd:cache"), set(&["ConfigMap cache data.size changed kubectl-patch"]));

    // Flux takes the same chart by a HelmRepository.
    let release = format!(
        "
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts}}
spec: {{url: '{url}'}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: cache}}
spec:
  targetNamespace: shop
  releaseName: cache
  chart: {{spec: {{chart: cache, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}
  values: {{size: 9, token: from-another-source}}
"
    );
    case.apply("flux", "flux-system", &release);
    assert_eq!(case.told("flux:helmrelease/cache"), BTreeSet::new());
}

/// A chart of a Git repository, values from a Secret, and the release that Helm keeps.
fn a_helm_release(case: &Case) {
    let objects = "
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {token: first-token}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: queue}
spec:
  targetNamespace: shop
  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: shop}, valuesFiles: [ci/large.yaml]}}
  valuesFrom: [{kind: Secret, name: token, valuesKey: token, targetPath: token}]
";
    case.apply("flux", "flux-system", objects);
    let chart = case.repository.0.path().join("chart");
    let values = ["--set=size=5", "--set=token=first-token"];
    let install = ["install", "shop-queue", "--namespace=shop"];
    run(case.plane.helm(&install).unwrap().args(values).arg(&chart)).succeeds();
    let desired = "flux:hr/queue";
    assert_eq!(told(&case.drift(desired, &["-n", "shop"]).exits(0).json()), BTreeSet::new());
    case.kubectl(&["patch", "configmap/shop-queue", "--namespace=shop", "-p", "{\"data\":{\"size\":\"6\"}}"]);
    let report = case.drift(desired, &["-n", "shop"]).exits(1).json();
    assert_eq!(told(&report), set(&["ConfigMap shop-queue data.size changed kubectl-patch"]));
    assert_eq!(report["objects"][0]["differences"][0]["release"], Json::from("5"), "{report:#}");
}

fn what_cannot_be_resolved(case: &Case) {
    assert!(case.refusal("argocd:none").contains("there is no Application argocd/none"));
    let application = |name: &str, source: &Json| {
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name},
            "spec": {"destination": {"namespace": "shop"}, "source": source}});
        case.apply("argocd-server", "argocd", &object.to_string());
        case.refusal(&format!("argocd:{name}"))
    };
    let plugin = application("plugin", &json!({"repoURL": URL, "path": "shop", "plugin": {"name": "jsonnet"}}));
    assert!(plugin.contains("`plugin` is not understood"), "{plugin}");
    let outside = application("outside", &json!({"repoURL": URL, "path": "../../etc"}));
    assert!(outside.contains("leads out of its source"), "{outside}");
    let nowhere = application("nowhere", &json!({"repoURL": URL, "path": "none"}));
    assert!(nowhere.contains("`none` is not in revision"), "{nowhere}");
    let branch = application("branch", &json!({"repoURL": URL, "path": "shop", "targetRevision": "none"}));
    assert!(branch.contains("has no revision `none`"), "{branch}");
    let unreachable = application("unreachable", &json!({"repoURL": "http://127.0.0.1:1/x.git", "path": "."}));
    assert!(unreachable.contains("--repo http://127.0.0.1:1/x.git=FOLDER") && unreachable.contains("cannot reach"));
    let chart = json!({"repoURL": "http://127.0.0.1:1/charts", "chart": "web", "targetRevision": "1.0.0"});
    let chart = application("charts", &chart);
    assert!(chart.contains("chart `web` 1.0.0 cannot be fetched from http://127.0.0.1:1/charts"), "{chart}");
    let flux = "{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: lost},
        spec: {sourceRef: {kind: GitRepository, name: none, namespace: apps}}}";
    case.apply("flux", "flux-system", flux);
    let lost = case.refusal("flux:kustomization/lost");
    assert!(lost.contains("GitRepository apps/none is not there"), "{lost}");
}
