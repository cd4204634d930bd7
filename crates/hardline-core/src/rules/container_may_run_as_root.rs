use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags containers that run as root if their image says so.
    ///
    /// ## Why
    /// An image without a `USER` runs as root, and so does yesterday's harmless image after its
    /// next build. Root in a container is root on the node, held back only by namespaces and
    /// capabilities. With `runAsNonRoot: true` the kubelet refuses to start such an image: a failed
    /// rollout instead of a silent change.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec: # finding
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
    ///     runAsNonRoot: true
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-may-run-as-root" {
        summary: "nothing keeps the container from running as root",
        help: "set `runAsNonRoot: true` in the pod's `securityContext`, and `runAsUser` if the image names its user",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Production,
        standard: Some(Standard::Restricted),
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "!(variables.kubernetes >= 35 && !pod.?hostUsers.orValue(true)) && containers.exists(h, \
             !(h.?securityContext.?runAsUser.or(pod.?securityContext.?runAsUser)).hasValue() && \
             !(h.?securityContext.?runAsNonRoot.or(pod.?securityContext.?runAsNonRoot)).orValue(false))",
        )),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if security::exempts_root(workload, sink) {
        return;
    }
    let root_reported = security::since(sink, 23);
    let mut inheriting = Vec::new();
    for container in workload.containers() {
        // A user that is set is the matter of `container-runs-as-root` or `container-non-root-unenforced`.
        let user = container.effective_security("runAsUser").and_then(Value::int);
        if user.is_some_and(|user| user != 0 || root_reported) {
            continue;
        }
        match container.security("runAsNonRoot").and_then(Value::bool) {
            Some(true) => {}
            Some(false) => {
                let path = container.path().keys(&["securityContext", "runAsNonRoot"]);
                sink.report(path, format!("container `{}` may run as root: `runAsNonRoot` is false", container.name()));
            }
            None => inheriting.push(container),
        }
    }
    let pod = workload.security("runAsNonRoot").and_then(Value::bool);
    if pod == Some(true) || inheriting.is_empty() {
        return;
    }
    let reason = if pod.is_some() { "is false" } else { "is not set" };
    let path = workload.pod_path().keys(&["securityContext", "runAsNonRoot"]);
    sink.report(path, format!("{} may run as root: `runAsNonRoot` {reason}", security::name_all(&inheriting)));
}
