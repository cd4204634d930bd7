use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::security::{self, SecurityContext};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags pods and containers whose `runAsGroup`, `fsGroup` or `supplementalGroups` name group 0.
    ///
    /// A group that nobody names is left to the image, and is not meant.
    ///
    /// ## Why
    /// What belongs to root mostly belongs to group 0 as well. A member of it reads the files that were
    /// kept from everybody else, and where an image lets the group write to `/etc/passwd`, as images for
    /// OpenShift did, it makes itself root.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   securityContext:
    ///     runAsNonRoot: true
    ///     runAsUser: 10001
    ///     runAsGroup: 0 # finding
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
    ///     runAsUser: 10001
    ///     runAsGroup: 10001
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    /// ```
    "container-runs-as-root-group" {
        summary: "container is in the group of root",
        help: "set another group than 0",
        category: Category::Security,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if security::exempts_root(workload, sink) {
        return;
    }
    for context in SecurityContext::all(workload) {
        for key in ["runAsGroup", "fsGroup"] {
            if context.get(key).and_then(Value::int) == Some(0) {
                let path = context.path().key(key);
                sink.report(path.clone(), format!("{context} is in group 0 by `{key}`")).fix(
                    Safety::Unsafe,
                    "leave the group to the image",
                    vec![Edit::remove(path)],
                );
            }
        }
        let groups = context.get("supplementalGroups").into_iter().flat_map(Value::items);
        if let Some(at) = groups.map(Value::int).position(|group| group == Some(0)) {
            let path = context.path().key("supplementalGroups").index(at);
            sink.report(path, format!("{context} is in group 0 by `supplementalGroups`"));
        }
    }
}
