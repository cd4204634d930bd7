//! What `hardline install` prints: that it is good, that the chart is the same, and that it comes and
//! goes without a trace.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use hardline_controlplane::ControlPlane;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

use crate::plane;
use crate::run::{hardline, root, run, run_with};
use crate::server;

const IMAGE: &str =
    "registry.example.com/hardline@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What is printed, with these arguments beside the image.
fn installed(arguments: &[&str]) -> String {
    run(hardline(&["install", "--no-config", "--image", IMAGE]).args(arguments)).succeeds().stdout
}

/// The objects of a text, by kind and name.
fn objects(text: &str) -> BTreeMap<(String, String), Json> {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("install.yaml", text)));
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    let objects = read
        .resources
        .iter()
        .map(|resource| ((resource.kind_name().to_owned(), resource.name().to_owned()), resource.value().to_json()));
    objects.collect()
}

#[test]
fn it_passes_the_strictest_profile() {
    for arguments in
        [&[][..], &["--drift"], &["--certificates=webhook-tls", "--failure-policy=fail", "--enforcement=deny"]]
    {
        let check = ["check", "-", "--no-config", "--profile=critical", "--fail-on=low", "--format=json"];
        let report = run_with(&mut hardline(&check), &installed(arguments)).succeeds().json();
        assert_eq!(report["findings"], json!([]), "{arguments:?}");
        let exempted = report["exempted"].as_array().unwrap().iter().map(|exempted| &exempted["rule"]);
        assert_eq!(exempted.collect::<Vec<_>>(), ["network-egress-anywhere", "cpu-limit-throttles"], "{arguments:?}");
    }
}

#[test]
fn the_chart_is_the_same() {
    let plane = plane::shared();
    for (arguments, values) in [
        (&[][..], &[][..]),
        (&["--drift"], &["drift=true"]),
        (
            &["--certificates=webhook-tls", "--failure-policy=fail", "--enforcement=deny", "--profile=critical"],
            &["certificates=webhook-tls", "failurePolicy=fail", "enforcement=deny", "profile=critical"],
        ),
    ] {
        let mut helm = plane.helm(&["template", "hardline", "deploy/chart", "--namespace=hardline-system"]).unwrap();
        helm.current_dir(root()).arg("--set").arg(format!("image={IMAGE}"));
        for value in values {
            helm.args(["--set", value]);
        }
        let rendered = objects(&run(&mut helm).succeeds().stdout);
        let mut printed = objects(&installed(arguments));
        // Helm makes the namespace itself.
        printed.retain(|(kind, _), _| !matches!(&**kind, "LimitRange" | "Namespace" | "ResourceQuota"));
        let (rendered_ids, printed_ids): (Vec<_>, Vec<_>) = (rendered.keys().collect(), printed.keys().collect());
        assert_eq!(rendered_ids, printed_ids);
        for (id, object) in &printed {
            assert_eq!(&rendered[id], object, "{id:?}");
        }
    }
    // Values that are wrong are refused before anything is applied.
    let template = ["template", "hardline", "deploy/chart", "--set=image=x,enforcement=off"];
    let refused = run(plane.helm(&template).unwrap().current_dir(root()));
    assert!(refused.code != 0 && refused.stderr.contains("enforcement"), "{}", refused.stderr);
}

/// A pod that is privileged.
fn privileged(name: &str) -> String {
    let container = json!({"name": "app", "image": "example.com/app:1.4", "securityContext": {"privileged": true}});
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    });
    pod.to_string()
}

#[test]
fn it_comes_twice_and_goes_without_a_trace() {
    let plane = ControlPlane::setup().controllers().start().unwrap();
    let text = installed(&["--failure-policy=fail"]);
    let apply = || run_with(&mut plane.kubectl(&["apply", "-f", "-"]), &text).succeeds();
    apply();
    let pods = "/api/v1/namespaces/hardline-system/pods";
    let count = |plane: &ControlPlane| plane.expect("GET", pods, None).unwrap()["items"].as_array().unwrap().len();
    plane.until("quota and priority let its pods be", |plane| count(plane) == 2).unwrap();

    // What a leader would register, at a server that does not answer.
    let registered = json!({"webhooks": [{
        "name": "changes.hardline.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"name": "hardline", "namespace": "hardline-system"}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "rules": [{"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["configmaps"]}],
    }]});
    plane.expect("PATCH", server::CONFIGURATION, Some(&registered)).unwrap();

    // The second wall stands.
    run(&mut plane.kubectl(&["create", "namespace", "shop"])).succeeds();
    run(&mut plane.kubectl(&["label", "namespace", "shop", "hardline.dev/enforcement=deny"])).succeeds();
    let create = ["create", "--namespace=shop", "--dry-run=server", "-f", "-"];
    let try_pod = || run_with(&mut plane.kubectl(&create), &privileged("web"));
    plane.until("the wall holds", |_| try_pod().code != 0).unwrap();
    let refused = try_pod();
    // It speaks before the webhook, so it also says what to do.
    let reason = "[container-privileged] container runs privileged (app), fix: remove `privileged: true`;";
    assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    assert!(!refused.stderr.contains("Warning:"), "the webhook warns: {}", refused.stderr);

    // An upgrade leaves what the server has filled in.
    apply();
    let kept = plane.expect("GET", server::CONFIGURATION, None).unwrap();
    assert_eq!(kept["webhooks"][0]["name"], "changes.hardline.dev");

    run_with(&mut plane.kubectl(&["delete", "--timeout=60s", "-f", "-"]), &text).succeeds();
    let kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings,validatingwebhookconfigurations,\
                 clusterroles,clusterrolebindings,namespaces";
    let left = run(&mut plane.kubectl(&["get", kinds, "--output=name"])).succeeds().stdout;
    let left: Vec<&str> = left.lines().filter(|name| name.contains("hardline")).collect();
    assert_eq!(left, Vec::<&str>::new());
    plane.until("nothing stands in the way", |_| try_pod().code == 0).unwrap();
    let config = ["create", "configmap", "free", "--namespace=shop"];
    plane.until("no webhook is asked", |plane| run(&mut plane.kubectl(&config)).code == 0).unwrap();
}

#[test]
fn as_files_it_holds_from_the_first_request_and_nobody_takes_it_down() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("manifests");
    fs::create_dir(&manifests).unwrap();
    let print = ["install", "--policies", "--static", "--no-config", "--enforcement=deny"];
    fs::write(manifests.join("hardline.yaml"), run(&mut hardline(&print)).succeeds().stdout).unwrap();
    let configuration = folder.path().join("admission.json");
    let plugin = json!({
        "name": "ValidatingAdmissionPolicy",
        "configuration": {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyConfiguration",
            "staticManifestsDir": manifests,
        },
    });
    let plugins =
        json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": [plugin]});
    fs::write(&configuration, plugins.to_string()).unwrap();
    let argument = format!("--admission-control-config-file={}", configuration.display());
    let plane = ControlPlane::setup().apiserver(&argument).start().unwrap();

    let pod: Json = serde_json::from_str(&privileged("web")).unwrap();
    let refused = plane.request("POST", "/api/v1/namespaces/default/pods", Some(&pod)).unwrap();
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("container-privileged"), "{}", refused.body);
    let policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    let listed = plane.expect("GET", policies, None).unwrap();
    assert_eq!(listed["items"], json!([]), "what is in files is no object that could be deleted");
}
