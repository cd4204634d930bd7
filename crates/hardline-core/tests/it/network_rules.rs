//! Rules about policies, beyond their examples.

use crate::support::lines_of;

/// A namespace of which all is known, two workloads and a Service.
const SHOP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: db, image: db, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
";

/// How many findings a policy gets that selects `app: web` and has this spec.
fn count(rule: &str, spec: &str, rest: &str) -> usize {
    let policy = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: web}}}}, {spec}}}\n"
    );
    lines_of(rule, &format!("{SHOP}{policy}{rest}")).len()
}

#[test]
fn an_unused_permission_is_certain() {
    let unused = |spec: &str| count("network-allow-unused", spec, "");
    let from = |peer: &str, port: &str| unused(&format!("ingress: [{{from: [{peer}], ports: [{{port: {port}}}]}}]"));
    let db = "{podSelector: {matchLabels: {app: db}}}";
    assert_eq!(from(db, "8080"), 0);
    assert_eq!(from("{podSelector: {matchLabels: {app: data}}}", "8080"), 1);
    // 80 is the port of the Service; 9000 may be one that the container does not declare.
    assert_eq!((from(db, "80"), from(db, "9000"), from(db, "http"), from(db, "https")), (1, 0, 0, 1));
    // Who is meant elsewhere, or made by an operator, is not known.
    assert_eq!(from("{namespaceSelector: {}, podSelector: {matchLabels: {app: data}}}", "8080"), 0);
    let operator = "---\napiVersion: example.com/v1\nkind: Database\nmetadata: {name: a, namespace: shop}\n";
    let spec = "ingress: [{from: [{podSelector: {matchLabels: {app: data}}}]}]";
    assert_eq!(count("network-allow-unused", spec, operator), 0);
    // The receiver's port counts, and it must be known who that is.
    let to =
        |peer: &str| unused(&format!("policyTypes: [Egress], egress: [{{to: [{peer}], ports: [{{port: http}}]}}]"));
    assert_eq!((to(db), to("{ipBlock: {cidr: 10.0.0.0/8}}")), (1, 0));
}

#[test]
fn a_service_is_unreachable_for_everybody_or_not_at_all() {
    let unreachable = |spec: &str, rest: &str| count("network-service-unreachable", spec, rest);
    assert_eq!(unreachable("ingress: [{ports: [{port: 80}]}]", ""), 1);
    assert_eq!(unreachable("ingress: [{ports: [{port: http}]}]", ""), 0);
    // The peer may be in a namespace that is not here.
    let elsewhere = "ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}], ports: [{port: 8080}]}]";
    assert_eq!(unreachable(elsewhere, ""), 0);
    let admin = "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\n\
                 spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}\n";
    assert_eq!(unreachable("ingress: []", admin), 0);
    // Half of a permission is told by network-allow-one-sided.
    let egress = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]}\n";
    assert_eq!(unreachable("ingress: []", egress), 0);
}

#[test]
fn egress_anywhere_is_an_exception_from_a_default_deny() {
    let anywhere =
        |rule: &str| count("network-egress-anywhere", &format!("policyTypes: [Egress], egress: [{rule}]"), "");
    assert_eq!((anywhere("{}"), anywhere("{ports: [{port: 443}]}")), (1, 1));
    assert_eq!(anywhere("{ports: [{port: 53, protocol: UDP}, {port: 53}]}"), 0);
    let block = |except: &str| {
        anywhere(&format!("{{to: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [{except}]}}}}], ports: [{{port: 443}}]}}"))
    };
    assert_eq!((block(""), block("10.0.0.0/8"), block("169.254.169.254/32")), (1, 0, 1));
    // One finding a line: the metadata service is worse.
    assert_eq!(anywhere("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), 0);
    let open = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: b}\n\
                spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{}]}\n";
    assert!(lines_of("network-egress-anywhere", open).is_empty());
}
