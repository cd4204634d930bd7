//! One object, three judges: `hardline check`, the webhook, and the policies that the API server runs
//! itself. Each says what it finds, and all find the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hardline_controlplane::ControlPlane;
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

use crate::run::{hardline, root, run, run_with};
use crate::server::{self, Server};

type Rules = BTreeSet<&'static str>;

/// The rules of these that CEL can express.
fn twins<'r>(ids: impl Iterator<Item = &'r str>) -> Rules {
    ids.filter_map(Rule::find).filter(|rule| rule.cel.is_some()).map(|rule| rule.id).collect()
}

/// The objects of a text, all in one namespace.
fn objects(text: &str) -> Vec<Json> {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    read.resources.iter().map(|resource| resource.value().to_json()).collect()
}

/// The examples that rules with a twin document, the manifests of the 3am example before and after, and
/// a part of real ones.
fn candidates() -> Vec<Json> {
    let examples = RULES.iter().filter(|rule| rule.cel.is_some()).flat_map(|rule| {
        let docs: Vec<&str> = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let blocks = docs.split(|line| line.starts_with("```"));
        // Text and fenced blocks alternate.
        blocks.skip(1).step_by(2).map(|block| block.join("\n")).collect::<Vec<_>>()
    });
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let folder = |folder: &str| {
        let mut files: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let corpus = ["podinfo/kustomize", "online-boutique/kubernetes-manifests", "sock-shop/deploy/kubernetes/manifests"];
    let corpus = corpus.map(|name| format!("../shared/corpus/{name}"));
    let files = ["examples/3am", "examples/3am-fixed"].map(str::to_owned).into_iter().chain(corpus);
    let files = files.flat_map(|name| folder(&name)).filter(|file| file.extension().is_some_and(|it| it == "yaml"));
    let texts: Vec<String> = examples.chain(files.map(|file| read(&file))).collect();
    texts.iter().flat_map(|text| objects(text)).collect()
}

/// Where objects like this one are created; kinds whose names are not free are left out.
fn path(object: &Json) -> Option<String> {
    let (version, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
    let plural = match kind {
        "Pod"
        | "Service"
        | "ConfigMap"
        | "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "CronJob"
        | "Role"
        | "RoleBinding"
        | "PodDisruptionBudget"
        | "ServiceAccount"
        | "PersistentVolumeClaim" => kind.to_lowercase() + "s",
        "Ingress" => "ingresses".to_owned(),
        "NetworkPolicy" => "networkpolicies".to_owned(),
        _ => return None,
    };
    let api = if version.contains('/') { "apis" } else { "api" };
    Some(format!("/{api}/{version}/namespaces/judged/{plural}?dryRun=All"))
}

#[test]
fn three_judges_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [policy, log] = ["policy.json", "audit.jsonl"].map(|name| folder.path().join(name));
    let rules = json!([
        {"level": "Metadata", "verbs": ["create"], "namespaces": ["judged"], "omitStages": ["RequestReceived"]},
        {"level": "None"},
    ]);
    fs::write(&policy, json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}).to_string()).unwrap();
    let setup = ControlPlane::setup().apiserver(&format!("--audit-policy-file={}", policy.display()));
    let plane = setup.apiserver(&format!("--audit-log-path={}", log.display())).start().unwrap();
    run(&mut plane.kubectl(&["create", "namespace", "judged"])).succeeds();

    let by = ["--profile=critical", "--enforcement=audit"];
    let wall = run(hardline(&["install", "--policies", "--no-config"]).args(by)).succeeds().stdout;
    run_with(&mut plane.kubectl(&["apply", "-f", "-"]), &wall).succeeds();
    server::install(&plane);
    let _server = Server::start(&plane, &by);
    plane.until("the webhook is registered", |plane| !server::registered(plane).is_empty()).unwrap();

    let create = |number: usize, object: &Json| {
        let mut object = object.clone();
        object["metadata"] = json!({
            "name": format!("o{number}"),
            "namespace": "judged",
            "labels": object["metadata"]["labels"],
            "annotations": object["metadata"]["annotations"],
        });
        let response = plane.request("POST", &path(&object)?, Some(&object)).unwrap();
        (response.status == 201).then_some(response.body)
    };
    // What the API server's log says of the object of this number: the webhook's findings, the policies'.
    let logged = || -> BTreeMap<String, (Rules, Rules)> {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let said = events.filter_map(|event| {
            let name = event["objectRef"]["name"].as_str()?.to_owned();
            let annotation = |key: &str| event["annotations"][key].as_str().unwrap_or_default();
            let webhook = twins(annotation("changes.hardline.dev/found").split(','));
            let failures: Vec<Json> =
                serde_json::from_str(annotation("validation.policy.admission.k8s.io/validation_failure"))
                    .unwrap_or_default();
            let messages = failures.iter().filter_map(|failure| failure["message"].as_str());
            let findings =
                messages.filter_map(|text| text.split_once("hardline: ")).flat_map(|(_, text)| text.split('['));
            let policies = twins(findings.filter_map(|finding| Some(finding.split_once("] ")?.0)));
            Some((name, (webhook, policies)))
        });
        said.collect()
    };

    // The API server takes policies up one after the other: once each kind has been refused something, all hold.
    let candidates = candidates();
    let bad = |kind: &str| candidates.iter().find(|object| object["kind"] == kind).unwrap();
    let mut number = 1_000_000;
    for kind in ["Pod", "Deployment", "Service"] {
        let holds = |_: &ControlPlane| {
            number += 1;
            create(number, bad(kind));
            logged()
                .get(&format!("o{number}"))
                .is_some_and(|(webhook, policies)| !webhook.is_empty() && webhook == policies)
        };
        plane.until(&format!("both judge a {kind}"), holds).unwrap();
    }

    let created: BTreeMap<String, Json> = candidates
        .iter()
        .enumerate()
        .filter_map(|(number, object)| Some((format!("o{number}"), create(number, object)?)))
        .collect();
    let logged = logged();
    let (mut agreed, mut failures) = (BTreeMap::<_, usize>::new(), Vec::new());
    for (name, object) in &created {
        let check = ["check", "-", "--no-config", "--profile=critical", "--format=json"];
        let report = run_with(&mut hardline(&check), &object.to_string()).json();
        let findings = report["findings"].as_array().unwrap().iter();
        let checked = twins(findings.filter_map(|finding| finding["rule"].as_str()));
        let (webhook, policies) = &logged[name];
        for rule in checked.iter().filter(|rule| webhook.contains(*rule) && policies.contains(*rule)) {
            *agreed.entry(*rule).or_default() += 1;
        }
        if &checked != webhook || webhook != policies {
            failures.push(format!("check {checked:?}\nwebhook {webhook:?}\npolicies {policies:?}\n{object}"));
        }
    }
    println!("{} objects; rules on which all three agree: {agreed:?}", created.len());
    assert!(failures.is_empty(), "{} of {}\n{}", failures.len(), created.len(), failures.join("\n\n"));
    assert!(created.len() > 100 && agreed.len() > 50, "{} objects, {} rules", created.len(), agreed.len());
}
