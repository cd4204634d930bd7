use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security::{self, SecurityContext};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods and containers that ask to run as user 0.
    ///
    /// ## Why
    /// Root in a container is root on the node, held back only by namespaces and what is left of
    /// capabilities. Most escapes from containers need it, and it writes wherever a volume of the
    /// node is mounted. Since Kubernetes 1.35 the rule lets pass what runs in a user namespace
    /// (`hostUsers: false`), where root is nobody on the node.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       securityContext:
    ///         runAsUser: 0 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     runAsUser: 10001
    ///     runAsNonRoot: true
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-runs-as-root" {
        summary: "container runs as root",
        help: "set `runAsUser` to another user than 0 and `runAsNonRoot: true`",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Production,
        standard: Some(Standard::Restricted),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "!(variables.kubernetes >= 35 && !pod.?hostUsers.orValue(true)) && \
             contexts.exists(context, context.?runAsUser.orValue(1) == 0)",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if !security::since(sink, 23) || security::exempts_root(workload, sink) {
        return;
    }
    for context in SecurityContext::all(workload) {
        if context.get("runAsUser").and_then(Value::int) == Some(0) {
            let (user, non_root) = (context.path().key("runAsUser"), context.path().key("runAsNonRoot"));
            sink.report(user.clone(), format!("{context} runs as root")).fix(
                Safety::Unsafe,
                "leave the user to the image, and refuse root",
                vec![Edit::remove(user), Edit::set(non_root, true)],
            );
        }
    }
}
