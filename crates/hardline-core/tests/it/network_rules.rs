//! Rules about policies, beyond their examples.

use std::sync::Arc;

use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::network::{Assumptions, Network};
use hardline_core::source::Source;

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

/// What is wrong in a spec of `app: web`, and whom the pods are said to reach nevertheless.
fn problems(kind: &str, spec: &str) -> (Vec<String>, Vec<String>) {
    let head = match kind {
        "NetworkPolicy" => {
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: bad, namespace: shop}"
        }
        _ => "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: bad}",
    };
    let text = format!("{SHOP}{head}\nspec: {spec}\n");
    let read = hardline_manifest::read::read(&Arc::new(Source::new("bad.yaml", text)));
    let network = Network::of(&Inventory::new(read.resources, Coverage::everything()), Assumptions::default());
    let told = network.problems().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
    let connections = network.connections(&network.matrix());
    (told, connections.iter().map(|it| format!("{} => {} {}", it.sender, it.receiver, it.ports)).collect())
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place_and_the_rest_answered() {
    // Beside what is wrong, each policy lets the web server ask the database.
    let good = "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}";
    let egress = |bad: &str| {
        let spec =
            format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{good}, {bad}]}}");
        let (told, allowed) = problems("NetworkPolicy", &spec);
        assert!(allowed.is_empty() || allowed.iter().all(|line| !line.contains("External")), "{bad}: {allowed:?}");
        told.join("; ")
    };
    for (bad, expected) in [
        (
            "{to: [{ipBlock: {cidr: 10.0.0.0}}]}",
            "/spec/egress/1/to/0/ipBlock/cidr `10.0.0.0` is not a block such as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "{to: [{ipBlock: {cidr: 10.0.0.0/33}}]}",
            "/spec/egress/1/to/0/ipBlock/cidr `10.0.0.0/33` has more bits than its address",
        ),
        ("{to: [{ipBlock: {}}]}", "/spec/egress/1/to/0/ipBlock/cidr a block of addresses is missing or not a string"),
        (
            "{to: [{}]}",
            "/spec/egress/1/to/0 the peer is empty: it needs `podSelector`, `namespaceSelector` or `ipBlock`",
        ),
        (
            "{ports: [{port: 80, protocol: ICMP}]}",
            "/spec/egress/1/ports/0/protocol `ICMP` is no protocol; there are TCP, UDP and SCTP",
        ),
        ("{ports: [{port: 65536}]}", "/spec/egress/1/ports/0/port `65536` is no port from 1 to 65535"),
        ("{ports: [{port: 0}]}", "/spec/egress/1/ports/0/port `0` is no port from 1 to 65535"),
        ("{ports: [{port: 80, endPort: 79}]}", "/spec/egress/1/ports/0/endPort `endPort` 79 is below `port` 80"),
        ("{ports: [{endPort: 79}]}", "/spec/egress/1/ports/0/endPort `endPort` needs a `port` to start from"),
    ] {
        assert_eq!(egress(bad), expected);
    }
    let outside = "{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}}]}";
    let spec = format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{outside}]}}");
    let (told, allowed) = problems("NetworkPolicy", &spec);
    assert_eq!(told, ["/spec/egress/0/to/0/ipBlock/except/0 `192.168.0.0/16` is outside its block"]);
    assert!(
        allowed.contains(&"shop/web[Pod] => 10.0.0.0-10.255.255.255[External] All Connections".to_owned()),
        "{allowed:?}"
    );
    let cluster = |spec: &str| problems("ClusterNetworkPolicy", spec).0.join("; ");
    let rest = "subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}]}]";
    assert_eq!(
        cluster(&format!("{{tier: Admin, priority: 1001, {rest}}}")),
        "/spec/priority `1001` is no priority from 0 to 1000"
    );
    assert!(cluster(&format!("{{tier: Middle, priority: 1, {rest}}}")).starts_with("/spec/tier "));
    assert_eq!(cluster("{tier: Admin, priority: 1}"), "/spec/subject the subject needs `namespaces` or `pods`");
}

#[test]
fn policies_of_one_priority_may_not_contradict_each_other() {
    let policies = |first: (&str, u32), second: (&str, u32)| {
        let policy = |name: &str, (action, priority): (&str, u32)| {
            format!(
                "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\n\
                 spec: {{tier: Admin, priority: {priority}, subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}\n"
            )
        };
        lines_of("network-policy-invalid", &format!("{SHOP}{}---\n{}", policy("a", first), policy("b", second))).len()
    };
    assert_eq!(policies(("Accept", 5), ("Deny", 5)), 1);
    assert_eq!((policies(("Accept", 5), ("Deny", 6)), policies(("Deny", 5), ("Deny", 5))), (0, 0));
}

#[test]
fn a_rule_with_an_unknown_peer_fails_closed() {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: main, image: main}}]}}\n---\n"
        )
    };
    // Who reaches whom under a rule on one port, of which one peer is known, and one below it that does the opposite.
    let reached = |direction: &str, action: &str, unknown: &str| {
        let peers = if direction == "ingress" { "from" } else { "to" };
        let opposite = if action == "Accept" { "Deny" } else { "Accept" };
        let policy = format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: a}}\n\
             spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, {direction}: [\
             {{action: {action}, {peers}: [{{namespaces: {{}}}}{unknown}], protocols: [{{tcp: {{destinationPort: {{number: 80}}}}}}]}}, \
             {{action: {opposite}, {peers}: [{{namespaces: {{}}}}]}}]}}\n"
        );
        let text = format!("{}{}{policy}", pod("web"), pod("db"));
        let read = hardline_manifest::read::read(&Arc::new(Source::new("peers.yaml", text)));
        let network = Network::of(&Inventory::new(read.resources, Coverage::everything()), Assumptions::default());
        let told: Vec<String> = network.problems().iter().map(|problem| problem.message.clone()).collect();
        let connections = network.connections(&network.matrix());
        let lines = connections.iter().map(|it| format!("{} => {} {}", it.sender, it.receiver, it.ports));
        (told, lines.collect::<Vec<_>>())
    };
    let inside = "shop/web[Pod] => shop/db[Pod]";
    for (direction, unknown) in [
        ("ingress", ", {}"),
        ("ingress", ", {networks: [10.0.0.0/8]}"),
        ("ingress", ", {serviceAccounts: {}}"),
        ("egress", ", {}"),
        ("egress", ", {serviceAccounts: {}}"),
    ] {
        for (action, taken) in [("Accept", "accept nothing"), ("Deny", "deny everything"), ("Pass", "deny everything")]
        {
            let (told, lines) = reached(direction, action, "");
            assert!(
                told.is_empty() && lines.iter().any(|line| line.starts_with(inside)),
                "{direction} {action}: {lines:?}"
            );
            let (told, lines) = reached(direction, action, unknown);
            assert!(told.len() == 1 && told[0].ends_with(taken), "{direction} {action}: {told:?}");
            assert!(!lines.iter().any(|line| line.starts_with(inside)), "{direction} {action}: {lines:?}");
            // To deny everything is to deny it to those outside as well.
            let outside = if direction == "ingress" { "[External] => " } else { "=> 0.0.0.0" };
            assert_eq!(
                lines.iter().any(|line| line.contains(outside)),
                action == "Accept",
                "{direction} {action}: {lines:?}"
            );
        }
    }
    // Domain names are known, but at run time only, and where they cannot be meant the rule is not known.
    let names = ", {domainNames: [example.com]}";
    let (told, lines) = reached("egress", "Accept", names);
    assert!(told.is_empty() && lines.iter().any(|line| line.starts_with(inside)), "{lines:?}");
    assert_eq!(
        reached("egress", "Pass", names).0,
        ["domain names are for `Accept` only; the rule is taken to deny everything"]
    );
}
