//! Services, Ingresses and the pods behind them, beyond the rules' own examples.

use crate::support::lines_of;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - {name: init, ports: [{name: setup, containerPort: 1}]}
        - {name: proxy, restartPolicy: Always, ports: [{name: proxy, containerPort: 15000}]}
      containers:
        - {name: web, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}
---
";

fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n---\n")
}

#[test]
fn a_service_is_said_to_select_nothing_only_when_that_is_certain() {
    let dangling =
        |text: &str, service: &str| lines_of("service-selects-nothing", &format!("{text}{WEB}{service}")).len();
    let other = service("other", "selector: {app: other}");
    assert_eq!(dangling("", &other), 0, "other workloads may exist");
    assert_eq!(dangling(NAMESPACE, &other), 1);
    assert_eq!(dangling("", &service("web", "selector: {app: wep}")), 1, "the workload of this name was meant");
    assert_eq!(dangling(NAMESPACE, &service("other", "selector: {app: web}")), 0);
    assert_eq!(dangling(NAMESPACE, &service("other", "selector: {leader: yes-it-is}")), 0, "set at run time");
    assert_eq!(dangling(NAMESPACE, &service("other", "type: ExternalName, selector: {app: other}")), 0);
    assert_eq!(dangling(NAMESPACE, &service("other", "ports: [{port: 80}]")), 0);
    let custom = "apiVersion: example.com/v1\nkind: Cache\nmetadata: {name: other, namespace: shop}\n---\n";
    assert_eq!(dangling(&format!("{NAMESPACE}{custom}"), &other), 0, "its controller may make the pods");
}

#[test]
fn a_target_port_is_looked_for_in_containers_that_run() {
    let unknown = |rule: &str, port: &str| {
        let service = service("web", &format!("selector: {{app: web}}, ports: [{port}]"));
        lines_of(rule, &format!("{WEB}{service}")).len()
    };
    for (port, findings) in [
        ("{port: 80, targetPort: http}", 0),
        ("{port: 80, targetPort: proxy}", 0),
        ("{port: 80, targetPort: setup}", 1),
        ("{port: 80, targetPort: http, protocol: UDP}", 1),
        ("{port: 53, targetPort: dns, protocol: UDP}", 0),
        ("{port: 80}", 0),
    ] {
        assert_eq!(unknown("service-port-name-unknown", port), findings, "{port}");
    }
    for (port, findings) in [
        ("{port: 80, targetPort: 8080}", 0),
        ("{port: 8080}", 0),
        ("{port: 80}", 1),
        ("{port: 80, targetPort: 15000}", 0),
        ("{port: 80, targetPort: 1}", 1),
    ] {
        assert_eq!(unknown("service-port-undeclared", port), findings, "{port}");
    }
}

#[test]
fn an_ingress_of_either_version_is_followed() {
    let broken = |backend: &str| {
        let ingress = format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: shop}}
spec: {{rules: [{{http: {{paths: [{{backend: {backend}}}]}}}}]}}\n---\n"
        );
        let service = service("web", "selector: {app: web}, ports: [{name: http, port: 80}]");
        lines_of("ingress-backend-missing", &format!("{ingress}{service}")).len()
    };
    for (backend, findings) in [
        ("{service: {name: web, port: {number: 80}}}", 0),
        ("{service: {name: web, port: {name: http}}}", 0),
        ("{service: {name: web, port: {name: https}}}", 1),
        ("{service: {name: web, port: {name: use-annotation}}}", 0),
        ("{service: {name: wep, port: {number: 80}}}", 1),
        ("{serviceName: web, servicePort: 80}", 0),
        ("{serviceName: web, servicePort: 81}", 1),
        ("{resource: {kind: Bucket, name: assets}}", 0),
    ] {
        assert_eq!(broken(backend), findings, "{backend}");
    }
}
