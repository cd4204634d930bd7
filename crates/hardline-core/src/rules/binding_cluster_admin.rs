use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags a `ClusterRoleBinding` that makes a service account `cluster-admin`.
    ///
    /// ## Why
    /// Every pod that runs as the account holds the keys of the cluster. A flaw in one of its
    /// dependencies is then a flaw of everything that runs here.
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
    ///   name: cluster-admin # finding
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
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
    ///   name: deployer
    /// subjects:
    ///   - kind: ServiceAccount
    ///     name: deployer
    ///     namespace: shop
    /// ```
    "binding-cluster-admin" {
        summary: "service account is cluster-admin",
        help: "bind a role that names what the program needs",
        category: Category::Rbac,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Resource(&[Kind::ClusterRoleBinding], check),
        cel: Some(Cel::flags(
            "object.roleRef.name == 'cluster-admin' && object.?subjects.orValue([]).exists(subject, \
             subject.kind == 'ServiceAccount')",
        )),
    }
}

fn check(binding: &Resource, sink: &mut Sink<'_>) {
    let role = binding.value().at(&["roleRef", "name"]).and_then(Value::str);
    if role != Some("cluster-admin") {
        return;
    }
    let subjects = binding.value().get("subjects").into_iter().flat_map(Value::items);
    let accounts = subjects.filter(|subject| subject.get("kind").and_then(Value::str) == Some("ServiceAccount"));
    let names = accounts.filter_map(|account| account.get("name")?.str()).map(|name| format!("`{name}`"));
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        let message = format!("service account {} may do everything in the cluster", names.join(" and "));
        sink.report(FieldPath::of(&["roleRef", "name"]), message);
    }
}
