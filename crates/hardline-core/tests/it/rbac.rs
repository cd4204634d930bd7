//! Roles and bindings, beyond the rules' own examples.

use hardline_core::rule::Rule;

use crate::support::{alone, judgement, lines_of};

fn found(rule: &str, grant: &str) -> usize {
    let text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: deployer}}\nrules: [{{{grant}}}]\n"
    );
    lines_of(rule, &text).len()
}

#[test]
fn grants_that_name_their_objects_or_do_nothing_harmful_pass() {
    for (rule, grant, findings) in [
        ("role-wildcard", "apiGroups: ['*'], resources: ['*'], verbs: ['*']", 1),
        ("role-wildcard", "apiGroups: ['', apps], resources: ['*'], verbs: ['*']", 1),
        ("role-wildcard", "apiGroups: [example.com], resources: ['*'], verbs: ['*']", 0),
        ("role-wildcard", "apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch]", 0),
        ("role-wildcard", "nonResourceURLs: ['*'], verbs: ['*']", 0),
        ("role-escalates", "apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate, bind]", 1),
        (
            "role-escalates",
            "apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind], resourceNames: [view]",
            0,
        ),
        ("role-escalates", "apiGroups: [''], resources: [groups], verbs: [impersonate]", 1),
        ("role-escalates", "apiGroups: [''], resources: [pods], verbs: [bind]", 0),
        ("role-enters-pods", "apiGroups: [''], resources: [pods/attach, pods/exec], verbs: [create]", 1),
        ("role-enters-pods", "apiGroups: [''], resources: [pods/exec], verbs: [delete]", 0),
        ("role-reads-secrets", "apiGroups: [''], resources: [secrets], verbs: [get]", 0),
        ("role-wildcard", "apiGroups: 7, resources: {}, verbs: null", 0),
    ] {
        assert_eq!(found(rule, grant), findings, "{rule}: {grant}");
    }
}

#[test]
fn the_roles_that_kubernetes_grants_to_everybody_pass() {
    let granted = |kind: &str, role: &str, group: &str| {
        let text = format!(
            "apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: public}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{kind: Group, name: '{group}'}}]
"
        );
        lines_of("binding-anonymous", &text).len()
    };
    assert_eq!(granted("ClusterRoleBinding", "view", "system:authenticated"), 1);
    assert_eq!(granted("ClusterRoleBinding", "system:public-info-viewer", "system:unauthenticated"), 0);
    assert_eq!(
        granted("RoleBinding", "view", "system:authenticated"),
        0,
        "users of the cluster may share one namespace"
    );
    assert_eq!(granted("RoleBinding", "view", "system:anonymous"), 1);
    assert_eq!(granted("ClusterRoleBinding", "view", "system:serviceaccounts"), 0);
}

#[test]
fn roles_that_kubernetes_makes_are_a_matter_of_who_binds_them() {
    let cluster = |role: &str, binding: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: '{role}'}}
rules: [{{apiGroups: ['*'], resources: ['*'], verbs: ['*']}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: '{binding}'}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: '{role}'}}
subjects: [{{kind: ServiceAccount, name: operator, namespace: shop}}]
"
        )
    };
    for (role, binding, wildcard, reserved) in [
        ("operator", "operator", vec![4], vec![]),
        ("system:operator", "operator", vec![], vec![9]),
        ("system:operator", "system:operator", vec![], vec![]),
        ("gce:beta", "operator", vec![], vec![9]),
        ("cluster-admin", "operator", vec![], vec![]),
        ("system", "operator", vec![4], vec![]),
    ] {
        let text = cluster(role, binding);
        assert_eq!(lines_of("role-wildcard", &text), wildcard, "{role} {binding}");
        assert_eq!(lines_of("binding-role-reserved", &text), reserved, "{role} {binding}");
    }
}

#[test]
fn of_many_who_hold_a_role_the_first_are_named() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: operator}
rules: [{apiGroups: [''], resources: [pods/exec], verbs: [create]}]
";
    let bindings = ["e", "b", "d", "a", "c"].map(|namespace| {
        format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: operator, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}}
subjects: [{{kind: ServiceAccount, name: {namespace}, namespace: {namespace}}}]
"
        )
    });
    let text = [role, &bindings.concat()].concat();
    let judgement = judgement(&text, &alone(Rule::find("role-enters-pods").unwrap()));
    let evidence = judgement.findings.iter().flat_map(|judged| &judged.finding.evidence);
    let held: Vec<_> = evidence.map(|evidence| evidence.message.to_string()).collect();
    assert_eq!(held, ["e", "b", "d"].map(|name| format!("held by ServiceAccount `{name}`")));
}

#[test]
fn a_finding_in_a_role_says_who_holds_it() {
    let text = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: operator}
rules: [{apiGroups: [''], resources: [pods/exec], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}
subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]
";
    let judgement = judgement(text, &alone(Rule::find("role-enters-pods").unwrap()));
    let evidence = judgement.findings.iter().flat_map(|judged| &judged.finding.evidence);
    let held: Vec<_> = evidence.map(|evidence| evidence.message.to_string()).collect();
    assert_eq!(held, ["held by ServiceAccount `deployer`"]);
}
