//! Ways into the cluster, and what they expose.

use std::collections::BTreeMap;
use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network, exposure, needs, ways};
use hardline_core::source::Source;

fn inventory(text: &str) -> Inventory {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    Inventory::new(read.resources, Coverage::everything())
}

/// A pod with two ports, and the objects around it.
fn shop(around: &str) -> Inventory {
    inventory(&format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop, labels: {{app: web}}}}
spec:
  containers:
    - name: web
      ports: [{{name: http, containerPort: 8080}}, {{name: metrics, containerPort: 9090}}]
---
{around}"
    ))
}

/// The ways as `opening resource path: ports, open`.
fn shown(inventory: &Inventory) -> Vec<String> {
    let network = Network::of(inventory, Assumptions::default());
    let line = |way: &hardline_core::network::Way<'_>| {
        let id = inventory[way.resource].id();
        format!("{} by {id} {}: {}, {} open", way.opening.name(), way.path, way.ports, way.open)
    };
    ways(inventory, &network).iter().map(line).collect()
}

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: web, port: 80, targetPort: http}]
---
";

/// Lets in what comes from `from`, on every port.
fn policy(from: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web, namespace: shop}}
spec:
  podSelector: {{}}
  ingress: [{{from: [{from}]}}]
---
"
    )
}

#[test]
fn load_balancers_lead_to_the_target_port() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [203.0.113.0/24]
  selector: {app: web}
  ports: [{port: 80, targetPort: http}, {port: 81, targetPort: absent}]
---
";
    let open = "LoadBalancer by Service shop/web /spec/type: TCP 8080, TCP 8080 open";
    let closed = "LoadBalancer by Service shop/web /spec/type: TCP 8080, No Connections open";
    assert_eq!(shown(&shop(service)), [open]);
    let block = |cidr: &str| shop(&format!("{service}{}", policy(&format!("{{ipBlock: {{cidr: {cidr}}}}}"))));
    assert_eq!(shown(&block("203.0.113.0/25")), [open]);
    assert_eq!(shown(&block("198.51.100.0/24")), [closed]);
    assert_eq!(shown(&shop(&format!("{service}{}", policy("{podSelector: {}}")))), [closed]);
}

#[test]
fn ports_of_nodes_and_external_addresses_are_ways_in() {
    let service = |kind: &str| SERVICE.replace("  selector", &format!("  {kind}\n  selector"));
    assert_eq!(
        shown(&shop(&service("type: NodePort"))),
        ["NodePort by Service shop/web /spec/type: TCP 8080, TCP 8080 open"]
    );
    assert_eq!(
        shown(&shop(&service("externalIPs: [192.0.2.1]"))),
        ["externalIPs by Service shop/web /spec/externalIPs: TCP 8080, TCP 8080 open"]
    );
    assert_eq!(shown(&shop(&service("type: ClusterIP"))), [""; 0]);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  hostNetwork: true
  containers: [{name: agent, ports: [{containerPort: 9100}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: shop}
spec:
  containers: [{name: proxy, ports: [{containerPort: 8000, hostPort: 80}]}]
";
    assert_eq!(
        shown(&inventory(pod)),
        [
            "hostNetwork by Pod shop/agent /spec/containers/0/ports/0/containerPort: TCP 9100, TCP 9100 open",
            "hostPort by Pod shop/proxy /spec/containers/0/ports/0/hostPort: TCP 8000, TCP 8000 open",
        ]
    );
}

const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: web}}}}]
---
";

const CONTROLLER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: edge, labels: {app.kubernetes.io/name: ingress-nginx}}
spec: {containers: [{name: proxy}]}
---
";

#[test]
fn behind_an_ingress_the_controller_sends() {
    let path = "/spec/rules/0/http/paths/0/backend";
    let open = format!("Ingress by Ingress shop/web {path}: TCP 8080, TCP 8080 open");
    let closed = format!("Ingress by Ingress shop/web {path}: TCP 8080, No Connections open");
    let from = |namespace: &str| {
        policy(&format!("{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}}}"))
    };
    let case = |parts: &[&str]| shown(&shop(&format!("{SERVICE}{INGRESS}{}", parts.concat())));
    assert_eq!(case(&[]), [&*open]);
    // Where the controller is not known, it is taken to be installed as usual.
    assert_eq!(case(&[&from("ingress-nginx")]), [&*open]);
    assert_eq!(case(&[&from("edge")]), [&*closed]);
    assert_eq!(case(&[&from("edge"), CONTROLLER]), [&*open]);
    assert_eq!(case(&[&from("ingress-nginx"), CONTROLLER]), [&*closed]);
}

#[test]
fn a_route_needs_a_listener_and_a_grant() {
    let objects = |from: &str, grant: &str| {
        shown(&shop(&format!(
            "{SERVICE}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: infra}}
spec:
  gatewayClassName: istio
  listeners: [{{name: web, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {{from: {from}}}}}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web, namespace: front}}
spec:
  parentRefs: [{{name: edge, namespace: infra, sectionName: web}}]
  hostnames: [shop.example.com]
  rules: [{{backendRefs: [{{name: web, namespace: shop, port: 80}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: web, namespace: shop}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {grant}, namespace: front}}]
  to: [{{group: '', kind: Service}}]
"
        )))
    };
    let open = "Gateway by HTTPRoute front/web /spec/rules/0/backendRefs/0: TCP 8080, TCP 8080 open";
    assert_eq!(objects("All", "HTTPRoute"), [open]);
    assert_eq!(objects("Same", "HTTPRoute"), [""; 0]);
    assert_eq!(objects("All", "GRPCRoute"), [""; 0]);
}

#[test]
fn services_that_name_each_other_in_a_circle_lead_nowhere() {
    let alias = |name: &str, to: &str| {
        format!(
            "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{type: ExternalName, externalName: {to}.shop.svc.cluster.local}}
---
"
        )
    };
    let through = |first: &str, objects: &str| {
        let ingress =
            INGRESS.replace("{name: web, port: {name: web}}", &format!("{{name: {first}, port: {{number: 80}}}}"));
        shown(&shop(&format!("{SERVICE}{ingress}{objects}"))).len()
    };
    assert_eq!(through("a", &alias("a", "web")), 1);
    assert_eq!(through("a", &format!("{}{}", alias("a", "b"), alias("b", "a"))), 0);
    assert_eq!(through("a", &alias("a", "absent")), 0);
}

#[test]
fn exposure_tells_who_reaches_a_workload_from_afar() {
    let other = "
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring}
spec: {containers: [{name: prometheus}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
      ports: [{port: metrics}]
    - from: [{namespaceSelector: {}}]
      ports: [{port: 8080}]
";
    let inventory = shop(other);
    let network = Network::of(&inventory, Assumptions::default());
    let found = exposure(&inventory, &network);
    let web = found.iter().find(|exposure| &*exposure.endpoint.name == "web").unwrap();
    assert_eq!(web.anybody.to_string(), "TCP 8080");
    let namespaces: BTreeMap<&str, String> =
        web.namespaces.iter().map(|(&name, ports)| (name, ports.to_string())).collect();
    assert_eq!(namespaces, BTreeMap::from([("monitoring", "TCP 9090".to_owned())]));
    assert!(!web.is_public());
    let admin: Vec<_> =
        web.admin.iter().map(|admin| (admin.port, admin.metrics, admin.outside, admin.anybody)).collect();
    assert_eq!(admin, [(9090, true, false, false)]);
}

#[test]
fn a_controller_of_the_inventory_is_who_needs_the_backend() {
    let senders = |inventory: &Inventory| -> Vec<Option<String>> {
        let network = Network::of(inventory, Assumptions::default());
        needs(inventory, &network).iter().map(|need| need.sender.endpoint().map(ToString::to_string)).collect()
    };
    assert_eq!(senders(&shop(&format!("{SERVICE}{INGRESS}"))), [None]);
    assert_eq!(senders(&shop(&format!("{SERVICE}{INGRESS}{CONTROLLER}"))), [Some("edge/proxy[Pod]".to_owned())]);
}
