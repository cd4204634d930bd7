use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity, Standard};
use crate::security;
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers that add capabilities beyond the default set of container runtimes.
    ///
    /// ## Why
    /// Each of these breaks the wall between container and node: `SYS_ADMIN` mounts filesystems,
    /// `SYS_PTRACE` reads other processes, `NET_ADMIN` rewrites routes, `NET_RAW` forges packets of
    /// its neighbours. A bug in the program is then a bug of the node.
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
    ///         capabilities:
    ///           drop: [ALL]
    ///           add:
    ///             - SYS_ADMIN # finding
    ///             - NET_BIND_SERVICE
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
    ///           add: [NET_BIND_SERVICE]
    /// ```
    "container-capability-added" {
        summary: "container adds a dangerous capability",
        help: "remove the capability, or move what needs it into a small agent of its own",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        standard: Some(Standard::Baseline),
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!container.?securityContext.?privileged.orValue(false) && \
             container.?securityContext.?capabilities.?add.orValue([]).exists(added, !(added in \
             variables.defaultCapabilities))",
        )
        .with(&[("defaultCapabilities", &security::DEFAULT_CAPABILITIES)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if container.is_privileged() {
        return;
    }
    let added = container.at(&["securityContext", "capabilities", "add"]);
    for (index, capability) in added.into_iter().flat_map(Value::items).enumerate() {
        let capability = capability.raw();
        if !security::DEFAULT_CAPABILITIES.contains(&capability) {
            let path = container.path().keys(&["securityContext", "capabilities", "add"]).index(index);
            sink.report(path, format!("container `{}` adds the capability {capability}", container.name()));
        }
    }
}
