use crate::declare_rule;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;

declare_rule! {
    /// Flags bindings that make a user or a group `cluster-admin` for good.
    ///
    /// The binding that Kubernetes makes for `system:masters` is not meant, nor are service accounts:
    /// those are the matter of `binding-cluster-admin`.
    ///
    /// ## Why
    /// An administrator who works with all rights all day deletes the wrong namespace one day, and whoever
    /// steals the session has the cluster. Kubernetes advises a role of few rights and impersonation for the
    /// moments that need more.
    /// <https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege>
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: operators
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: cluster-admin # finding
    /// subjects:
    ///   - apiGroup: rbac.authorization.k8s.io
    ///     kind: Group
    ///     name: operators
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: rbac.authorization.k8s.io/v1
    /// kind: ClusterRoleBinding
    /// metadata:
    ///   name: operators
    /// roleRef:
    ///   apiGroup: rbac.authorization.k8s.io
    ///   kind: ClusterRole
    ///   name: view
    /// subjects:
    ///   - apiGroup: rbac.authorization.k8s.io
    ///     kind: Group
    ///     name: operators
    /// ```
    "binding-cluster-admin-person" {
        summary: "people are cluster-admin all the time",
        help: "bind `view` or a role of your own, and let them impersonate an administrator where they must",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Resource(&[Kind::RoleBinding, Kind::ClusterRoleBinding], check),
    }
}

fn check(binding: &Resource, sink: &mut Sink<'_>) {
    let field = |key| binding.value().at(&["roleRef", key]).and_then(Value::str);
    if field("name") != Some("cluster-admin") || field("kind") != Some("ClusterRole") || rbac::is_built_in(binding) {
        return;
    }
    let subjects = binding.value().get("subjects").into_iter().flat_map(Value::items);
    let people = subjects.filter_map(|subject| {
        let kind = subject.get("kind")?.str().filter(|kind| matches!(*kind, "User" | "Group"))?;
        // Kubernetes' own users and groups are no people; `binding-anonymous` knows the open ones.
        let name = subject.get("name")?.str().filter(|name| !name.starts_with("system:"))?;
        Some(format!("{} `{name}`", kind.to_ascii_lowercase()))
    });
    let names: Vec<_> = people.collect();
    if !names.is_empty() {
        let place = binding.namespace().map_or("in the cluster".to_owned(), |name| format!("in namespace `{name}`"));
        let message = format!("{} may do everything {place}, all the time", names.join(" and "));
        sink.report(FieldPath::of(&["roleRef", "name"]), message);
    }
}
