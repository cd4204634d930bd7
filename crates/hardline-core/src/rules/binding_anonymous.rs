use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags bindings that grant a role to everybody: `system:anonymous`, `system:unauthenticated`,
    /// `system:authenticated` or `system:masters`.
    ///
    /// The roles that Kubernetes itself grants to everybody are not meant: `system:discovery`,
    /// `system:basic-user`, `system:public-info-viewer` and `system:service-account-issuer-discovery`.
    /// Nor is a `RoleBinding` to `system:authenticated`, by which projects publish one namespace's facts.
    ///
    /// ## Why
    /// Who reaches the API server has the role, with any account or with none. Scanners look for such
    /// clusters all day.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: deployer
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: view
    /// subjects:
    ///   - kind: Group
    ///     name: system:unauthenticated # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: deployer
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: view
    /// subjects:
    ///   - kind: Group
    ///     name: shop-operators
    /// ```
    "binding-anonymous" {
        summary: "role is granted to everybody",
        help: "name the users, groups or service accounts that need the role",
        category: Category::Rbac,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Resource(&[Kind::RoleBinding, Kind::ClusterRoleBinding], check),
        cel: Some(Cel::flags(
            "!(object.roleRef.name in variables.publicRoles) && object.metadata.name != \
             'cluster-admin' && object.?subjects.orValue([]).exists(subject, subject.name in \
             variables.everybody && !(object.kind == 'RoleBinding' && subject.name == \
             'system:authenticated'))",
        )
        .with(&[("everybody", &EVERYBODY), ("publicRoles", &PUBLIC_ROLES)])),
    }
}

const EVERYBODY: [&str; 4] = ["system:anonymous", "system:authenticated", "system:masters", "system:unauthenticated"];

const PUBLIC_ROLES: [&str; 4] =
    ["system:basic-user", "system:discovery", "system:public-info-viewer", "system:service-account-issuer-discovery"];

fn check(binding: &Resource, sink: &mut Sink<'_>) {
    let role = binding.value().at(&["roleRef", "name"]).and_then(Value::str).unwrap_or_default();
    // Kubernetes makes the binding of `cluster-admin` to its own group.
    if PUBLIC_ROLES.contains(&role) || binding.name() == "cluster-admin" {
        return;
    }
    for (index, subject) in binding.value().get("subjects").into_iter().flat_map(Value::items).enumerate() {
        let published = |name: &str| binding.kind() == Kind::RoleBinding && name == "system:authenticated";
        let Some(name) =
            subject.get("name").and_then(Value::str).filter(|name| EVERYBODY.contains(name) && !published(name))
        else {
            continue;
        };
        let path = FieldPath::of(&["subjects"]).index(index).key("name");
        sink.report(path, format!("role `{role}` is granted to `{name}`"));
    }
}
