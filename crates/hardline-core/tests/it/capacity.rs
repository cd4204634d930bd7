//! Rules on CPU, memory and heaps, beyond the examples in their documentation.

use hardline_core::rule::{Category, Rule};
use hardline_core::rules::RULES;

use crate::support::{config, lines_of, report};

/// A pod of one container with these fields, the first of them on line 9.
fn pod(fields: &str) -> String {
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n    - name: c\n      image: example.com/c:1\n";
    format!("{head}\n      {}\n", fields.replace('\n', "\n      "))
}

const NONE: [u32; 0] = [];

fn messages(rule: &str, text: &str) -> Vec<String> {
    let mut config = config();
    config.select = vec![Rule::find(rule).expect("the rule exists")];
    report(text, &config).findings.into_iter().map(|finding| finding.message.to_string()).collect()
}

const LIMIT_RANGE: &str = "\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\nspec:\n  limits:\n    - type: Container\n      default: {memory: 512Mi}\n      defaultRequest: {cpu: 100m}\n";

#[test]
fn a_limit_is_a_request_and_a_limit_range_fills_in_what_is_left_out() {
    let bare = pod("");
    assert_eq!(lines_of("memory-request-missing", &bare), [6]);
    assert_eq!(lines_of("memory-limit-missing", &bare), NONE, "one finding on memory is enough");
    assert_eq!(lines_of("cpu-request-missing", &bare), [6]);
    for rule in ["memory-request-missing", "memory-limit-missing", "cpu-request-missing"] {
        assert_eq!(lines_of(rule, &format!("{bare}{LIMIT_RANGE}")), NONE, "{rule}");
        assert_eq!(lines_of(rule, &pod("resources: {limits: {cpu: 1, memory: 1Gi}}")), NONE, "{rule}");
        let elsewhere = LIMIT_RANGE.replace("namespace: shop", "namespace: other");
        assert!(rule == "memory-limit-missing" || lines_of(rule, &format!("{bare}{elsewhere}")) == [6], "{rule}");
    }
    let text = format!("{}{LIMIT_RANGE}", pod("resources: {requests: {memory: 1Gi}}"));
    assert_eq!(
        messages("limit-below-request", &text),
        ["container `c` requests 1Gi of memory, and LimitRange `defaults` limits it to 512Mi by default"]
    );
}

#[test]
fn demand_of_the_whole_pod_counts_for_its_containers() {
    let whole = |demand: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  resources: {demand}\n  containers: [{{name: c}}]\n"
        )
    };
    let guaranteed = whole("{limits: {cpu: 1, memory: 1Gi}}");
    for rule in ["memory-request-missing", "memory-limit-missing", "cpu-request-missing", "qos-not-guaranteed"] {
        assert_eq!(lines_of(rule, &guaranteed), NONE, "{rule}");
    }
    let burstable = whole("{requests: {cpu: 2, memory: 512Mi}, limits: {cpu: 1, memory: 1Gi}}");
    assert_eq!(lines_of("limit-below-request", &burstable), [5]);
    assert_eq!(
        messages("qos-not-guaranteed", &burstable),
        [
            "pods are not Guaranteed: the pod requests 2 of cpu and limits it to 1, the pod requests 512Mi of memory and limits it to 1Gi"
        ]
    );
}

#[test]
fn init_containers_and_sidecars_count_where_they_do_in_the_cluster() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers:
    - {name: migrate}
    - {name: proxy, restartPolicy: Always}
  containers:
    - {name: c, resources: {limits: {cpu: 1, memory: 1Gi}}}
";
    assert_eq!(lines_of("memory-request-missing", text), [7]);
    let qos = messages("qos-not-guaranteed", text);
    assert!(qos[0].contains("`migrate` has no cpu limit") && qos[0].contains("`proxy` has no memory limit"), "{qos:?}");
}

#[test]
fn heaps_are_held_against_the_limit_that_counts() {
    let exceeds = |fields: &str| messages("heap-exceeds-limit", &pod(fields));
    let limited = |demand: &str, setting: &str| format!("{setting}\nresources: {demand}");
    let java = "env: [{name: JAVA_OPTS, value: -Xms1g -Xmx2g}]";
    assert_eq!(
        exceeds(&limited("{limits: {memory: 256Mi}}", java)),
        ["memory limit 256Mi is below the heap of 2Gi set by `-Xmx2g`"]
    );
    let text = pod(&limited("{requests: {memory: 256Mi}}", java));
    assert_eq!(
        messages("heap-exceeds-request", &text),
        ["memory request 256Mi is below the heap of 2Gi set by `-Xmx2g`"]
    );
    assert_eq!(messages("heap-exceeds-limit", &format!("{text}{LIMIT_RANGE}")).len(), 1, "a default limit counts");
    for fields in [java, "args: [-Xmx2g]\nresources: {limits: {memory: 4Gi}}", "args: [-Xmx2g]\nresources: 7"] {
        for rule in ["heap-exceeds-limit", "heap-exceeds-request", "heap-headroom-small"] {
            assert_eq!(lines_of(rule, &pod(fields)), NONE, "{rule}: {fields}");
        }
    }
    let node = "args: [node, --max-old-space-size=1000, app.js]";
    assert_eq!(
        messages("heap-headroom-small", &pod(&limited("{limits: {memory: 1Gi}}", node))),
        [
            "memory limit 1Gi leaves 24Mi beside the heap of 1000Mi set by `--max-old-space-size=1000`; about 102Mi is needed"
        ]
    );
    let go = "env: [{name: GOMEMLIMIT, value: 1GiB}]";
    assert_eq!(lines_of("heap-headroom-small", &pod(&limited("{limits: {memory: 1Gi}}", go))), [9]);
    assert_eq!(lines_of("heap-exceeds-limit", &pod(&limited("{limits: {memory: 1Gi}}", go))), NONE);
    let both = "env: [{name: JAVA_TOOL_OPTIONS, value: -Xmx2g}]\nargs: [-Xmx512m]";
    assert_eq!(lines_of("heap-exceeds-limit", &pod(&limited("{limits: {memory: 1Gi}}", both))), NONE, "arguments win");
}

#[test]
fn threads_are_held_against_whole_cores() {
    let exceeds = |fields: &str| messages("threads-exceed-cpu-limit", &pod(fields));
    assert_eq!(
        exceeds("args: [java, -XX:ActiveProcessorCount=4]\nresources: {limits: {cpu: 1500m}}"),
        ["`-XX:ActiveProcessorCount=4` of container `c` is too much for a CPU limit of 1500m"]
    );
    let workers =
        |count: u8| format!("env: [{{name: WEB_CONCURRENCY, value: '{count}'}}]\nresources: {{limits: {{cpu: 500m}}}}");
    assert_eq!(exceeds(&workers(4)).len(), 0);
    assert_eq!(exceeds(&workers(5)).len(), 1);
    assert_eq!(exceeds("env: [{name: GOMAXPROCS, value: '64'}]").len(), 0, "without a limit nothing is throttled");
}

#[test]
fn a_namespace_is_reported_once_and_only_where_its_quotas_are_known() {
    let workload =
        |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\n---\n");
    let pods = format!("{}{}", workload("a"), workload("b"));
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    for rule in ["quota-missing", "limit-range-missing"] {
        assert_eq!(lines_of(rule, &pods), NONE, "{rule}: the input says nothing on quotas of `shop`");
        assert_eq!(lines_of(rule, &format!("{pods}{namespace}")).len(), 1, "{rule}");
        assert_eq!(lines_of(rule, &namespace.replace("shop", "kube-system")), NONE, "{rule}");
    }
    let report = report(&pods, &config());
    assert!(report.not_evaluated.iter().any(|missing| missing.rule == "quota-missing"));
}

#[test]
fn wrong_types_are_no_reason_to_panic() {
    let rules = RULES.iter().filter(|rule| matches!(rule.category, Category::Capacity | Category::Probe));
    let rules: Vec<&str> = rules.map(|rule| rule.id).collect();
    for junk in ["null", "7", "[]", "{}", "text", "[7, {a: [b]}]", "{a: {b: 1}}", "-1e300", "9999999999999999999"] {
        for fields in [
            "resources: JUNK",
            "resources: {requests: JUNK, limits: JUNK}",
            "resources: {requests: {cpu: JUNK, memory: JUNK}, limits: {cpu: JUNK, memory: JUNK}}",
            "env: JUNK",
            "env: [{name: GOMEMLIMIT, value: JUNK}]",
            "args: JUNK\ncommand: [JUNK]",
            "ports: JUNK\nlivenessProbe: JUNK\nreadinessProbe: JUNK\nstartupProbe: JUNK",
            "ports: [JUNK]\nlivenessProbe: {exec: JUNK, httpGet: JUNK, tcpSocket: JUNK, grpc: JUNK}",
            "livenessProbe: {httpGet: {path: JUNK, port: JUNK, host: JUNK}, periodSeconds: JUNK, timeoutSeconds: JUNK}",
            "livenessProbe: {exec: {command: [JUNK, psql, JUNK]}, initialDelaySeconds: JUNK, failureThreshold: JUNK}",
            "startupProbe: {grpc: {port: JUNK}, failureThreshold: JUNK}\nreadinessProbe: {initialDelaySeconds: JUNK}",
        ] {
            let text = pod(&fields.replace("JUNK", junk));
            for rule in &rules {
                let mut config = config();
                config.select = vec![Rule::find(rule).unwrap()];
                let report = report(&text, &config);
                assert!(report.not_evaluated.iter().all(|missing| !missing.needs.contains("mend")), "{rule}:\n{text}");
            }
        }
    }
}

#[test]
fn what_was_meant_is_offered() {
    let report = report(&pod("resources: {limits: {memory: 256mb}}"), &config());
    let finding = report.findings.iter().find(|finding| finding.rule.id == "quantity-invalid").unwrap();
    assert_eq!(&*finding.message, "memory of limits: `256mb` is not a quantity such as 256Mi or 500m");
    assert_eq!(finding.help, "write `256Mi`");
}
