use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that keep capabilities which they could drop.
    ///
    /// ## Why
    /// A container starts with a dozen capabilities, among them to change the owner of files, to
    /// become any user and to make device nodes. Hardly any program needs them, and an intruder has
    /// use for each. The restricted level of the Pod Security Standards drops `ALL` and lets back
    /// only `NET_BIND_SERVICE`.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app # finding
    ///       image: example.com/app:1.4
    ///     - name: proxy
    ///       image: example.com/proxy:1.4
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [CHOWN] # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:1.4
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    "container-capabilities-kept" {
        summary: "container keeps capabilities it could drop",
        help: "set `securityContext.capabilities.drop: [ALL]`; add back only NET_BIND_SERVICE, and only if it is needed",
        category: Category::Security,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        standard: Some(Standard::Restricted),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "pod.?os.?name.orValue('') != 'windows' && \
             !container.?securityContext.?privileged.orValue(false) && (!('ALL' in \
             container.?securityContext.?capabilities.?drop.orValue([])) || \
             container.?securityContext.?capabilities.?add.orValue([]).exists(added, added != \
             'NET_BIND_SERVICE' && added in variables.defaultCapabilities))",
        )
        .with(&[("defaultCapabilities", &security::DEFAULT_CAPABILITIES)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if !security::since(sink, 22) || security::exempts_windows(&container.workload, sink) || container.is_privileged() {
        return;
    }
    let listed = |list| container.at(&["securityContext", "capabilities", list]).into_iter().flat_map(Value::items);
    let name = container.name();
    if !listed("drop").any(|capability| capability.raw() == "ALL") {
        let path = container.path().keys(&["securityContext", "capabilities", "drop"]);
        let edits = vec![Edit::set(path.clone(), serde_json::json!(["ALL"]))];
        sink.report(path, format!("container `{name}` does not drop `ALL` capabilities")).fix(
            Safety::Unsafe,
            "drop `ALL` capabilities",
            edits,
        );
    }
    for (index, capability) in listed("add").enumerate() {
        let capability = capability.raw();
        // All others are reported by `container-capability-added`.
        if security::DEFAULT_CAPABILITIES.contains(&capability) && capability != "NET_BIND_SERVICE" {
            let path = container.path().keys(&["securityContext", "capabilities", "add"]).index(index);
            sink.report(path, format!("container `{name}` adds the capability {capability}"));
        }
    }
}
