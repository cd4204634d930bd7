//! Rules and their twins in CEL find the same, on a real API server.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hardline_controlplane::{ControlPlane, Response};
use hardline_core::cel::wall::{self, Acts, Options, Origin};
use hardline_core::cel::{candidates, twins};
use hardline_core::config::Config;
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

use crate::rules::examples;
use crate::support::{config, judgement};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

fn options(profile: Profile, enforcement: Enforcement) -> Options {
    let (profile, enforcement) = (profile.to_string(), enforcement.name().to_owned());
    Options { profile, enforcement, own_namespace: "hardline-system".to_owned(), origin: Origin::Api, acts: Acts::All }
}

fn critical() -> Config {
    let mut config = Config { profile: Profile::Critical, ..config() };
    config.settings.allowed_registries =
        ["docker.io/library/", "*.gcr.io/*", "localhost:*"].map(str::to_owned).to_vec();
    config
}

/// Where objects like this one are created.
fn path(object: &Json) -> Option<String> {
    let version = object["apiVersion"].as_str()?;
    let kind = object["kind"].as_str()?.to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let namespaced = !kind.starts_with("cluster") && !matches!(&*kind, "storageclass" | "namespace" | "priorityclass");
    Some(if namespaced { format!("{root}/namespaces/judged/{plural}") } else { format!("{root}/{plural}") })
}

/// Creates the object, or only tries to.
fn create(plane: &ControlPlane, object: &Json, query: &str) -> Option<Response> {
    let path = path(object)?;
    let mut object = object.clone();
    if path.contains("/namespaces/judged/") {
        object["metadata"]["namespace"] = json!("judged");
    }
    Some(plane.request("POST", &format!("{path}{query}"), Some(&object)).unwrap())
}

/// A control plane with a wall.
fn plane(wall: Vec<Json>) -> ControlPlane {
    with_wall(ControlPlane::start().unwrap(), wall)
}

fn with_wall(plane: ControlPlane, wall: Vec<Json>) -> ControlPlane {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "judged"}});
    plane.expect("POST", "/api/v1/namespaces", Some(&namespace)).unwrap();
    // The API server takes policies up in their order: once the last holds, all do.
    let last = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "last"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]},
            ]},
            "validations": [{"expression": "object.metadata.name != 'last'"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "last"},
        "spec": {"policyName": "last", "validationActions": ["Deny"]},
    });
    for object in wall.iter().chain([&last, &binding]) {
        let plural = if object["kind"] == "ValidatingAdmissionPolicy" { "policies" } else { "policybindings" };
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmission{plural}");
        plane.expect("POST", &path, Some(object)).unwrap();
    }
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last"}});
    plane.until("the wall holds", |plane| create(plane, &probe, "?dryRun=All").unwrap().status == 422).unwrap();
    plane
}

/// The objects of a text.
fn objects(text: &str) -> Vec<Json> {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    read.resources.iter().map(|resource| resource.value().to_json()).collect()
}

/// The rules named in what the API server says.
fn told(texts: &[String]) -> BTreeSet<&'static str> {
    let findings = texts.iter().filter_map(|text| text.split_once("hardline: ")).flat_map(|(_, text)| text.split('['));
    // Help may hold brackets, too.
    findings.filter_map(|finding| Some(Rule::find(finding.split_once("] ")?.0)?.id)).collect()
}

/// The rules with a twin that find something in an object alone.
fn found(object: &Json, config: &Config) -> BTreeSet<&'static str> {
    let findings = judgement(&object.to_string(), config).findings;
    let rules = findings.iter().filter(|judged| judged.enforcement >= Enforcement::Warn);
    rules.filter(|judged| judged.finding.rule.cel.is_some()).map(|judged| judged.finding.rule.id).collect()
}

fn files(folder: &Path, texts: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, texts);
        } else if entry.extension().is_some_and(|extension| extension == "yaml") {
            texts.extend(std::fs::read_to_string(&entry));
        }
    }
}

#[test]
fn twins_find_what_their_rules_find() {
    let plane = plane(wall::objects(&critical(), &options(Profile::Critical, Enforcement::Warn)));
    let mut texts: BTreeSet<String> =
        RULES.iter().flat_map(|rule| examples(rule)).map(|example| example.text).collect();
    files(&Path::new(SHARED).join("fixtures/psa"), &mut texts);
    let mut objects: Vec<Json> = texts.iter().flat_map(|text| objects(text)).collect();
    let mut texts = BTreeSet::new();
    files(&Path::new(SHARED).join("corpus"), &mut texts);
    files(&Path::new(SHARED).join("fixtures/kyverno-policies"), &mut texts);
    // Of thousands that are much alike, one of each kind and with each set of findings.
    let others = texts.iter().flat_map(|text| self::objects(text));
    let distinct: BTreeMap<_, Json> =
        others.map(|object| ((object["kind"].to_string(), found(&object, &critical())), object)).collect();
    objects.extend(distinct.into_values());

    let next = AtomicUsize::new(0);
    let judge_some = || {
        let (mut agreed, mut refused, mut failures) = (BTreeMap::new(), 0, Vec::new());
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(response) = create(&plane, object, "?dryRun=All") else { continue };
            if response.status != 201 {
                refused += 1;
                assert!(!response.body.to_string().contains("ValidatingAdmissionPolicy"), "{}", response.body);
                continue;
            }
            let (expected, told) = (found(&response.body, &critical()), told(&response.warnings));
            for rule in expected.intersection(&told) {
                *agreed.entry(*rule).or_insert(0) += 1;
            }
            if expected != told {
                let [missed, invented] = [(&expected, &told), (&told, &expected)]
                    .map(|(one, other)| one.difference(other).copied().collect::<Vec<_>>());
                failures.push(format!(
                    "missed {missed:?}, invented {invented:?}: {:?}\n{}",
                    response.warnings, response.body
                ));
            }
        }
        (agreed, refused, failures)
    };
    let judged: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(judge_some)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut agreed, mut refused, mut failures) = (BTreeMap::new(), 0, Vec::new());
    for (more_agreed, more_refused, more_failures) in judged {
        for (rule, count) in more_agreed {
            *agreed.entry(rule).or_insert(0) += count;
        }
        refused += more_refused;
        failures.extend(more_failures);
    }
    println!("{} objects, of which the API server itself refuses {refused}", objects.len());
    println!("{} of {} rules that look at resources have a twin", twins().count(), candidates().count());
    println!("findings that both make: {agreed:?}");
    assert!(
        failures.is_empty(),
        "{} of {}\n{}",
        failures.len(),
        objects.len(),
        failures[..failures.len().min(40)].join("\n\n")
    );
    // The first is refused by newer API servers themselves; the namespace of all objects here is not
    // the default one.
    let elsewhere = ["container-proc-unmasked", "namespace-default"];
    let twins = twins().map(|(rule, _)| rule.id).filter(|id| !elsewhere.contains(id));
    let untested: Vec<_> = twins.filter(|id| !agreed.contains_key(id)).collect();
    assert!(untested.is_empty(), "no object is flagged by {untested:?}");
}

/// A pod that is privileged and uses its node's network.
fn bad_pod(name: &str) -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "hostNetwork": true,
            "containers": [
                {"name": "app", "image": "example.com/app:1.4", "securityContext": {"privileged": true}},
            ],
        },
    })
}

/// The rules that a refusal names; none where the request was allowed.
fn refusal(response: &Response) -> Vec<&'static str> {
    if response.status < 300 {
        return Vec::new();
    }
    let message = response.body["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("hardline: "), "{message}");
    told(&[message]).into_iter().collect()
}

const BOTH: [&str; 2] = ["container-privileged", "pod-host-namespace"];

#[test]
fn the_wall_denies_what_its_labels_and_annotations_leave() {
    let plane = plane(wall::objects(&config(), &options(Profile::Baseline, Enforcement::Deny)));
    let pods = |namespace: &str| format!("/api/v1/namespaces/{namespace}/pods");
    let try_pod = |namespace: &str, pod: &Json| {
        plane.request("POST", &format!("{}?dryRun=All", pods(namespace)), Some(pod)).unwrap()
    };
    let try_with = |key: &str, value: &str| {
        let mut pod = bad_pod("web");
        pod["metadata"]["annotations"][key] = json!(value);
        refusal(&try_pod("judged", &pod))
    };

    // All reasons at once.
    assert_eq!(refusal(&try_pod("judged", &bad_pod("web"))), BOTH);

    // Exemptions need a reason, and end.
    let key = "exempt.hardline.dev/container-privileged";
    assert_eq!(try_with(key, "reads the devices; owner=storage; until=2999-12-31"), ["pod-host-namespace"]);
    for invalid in ["", "owner=storage", "for now; until=tomorrow", "for now; until=2001-12-31", "for now; x=y"] {
        assert_eq!(try_with(key, invalid), BOTH, "{invalid}");
    }

    // A workload may ask for more, but not for less.
    let mut pod = bad_pod("web");
    pod["metadata"]["labels"] = json!({"hardline.dev/profile": "critical", "hardline.dev/enforcement": "off"});
    // The policy for Pods alone has nothing to say about one with an owner: of two that refuse, the
    // API server tells either.
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1"});
    pod["metadata"]["ownerReferences"] = json!([owner]);
    let refused = refusal(&try_pod("judged", &pod));
    assert!(refused.contains(&"image-digest-missing") && refused.contains(&"container-privileged"), "{refused:?}");

    // Namespaces say how much findings may do.
    for (name, labels) in [
        ("free", json!({"hardline.dev/enforcement": "off"})),
        ("warned", json!({"hardline.dev/enforcement": "warn"})),
        ("restricted", json!({"hardline.dev/profile": "pod-security-restricted"})),
        ("hardline-system", json!({})),
    ] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        plane.expect("POST", "/api/v1/namespaces", Some(&namespace)).unwrap();
    }
    for namespace in ["free", "kube-system", "hardline-system"] {
        let response = try_pod(namespace, &bad_pod("web"));
        assert_eq!((response.status, response.warnings.len()), (201, 0), "{namespace}: {}", response.body);
    }
    let response = try_pod("warned", &bad_pod("web"));
    assert_eq!(response.status, 201);
    assert_eq!(told(&response.warnings).into_iter().collect::<Vec<_>>(), BOTH);
    let refused = refusal(&try_pod("restricted", &bad_pod("web")));
    assert!(refused.contains(&"container-may-run-as-root"), "{refused:?}");

    // What was there before may be changed, but not made worse.
    plane.expect("POST", &pods("free"), Some(&bad_pod("old"))).unwrap();
    let label = |enforcement: &str| json!({"metadata": {"labels": {"hardline.dev/enforcement": enforcement}}});
    plane.expect("PATCH", "/api/v1/namespaces/free", Some(&label("deny"))).unwrap();
    plane.until("the new label counts", |_| !refusal(&try_pod("free", &bad_pod("new"))).is_empty()).unwrap();
    let old = format!("{}/old", pods("free"));
    plane.expect("PATCH", &old, Some(&json!({"metadata": {"labels": {"team": "web"}}}))).unwrap();
    let mut debugged = plane.expect("GET", &old, None).unwrap();
    debugged["spec"]["ephemeralContainers"] = json!([
        {"name": "debug", "image": "example.com/debug:1.4", "securityContext": {"privileged": true}},
    ]);
    let response = plane.request("PUT", &format!("{old}/ephemeralcontainers"), Some(&debugged)).unwrap();
    assert_eq!(refusal(&response), ["container-privileged"]);
    assert!(response.body["message"].as_str().unwrap().contains("(debug), fix: remove"), "{}", response.body);
}

#[test]
fn pods_from_templates_are_not_judged_again() {
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    let setup = ControlPlane::setup().user(controller, &["system:masters"]).user("ada", &["system:masters"]);
    let plane =
        with_wall(setup.start().unwrap(), wall::objects(&config(), &options(Profile::Baseline, Enforcement::Deny)));
    let mut pod = bad_pod("web");
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": true});
    pod["metadata"]["ownerReferences"] = json!([owner]);
    let file = plane.folder().join("pod.json");
    std::fs::write(&file, pod.to_string()).unwrap();
    let create_as = |user: &str| {
        let arguments = ["create", "--namespace=judged", "--dry-run=server", "--validate=false", "-f"];
        let output = plane.kubectl_as(user, &arguments).arg(&file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(create_as(controller).0, "{}", create_as(controller).1);
    let (created, message) = create_as("ada");
    assert!(!created && message.contains("container-privileged"), "{message}");
}

#[test]
fn older_api_servers_take_the_wall() {
    let plane = ControlPlane::setup().kubernetes("1.34").start().unwrap();
    let plane = with_wall(plane, wall::objects(&critical(), &options(Profile::Critical, Enforcement::Deny)));
    let response = create(&plane, &bad_pod("web"), "?dryRun=All").unwrap();
    let refused = refusal(&response);
    assert!(refused.contains(&"container-privileged") && refused.contains(&"pod-bare"), "{refused:?}");
    // No expression failed: the message would say so instead of the findings.
    assert!(!response.body.to_string().contains("resulted in error"), "{}", response.body);
}
