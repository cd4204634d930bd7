//! Rules on probes, beyond the examples in their documentation.

use hardline_core::rule::Rule;

use crate::support::{config, lines_of, report};

/// A Deployment of one container with these fields.
fn deployment(fields: &str) -> String {
    let head = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: shop}
spec:
  template:
    metadata: {labels: {app: d}}
    spec:
      containers:
        - name: c
          image: example.com/c:1
";
    format!("{head}          {}\n", fields.replace('\n', "\n          "))
}

fn messages(rule: &str, text: &str) -> Vec<String> {
    let mut config = config();
    config.select = vec![Rule::find(rule).expect("the rule exists")];
    report(text, &config).findings.into_iter().map(|finding| finding.message.to_string()).collect()
}

fn dependency(probe: &str, others: &str) -> Vec<String> {
    let text = deployment(&format!("livenessProbe: {probe}\n{others}"));
    let messages = messages("probe-liveness-calls-dependency", &text);
    let what = messages.iter().map(|message| message.trim_start_matches("liveness probe of container `c` ").to_owned());
    what.collect()
}

#[test]
fn clients_of_another_host_are_dependencies() {
    for (command, what) in [
        ("[psql, -h, orders-db, -c, select 1]", "runs `psql` against `orders-db`"),
        ("[sh, -c, 'exec pg_isready --host=orders-db -U app']", "runs `pg_isready` against `orders-db`"),
        ("[mysqladmin, ping, -hmysql.shop]", "runs `mysqladmin` against `mysql.shop`"),
        ("[psql, 'postgres://app:s3cret@db:5432/orders']", "runs `psql` against `db`"),
        ("[redis-cli, -h, $(REDIS_HOST), ping]", "runs `redis-cli` against `$(REDIS_HOST)`"),
        ("[sh, -c, 'nc -z -w 2 rabbit 5672']", "runs `nc` against `rabbit`"),
        ("[curl, -f, 'http://inventory:8080/health']", "runs `curl` against `inventory`"),
        ("[wget, -qO-, 'http://127.0.0.1:8080/health/db']", "runs `wget` on `/health/db`, which names a database"),
        ("[sh, -c, 'pg_isready; nc -z rabbit 5672']", "runs `nc` against `rabbit`"),
        ("[bash, -c, 'cat < /dev/tcp/db/5432']", "connects to `db`"),
        ("[/bin/grpc_health_probe, '-addr=cart:7070']", "runs `grpc_health_probe` against `cart`"),
    ] {
        let found = dependency(&format!("{{exec: {{command: {command}}}}}"), "");
        assert_eq!(found, [what], "{command}");
    }
}

#[test]
fn a_container_that_asks_itself_has_no_dependency() {
    for command in [
        "[pg_isready]",
        "[sh, -c, 'exec pg_isready -U \"$POSTGRES_USER\" -h 127.0.0.1 -p 5432']",
        "[pg_isready, -h, /var/run/postgresql]",
        "[mysqladmin, ping, -u, root]",
        "[sh, -c, 'redis-cli ping; echo done']",
        "[redis-cli, -h, $(POD_IP), ping]",
        "[sh, -c, 'redis-cli -h $(hostname) ping']",
        "[sh, -c, 'redis-cli -h $MY_IP ping']",
        "[mongosh, --eval, \"db.adminCommand('ping')\"]",
        "[cqlsh, -e, describe keyspaces]",
        "[curl, -f, 'http://localhost:8080/livez']",
        "[curl, -f, 'http://[::1]:8080/livez']",
        "[sh, -c, 'curl http://$HOSTNAME:8080/']",
        "[grpc_health_probe, '-addr=:7070']",
        "[cat, /tmp/healthy]",
        "[]",
    ] {
        let found = dependency(
            &format!("{{exec: {{command: {command}}}}}"),
            "env: [{name: MY_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]",
        );
        assert_eq!(found, Vec::<String>::new(), "{command}");
    }
}

#[test]
fn variables_are_read_where_they_are_literal() {
    let probe = "{exec: {command: [pg_isready, -h, $(DB_HOST)]}}";
    assert_eq!(dependency(probe, "env: [{name: DB_HOST, value: localhost}]"), Vec::<String>::new());
    assert_eq!(dependency(probe, "env: [{name: DB_HOST, value: db.shop.svc}]").len(), 1);
    assert_eq!(dependency("{exec: {command: [psql]}}", "env: [{name: PGHOST, value: db}]").len(), 1);
}

#[test]
fn paths_tell_what_is_behind_them() {
    for (path, found) in [
        ("/health/db", true),
        ("/db-health", true),
        ("/readyz", true),
        ("/health/ready?verbose", true),
        ("/deep", true),
        ("/actuator/health", true),
        ("/actuator/health/", true),
        ("/actuator/health/liveness", false),
        ("/livez", false),
        ("/healthz", false),
        ("/", false),
        ("/dashboard/ping", false),
        ("/already/fine", false),
    ] {
        let dependencies = dependency(&format!("{{httpGet: {{path: {path}, port: 80}}}}"), "");
        assert_eq!(!dependencies.is_empty(), found, "{path}: {dependencies:?}");
    }
    assert_eq!(dependency("{httpGet: {host: payments, path: /, port: 80}}", ""), ["asks another host, `payments`"]);
    assert_eq!(dependency("{tcpSocket: {host: 127.0.0.1, port: 80}}", ""), Vec::<String>::new());
}

#[test]
fn equal_probes_are_told_by_meaning_not_by_text() {
    let equal = |liveness: &str, readiness: &str| {
        let ports = "ports: [{name: http, containerPort: 8080}]";
        let text = deployment(&format!("{ports}\nlivenessProbe: {liveness}\nreadinessProbe: {readiness}"));
        !lines_of("probe-liveness-equals-readiness", &text).is_empty()
    };
    let probe = "{httpGet: {path: /, port: 8080}}";
    assert!(equal(probe, "{httpGet: {port: http, scheme: HTTP}, periodSeconds: 10}"));
    assert!(!equal(probe, "{httpGet: {path: /other, port: 8080}}"));
    assert!(!equal(probe, "{httpGet: {path: /, port: 8080}, failureThreshold: 1}"), "traffic stops first");
    assert!(equal("{grpc: {port: 9000}}", "{grpc: {port: 9000, service: ''}}"));
    assert!(!equal("{tcpSocket: {port: 9000}}", "{grpc: {port: 9000}}"));
    assert!(!equal("{}", "{}"), "without a handler there is nothing to compare");
}

#[test]
fn a_start_up_budget_is_held_against_declared_delays() {
    let early = |probes: &str| messages("probe-kills-starting-container", &deployment(probes));
    assert_eq!(
        early(
            "startupProbe: {tcpSocket: {port: 1}, periodSeconds: 5}\nlivenessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 120}"
        ),
        ["startup probe may kill container `c` 10 s after its start, while the liveness probe grants it 120 s"]
    );
    assert_eq!(
        early(
            "livenessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 30}\nreadinessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 40}"
        ),
        Vec::<String>::new()
    );
    let huge = "livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 9223372036854775807, failureThreshold: 9223372036854775807}\nreadinessProbe: {tcpSocket: {port: 1}}";
    assert_eq!(early(huge), Vec::<String>::new());
}

#[test]
fn readiness_is_asked_for_where_a_service_sends_traffic() {
    let rule = "probe-readiness-missing";
    let service = |fields: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: shop}}\nspec: {{selector: {{app: d}}{fields}}}\n"
        )
    };
    let text = deployment("");
    assert_eq!(lines_of(rule, &text).len(), 0, "nothing says that it serves");
    assert_eq!(
        messages(rule, &format!("{text}{}", service(""))),
        ["no container has a readiness probe, and Service `s` sends traffic to its pods"]
    );
    assert_eq!(lines_of(rule, &format!("{text}{}", service(", publishNotReadyAddresses: true"))).len(), 0);
    let ports = deployment("ports: [{containerPort: 80}]");
    assert_eq!(lines_of(rule, &ports).len(), 1);
    let other = service("").replace("app: d", "app: other");
    assert_eq!(lines_of(rule, &format!("{ports}{other}")).len(), 0, "the namespace's Services are known");
    assert_eq!(lines_of(rule, &ports.replace("kind: Deployment", "kind: DaemonSet")).len(), 0);
    assert_eq!(lines_of(rule, &ports.replace("kind: Deployment", "kind: Job")).len(), 0);
}

#[test]
fn ports_are_looked_for_where_the_kubelet_and_the_network_do() {
    let ports = "ports: [{name: http, containerPort: 8080}]";
    let unknown = |probe: &str| lines_of("probe-port-name-unknown", &deployment(&format!("{ports}\n{probe}"))).len();
    assert_eq!(unknown("livenessProbe: {tcpSocket: {port: http}}"), 0);
    assert_eq!(unknown("livenessProbe: {tcpSocket: {port: web}}\nreadinessProbe: {httpGet: {port: web}}"), 2);
    let undeclared = |probe: &str| lines_of("probe-port-undeclared", &deployment(probe)).len();
    let both = "livenessProbe: {grpc: {port: 9}}\nreadinessProbe: {grpc: {port: 9}}";
    assert_eq!(undeclared(&format!("{ports}\n{both}")), 1, "told once");
    assert_eq!(undeclared(both), 0, "no ports, no claim");
    let sidecar = deployment(&format!("{ports}\n{both}")) + "        - {name: agent, ports: [{containerPort: 9}]}\n";
    assert_eq!(lines_of("probe-port-undeclared", &sidecar).len(), 0, "containers of a pod share their ports");
}

#[test]
fn what_the_api_server_refuses_is_told() {
    for (probe, problem) in [
        ("livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}", "has several handlers: exec, tcpSocket"),
        ("startupProbe: {tcpSocket: {port: 70000}}", "asks port 70000, which cannot exist"),
        ("readinessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}", "sets `periodSeconds` to -1"),
    ] {
        let found = messages("probe-invalid", &deployment(probe));
        assert!(found.len() == 1 && found[0].ends_with(problem), "{found:?}");
    }
    let init =
        deployment("").replace("containers:", "initContainers:") + "          livenessProbe: {tcpSocket: {port: 1}}\n";
    assert_eq!(lines_of("probe-invalid", &init).len(), 1);
    let sidecar = init + "          restartPolicy: Always\n";
    assert_eq!(lines_of("probe-invalid", &sidecar).len(), 0);
}
