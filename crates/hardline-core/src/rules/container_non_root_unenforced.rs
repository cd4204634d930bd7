use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;
use crate::workload::Workload;

declare_rule! {
    /// Flags containers that run as another user than root, but do not say that they must.
    ///
    /// ## Why
    /// Such a container is safe as it stands. The restricted level of the Pod Security Standards
    /// still wants `runAsNonRoot: true`, so that the guard outlives whoever edits `runAsUser`, and
    /// a namespace that enforces the level refuses the pod.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext: # finding
    ///     runAsUser: 10001
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
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
    "container-non-root-unenforced" {
        summary: "nothing enforces the user that is not root",
        help: "set `runAsNonRoot: true` in the pod's `securityContext`",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        standard: Some(Standard::Restricted),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "!(variables.kubernetes >= 35 && !pod.?hostUsers.orValue(true)) && (containers.exists(h, \
             (h.?securityContext.?runAsUser.or(pod.?securityContext.?runAsUser)).orValue(0) != 0 && \
             !(h.?securityContext.?runAsNonRoot.or(pod.?securityContext.?runAsNonRoot)).orValue(false)) \
             || !pod.?securityContext.?runAsNonRoot.orValue(true) && containers.all(h, \
             h.?securityContext.?runAsNonRoot.hasValue()))",
        )),
    }
}

const TITLE: &str = "set `runAsNonRoot: true`";

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if security::exempts_root(workload, sink) {
        return;
    }
    let pod = workload.security("runAsNonRoot").and_then(Value::bool);
    let mut overridden = true;
    let mut inheriting = Vec::new();
    for container in workload.containers() {
        let own = container.security("runAsNonRoot").and_then(Value::bool);
        overridden &= own.is_some();
        let Some(user) = container.effective_security("runAsUser").and_then(Value::int) else { continue };
        match own {
            // Root is the matter of `container-runs-as-root`.
            _ if user == 0 => {}
            Some(true) => {}
            Some(false) => {
                let path = container.path().keys(&["securityContext", "runAsNonRoot"]);
                let name = container.name();
                let message = format!("container `{name}` runs as user {user}, but `runAsNonRoot` is false");
                sink.report(path.clone(), message).fix(Safety::Safe, TITLE, vec![Edit::set(path, true)]);
            }
            None if pod == Some(true) => {}
            None => inheriting.push(container),
        }
    }
    let path = workload.pod_path().keys(&["securityContext", "runAsNonRoot"]);
    if !inheriting.is_empty() {
        let names = security::name_all(&inheriting);
        let message = format!("`runAsUser` is not root for {names}, but `runAsNonRoot` is not true");
        // A container whose user nobody names may be root by its image.
        let known = |container: Container<'_>| {
            let own = container.security("runAsNonRoot").and_then(Value::bool).is_some();
            own || container.effective_security("runAsUser").and_then(Value::int).is_some_and(|user| user != 0)
        };
        let safety = if workload.containers().all(known) { Safety::Safe } else { Safety::Unsafe };
        sink.report(path.clone(), message).fix(safety, TITLE, vec![Edit::set(path, true)]);
    } else if pod == Some(false) && overridden {
        // The standard refuses it even where no container inherits it.
        sink.report(path, "`runAsNonRoot` is false for the pod, though each container sets its own");
    }
}
