//! Roles and bindings, beyond the rules' own examples.

use crate::support::lines_of;

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
