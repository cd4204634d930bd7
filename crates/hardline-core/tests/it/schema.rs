//! The schema rules beyond their examples, and the table that they rest on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::config::{Config, Version};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::{Read, Report};
use hardline_core::rule::Check;
use hardline_core::rules::RULES;
use hardline_core::schema::table::{Merge, Object, Scalar, Table, Type};
use hardline_core::source::Source;
use hardline_core::verdict::judge;
use serde_json::{Value as Json, json};

use crate::support;

fn schema_rules(minor: u16) -> Config {
    let mut config = support::config();
    config.select = RULES.iter().copied().filter(|rule| matches!(rule.check, Check::Schema)).collect();
    config.settings.kubernetes_version = Version::minor(minor);
    config
}

/// What the schema rules find: `rule path: message (help)`.
fn findings(text: &str, minor: u16) -> Vec<String> {
    let report = support::report(text, &schema_rules(minor));
    let line = |finding: &hardline_core::report::Reported| {
        format!("{} {}: {} ({})", finding.rule.id, finding.path, finding.message, finding.help)
    };
    report.findings.iter().map(line).collect()
}

fn pod(fields: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - name: a\n    image: a\n{fields}"
    )
}

#[test]
fn a_field_is_known_in_its_versions_only() {
    let text = pod("    restartPolicyRules: []\n");
    assert!(findings(&text, 37).is_empty());
    let found = findings(&text, 29);
    assert_eq!(
        found,
        ["schema-field-unknown /spec/containers/0/restartPolicyRules: field `restartPolicyRules` of Container came \
             with Kubernetes v1.34, not yet in v1.29 (correct or remove the field)"]
    );
}

#[test]
fn an_api_version_comes_is_deprecated_and_goes() {
    let text = "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}\n\
                spec: {priorityLevelConfiguration: {name: a}}\n";
    assert!(findings(text, 29)[0].starts_with("api-version-deprecated /apiVersion: "), "{:?}", findings(text, 29));
    assert_eq!(
        findings(text, 32),
        ["api-version-removed /apiVersion: flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema is gone since Kubernetes \
             v1.32 (use flowcontrol.apiserver.k8s.io/v1 FlowSchema)"]
    );
    let text = "apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: a}\nspec: {}\n";
    assert!(findings(text, 29)[0].starts_with("api-version-unknown /apiVersion: "));
    assert!(findings(text, 34).is_empty());
    let text = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n";
    assert_eq!(
        findings(text, 37),
        ["api-version-removed /apiVersion: extensions/v1beta1 Ingress is gone since Kubernetes v1.22 (use \
             networking.k8s.io/v1 Ingress)"]
    );
    let text = "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: a}\n";
    assert!(findings(text, 37)[0].ends_with("(did you mean Deployment?)"), "{:?}", findings(text, 37));
}

#[test]
fn values_are_held_to_their_form() {
    for (fields, wanted) in [
        ("    ports: [{containerPort: 70000}]\n", Some("between 1 and 65535")),
        ("    ports: [{containerPort: 80, name: Web}]\n", Some("at most 15 lower-case letters")),
        ("    ports: [{containerPort: 80, protocol: tcp}]\n", Some("did you mean `TCP`?")),
        ("    readinessProbe: {tcpSocket: {port: \"8080\"}}\n", Some("write 8080 without quotes")),
        ("    readinessProbe: {tcpSocket: {port: web}}\n", None),
        ("    resources: {limits: {memory: 1GB}}\n", Some("write `1Gi`")),
        ("    resources: {limits: {memory: 1e3, cpu: 0.5, a/b: 1}}\n", None),
        ("    env: [{name: A=B}]\n", Some("without `=`")),
        ("    env: [{name: a.b-c, value: null}]\n", None),
        ("    imagePullPolicy: \"\"\n", None),
        ("    command: null\n", None),
        ("    command: run\n", Some("must be a list, not a string")),
        ("    command: [1]\n", Some("must be a string, not a number (quote it)")),
        ("    stdin: \"true\"\n", Some("remove the quotes")),
        ("    env: [{name: A, value: off}]\n", Some("unquoted `off` is a boolean to Kubernetes")),
        ("    runAsUser: 1\n", Some("belongs into `securityContext`")),
        ("  terminationGracePeriodSeconds: 99999999999999999999\n", Some("between 0 and")),
        ("  terminationGracePeriodSeconds: 1.5\n", Some("a whole number, not a fraction")),
        ("  terminationGracePeriodSeconds: 3e1\n", None),
        ("  nodeSelector: {a b: c}\n", Some("is no key here")),
    ] {
        let found = findings(&pod(fields), 37);
        match wanted {
            Some(wanted) => assert!(found.len() == 1 && found[0].contains(wanted), "{fields}{found:?}"),
            None => assert!(found.is_empty(), "{fields}{found:?}"),
        }
    }
}

#[test]
fn secret_values_are_not_shown() {
    let text =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: hunter2}\nstringData: {b: 7777, c: {d: e}}\n";
    let found = findings(text, 37);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(!found.iter().any(|line| line.contains("hunter") || line.contains("7777")), "{found:?}");
}

#[test]
fn names_have_the_form_of_their_kind() {
    let named =
        |api: &str, kind: &str, name: &str| format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: '{name}'}}\n");
    let rbac = "rbac.authorization.k8s.io/v1";
    assert!(findings(&named(rbac, "ClusterRole", "system:Thing"), 37).is_empty());
    assert_eq!(findings(&named("v1", "ConfigMap", "a_b"), 37).len(), 1);
    assert_eq!(findings(&named("v1", "Namespace", "a.b"), 37).len(), 1);
    let service = named("v1", "Service", "1a") + "spec: {clusterIP: None}\n";
    assert_eq!(findings(&service, 35).len(), 1);
    assert!(findings(&service, 36).is_empty());
    assert!(findings("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", 37)[0].contains("ConfigMap has no name"));
    assert!(findings("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n", 37).is_empty());
    assert!(findings("apiVersion: v1\nkind: List\nitems: []\n", 37).is_empty());
}

const DEFINITION: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size, mode]
            properties:
              size: {type: integer, minimum: 1, maximum: 9}
              mode: {type: string, enum: [open, closed], default: open}
              port: {x-kubernetes-int-or-string: true, pattern: '^[a-z]+$', maximum: 100}
              tags: {type: array, maxItems: 2, items: {type: string}}
              labels: {type: object, additionalProperties: {type: string}}
              host: {type: string, pattern: '^([*][.])?[a-z]+$', maxLength: 9}
              wait: {type: string, pattern: '(unreadable'}
              at: {type: string, format: date-time}
              ip: {type: string, format: ipv4}
              even: {type: integer, multipleOf: 2}
              few: {type: object, maxProperties: 1, additionalProperties: {type: string}}
              extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
              template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
---
apiVersion: example.com/v1
kind: Shop
metadata: {name: a}
";

#[test]
fn custom_resources_are_held_to_their_definition() {
    for (spec, wanted) in [
        ("{size: 3, port: web, tags: [a], labels: {a: b}, extra: {a: {b: c}}, template: {kind: A, x: 1}}", None),
        ("{size: 3, port: 80, mode: closed}", None),
        ("{size: 30}", Some("`size` may not be 30: it must be between 1 and 9")),
        ("{size: small}", Some("`size` must be a whole number, not a string")),
        ("{size: 3, mode: opne}", Some("did you mean `open`?")),
        ("{size: 3, tags: [a, b, c]}", Some("has 3 items, more than 2")),
        ("{size: 3, labels: {a: 1}}", Some("`a` must be a string, not a number")),
        ("{size: 3, prot: 1}", Some("did you mean `port`?")),
        ("{mode: open}", Some("`size` is missing")),
        ("{size: 3, port: 1.5}", Some("a whole number or a string")),
        ("{size: 3, port: WEB}", Some("`port` does not match `^[a-z]+$`")),
        ("{size: 3, port: 101}", Some("between -∞ and 100")),
        ("{size: 3, host: '*.shop', wait: now, at: '2026-01-31T08:00:00Z', ip: 10.0.0.1, even: 4}", None),
        ("{size: 3, host: a.shop}", Some("`host` does not match")),
        ("{size: 3, at: today}", Some("a moment such as")),
        ("{size: 3, ip: 10.0.0}", Some("an address of IPv4")),
        ("{size: 3, even: 3}", Some("a multiple of 2")),
        ("{size: 3, few: {a: b, c: d}}", Some("has 2 fields, more than 1")),
    ] {
        let found = findings(&format!("{DEFINITION}spec: {spec}\n"), 37);
        match wanted {
            Some(wanted) => assert!(found.len() == 1 && found[0].contains(wanted), "{spec}{found:?}"),
            None => assert!(found.is_empty(), "{spec}{found:?}"),
        }
    }
    let other = DEFINITION.replace("apiVersion: example.com/v1", "apiVersion: example.com/v2");
    assert!(findings(&other, 37)[0].contains("the definition of Shop does not serve example.com/v2 (it serves v1)"));
}

#[test]
fn a_kind_without_a_definition_is_not_evaluated_once() {
    let shop = "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: a}\nspec: {}\n";
    let report = support::report(&format!("{shop}---\n{shop}"), &schema_rules(37));
    assert!(report.findings.is_empty());
    let needs: Vec<_> = report.not_evaluated.iter().map(|lack| lack.needs.as_str()).collect();
    assert_eq!(needs, ["the CustomResourceDefinition of example.com/Shop"]);
}

/// A value of another type than this one, that no field takes instead of it.
fn wrong(value: &Json) -> Json {
    match value {
        Json::Array(_) => json!({"wrong": "type"}),
        Json::Object(_) | Json::Null => json!(["wrong type"]),
        _ => json!([{"wrong": "type"}]),
    }
}

/// All pointers to values below this one, itself excluded.
fn pointers(value: &Json, at: &str, all: &mut Vec<String>) {
    let children: Vec<(String, &Json)> = match value {
        Json::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        Json::Object(map) => map.iter().map(|(key, item)| (key.replace('~', "~0").replace('/', "~1"), item)).collect(),
        _ => return,
    };
    for (key, child) in children {
        let at = format!("{at}/{key}");
        pointers(child, &at, all);
        all.push(at);
    }
}

/// Every field of real resources, given a value of a wrong type, is a finding there; no rule fails on it.
#[test]
fn a_wrong_type_in_any_field_is_a_finding() {
    let text = include_str!("../../../../examples/3am-fixed/checkout.yaml");
    let read = hardline_manifest::read::read(&Arc::new(Source::new("checkout.yaml", text)));
    let mut tried = 0;
    for resource in &read.resources {
        let json = resource.value().to_json();
        let mut all = Vec::new();
        pointers(&json, "", &mut all);
        for pointer in all.iter().filter(|pointer| !["/apiVersion", "/kind"].contains(&pointer.as_str())) {
            let mut broken = json.clone();
            let value = broken.pointer_mut(pointer).unwrap();
            *value = wrong(value);
            let report = support::report(&broken.to_string(), &support::config());
            let found = report
                .findings
                .iter()
                .find(|finding| finding.path == *pointer && finding.rule.id == "schema-type-wrong");
            assert!(found.is_some(), "{pointer} in {broken}");
            let failed = report.not_evaluated.iter().find(|lack| lack.needs.contains("a mend"));
            assert!(failed.is_none(), "{failed:?} on {pointer} in {broken}");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn the_table_says_how_lists_merge_and_what_defaults_are() {
    let table = Table::get();
    let object = |ty| match table.ty(ty) {
        Type::Object(object) => object,
        Type::List(item) => match table.ty(*item) {
            Type::Object(object) => object,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let field = |object: &Object, name: &str| table.field(object, name, Version::NEWEST).unwrap();
    let kind = table.kind("", "v1", "Pod").unwrap();
    assert!(kind.namespaced);
    let spec = object(field(object(kind.ty), "spec").ty);
    assert_eq!(spec.name, "PodSpec");
    assert_eq!(field(spec, "containers").merge, Merge::Keys(["name"].into()));
    assert!(field(spec, "containers").required);
    assert_eq!(field(spec, "nodeSelector").merge, Merge::Whole);
    assert!(field(spec, "serviceAccount").deprecated);
    let container = object(field(spec, "containers").ty);
    let ports = field(container, "ports");
    assert_eq!(ports.merge, Merge::Keys(["containerPort", "protocol"].into()));
    assert_eq!(ports.patch_merge_key, Some("containerPort"));
    assert_eq!(field(object(ports.ty), "protocol").default, Some("\"TCP\""));
    assert_eq!(field(container, "command").merge, Merge::Whole);
    assert_eq!(field(container, "resources").default, Some("{}"));
    let limits = field(object(field(container, "resources").ty), "limits");
    let Type::Map { value, .. } = table.ty(limits.ty) else { panic!("limits are a map") };
    assert!(matches!(table.ty(*value), Type::Scalar(Scalar::Quantity)));
    let metadata = object(field(object(kind.ty), "metadata").ty);
    assert_eq!(field(metadata, "finalizers").merge, Merge::Set);
    assert_eq!(field(metadata, "labels").merge, Merge::Granular);
    assert!(!table.kind("", "v1", "Node").unwrap().namespaced);
}

fn yaml_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the corpus is beside the repository");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("the corpus can be read").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            yaml_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
}

/// What the schema rules find in each project of the corpus. All of it was read, and is true.
#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus is in files")]
fn the_corpus_holds_these_defects_and_no_others() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus"));
    let mut lines = Vec::new();
    for project in std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let mut files = Vec::new();
        yaml_files(&project, &mut files);
        let read = |file: &PathBuf| {
            let name = file.strip_prefix(corpus).unwrap().display().to_string();
            let source = Source::new(name, std::fs::read_to_string(file).unwrap());
            hardline_manifest::read::read(&Arc::new(source)).resources
        };
        let resources: Vec<_> = files.iter().flat_map(read).collect();
        let coverage = Coverage::of_manifests(&resources);
        let inventory = Inventory::new(resources, coverage);
        let report = Report::new(judge(&inventory, Vec::new(), &schema_rules(37)), &inventory, Read::default());
        lines.extend(report.findings.iter().map(|finding| {
            let (file, line) = (finding.location.file(), finding.location.line);
            format!("{file}:{line} {}: {}", finding.rule.id, finding.message)
        }));
    }
    lines.sort();
    assert_eq!(lines.join("\n"), include_str!("schema_corpus.txt").trim_end());
}

#[test]
fn a_service_has_ports_and_names_for_several() {
    let service = |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {spec}\n");
    let none = "schema-field-required-missing /spec/ports: a Service that is neither headless nor an ExternalName has \
                no ports (add the field)";
    assert_eq!(findings(&service("{selector: {a: b}}"), 37), [none]);
    assert_eq!(findings(&service("{ports: []}"), 37), [none]);
    assert!(findings(&service("{clusterIP: None}"), 37).is_empty());
    assert!(findings(&service("{type: ExternalName, externalName: a.b}"), 37).is_empty());
    assert!(findings(&service("{ports: [{port: 80}]}"), 37).is_empty());
    assert_eq!(
        findings(&service("{clusterIP: None, ports: [{port: 80, name: a}, {port: 81}]}"), 37),
        ["schema-field-required-missing /spec/ports/1/name: a port of several has no name (add the field)"]
    );
}

#[test]
fn ports_of_a_service_do_not_meet() {
    let service =
        |spec: &str| findings(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {spec}\n"), 37);
    let dns = "{ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53}]}";
    assert!(service(dns).is_empty());
    for (spec, wanted) in [
        ("{ports: [{name: a, port: 53}, {name: b, port: 53}]}", "/spec/ports/1/port: another port has the `port` 53"),
        ("{ports: [{name: a, port: 1}, {name: a, port: 2}]}", "/spec/ports/1/name: another port is called `a` already"),
        ("{ports: [{port: 1, nodePort: 30000}]}", "/spec/ports/0/nodePort: `nodePort` may not be 30000"),
    ] {
        let found = service(spec);
        assert!(found.len() == 1 && found[0].contains(wanted), "{spec}{found:?}");
    }
    assert!(service("{type: NodePort, ports: [{port: 1, nodePort: 30000}]}").is_empty());
}

#[test]
fn fields_of_a_pod_agree_with_each_other() {
    let windows = "securityContext: {windowsOptions: {hostProcess: true}}";
    for (fields, wanted) in [
        ("    volumeMounts: [{name: data, mountPath: /data}]\n", Some("the pod has no volume `data`")),
        ("    volumeMounts: [{name: data, mountPath: /data}]\n  volumes: [{name: data, emptyDir: {}}]\n", None),
        (
            "    volumeMounts: [{name: a, mountPath: /a}, {name: a, mountPath: /a}]\n  volumes: [{name: a, emptyDir: {}}]\n",
            Some("volumeMounts/1/mountPath: another volume is mounted at `/a` already"),
        ),
        (
            "  volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]\n",
            Some("another volume is called `a` already"),
        ),
        ("  initContainers: [{name: a, image: b}]\n", Some("another container is called `a` already")),
        (
            "    securityContext: {privileged: true, allowPrivilegeEscalation: false}\n",
            Some("`allowPrivilegeEscalation` may not be false where `privileged` is true"),
        ),
        (
            "    securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}\n",
            Some("is added"),
        ),
        (&format!("    {windows}\n"), Some("`hostNetwork` must be true")),
        (&format!("    {windows}\n  hostNetwork: true\n"), None),
        (
            &format!("    {windows}\n  hostNetwork: true\n  initContainers: [{{name: b, image: b}}]\n"),
            Some("`a` is a process of its node, and `b` is not"),
        ),
    ] {
        let found = findings(&pod(fields), 37);
        match wanted {
            Some(wanted) => assert!(found.len() == 1 && found[0].contains(wanted), "{fields}{found:?}"),
            None => assert!(found.is_empty(), "{fields}{found:?}"),
        }
    }
}

#[test]
fn apparmor_annotations_name_containers_and_profiles() {
    let found = |key: &str, profile: &str| {
        let text = pod("").replace("metadata: {", "metadata: {annotations: {PREFIX/KEY: PROFILE}, ");
        let text = text.replace("PREFIX", "container.apparmor.security.beta.kubernetes.io");
        findings(&text.replace("KEY", key).replace("PROFILE", profile), 37)
    };
    assert!(found("a", "runtime/default").is_empty());
    assert!(found("other", "localhost/a")[0].contains("the pod has no container `other`"));
    assert!(found("a", "mine")[0].contains("`mine` is no profile"));
}

#[test]
fn hosts_and_paths_of_an_ingress_have_their_form() {
    let ingress = |spec: &str| {
        findings(&format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: a}}\nspec: {spec}\n"), 37)
    };
    let path = |path: &str, kind: &str| {
        let backend = "backend: {service: {name: a, port: {number: 80}}}";
        ingress(&format!("{{rules: [{{http: {{paths: [{{path: '{path}', pathType: {kind}, {backend}}}]}}}}]}}"))
    };
    for host in ["shop.example.com", "'*.example.com'", "''"] {
        assert!(ingress(&format!("{{rules: [{{host: {host}}}]}}")).is_empty(), "{host}");
    }
    for host in ["Shop.example.com", "*", "a.*.com", "10.0.0.1", "https://shop", "shop:80"] {
        assert!(ingress(&format!("{{rules: [{{host: '{host}'}}]}}"))[0].contains("is no host"), "{host}");
        let tls = ingress(&format!("{{rules: [{{host: a}}], tls: [{{hosts: ['{host}']}}]}}"));
        assert_eq!(tls.is_empty(), host == "10.0.0.1", "{host}");
    }
    assert!(ingress("{}")[0].contains("neither `rules` nor a `defaultBackend`"));
    assert!(path("/shop", "Prefix").is_empty() && path("", "ImplementationSpecific").is_empty());
    assert!(path("/shop/.*", "ImplementationSpecific").is_empty());
    for (text, kind) in [("shop", "ImplementationSpecific"), ("", "Prefix"), ("/a//b", "Exact"), ("/a/..", "Prefix")] {
        assert!(path(text, kind)[0].contains("`path` may not be"), "{text}");
    }
}

#[test]
fn definitions_and_controllers_are_named_and_selected() {
    let renamed = DEFINITION.replace("shops.example.com", "shop.example.com");
    assert!(findings(&renamed, 37)[0].contains("by its plural and group it is `shops.example.com`"));
    let controller = |metadata: &str| {
        let pod = "spec: {containers: [{name: a, image: b}]}";
        let text = "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: a}\nspec: {template: {";
        findings(&format!("{text}metadata: {{{metadata}}}, {pod}}}}}\n"), 37)
    };
    assert!(controller("labels: {a: b}").is_empty());
    assert!(controller("")[0].contains("`selector` is missing"));
}

#[test]
fn a_spec_that_is_absent_lacks_what_it_must_have() {
    let containers = "`containers` of PodSpec is missing (add the field)";
    assert_eq!(
        findings("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", 37),
        [format!("schema-field-required-missing /spec/containers: {containers}")]
    );
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                      template: {metadata: {labels: {a: b}}, spec: null}\n";
    assert_eq!(
        findings(deployment, 37),
        [format!("schema-field-required-missing /spec/template/spec/containers: {containers}")]
    );
    assert!(findings("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", 37).is_empty());
}

#[test]
fn a_status_has_to_be_readable_and_no_more() {
    let status = |status: &str| pod("") + &format!("status: {status}\n");
    assert!(findings(&status("{phase: CrashLoopBackOff, conditions: [{}]}"), 37).is_empty());
    assert_eq!(findings(&status("{phase: 1}"), 37).len(), 1);
    assert_eq!(findings(&status("{fase: Running}"), 37).len(), 1);
}
