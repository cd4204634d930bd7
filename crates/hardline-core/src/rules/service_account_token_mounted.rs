use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags workloads that mount a token of the service account `default`, or say
    /// `automountServiceAccountToken: true`, where nothing shows that they need it.
    ///
    /// ## Why
    /// The token is a key to the API server in a file of every container. Few programs call the API;
    /// whoever breaks into the others is handed the key for free.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec: # finding
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: web
    /// spec:
    ///   selector:
    ///     matchLabels:
    ///       app: web
    ///   template:
    ///     metadata:
    ///       labels:
    ///         app: web
    ///     spec:
    ///       automountServiceAccountToken: false
    ///       containers:
    ///         - name: web
    ///           image: example.com/web:1.4
    /// ```
    "service-account-token-mounted" {
        summary: "token is mounted without need",
        help: "set `automountServiceAccountToken: false`",
        category: Category::Rbac,
        severity: Severity::Low,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if workload.pod_spec().is_none() {
        return;
    }
    let own = workload.pod("automountServiceAccountToken").and_then(Value::bool);
    let name = |key| workload.pod(key).and_then(Value::str).filter(|name| !name.is_empty());
    let account = name("serviceAccountName").or_else(|| name("serviceAccount")).unwrap_or("default");
    let found = sink.inventory().find(Kind::ServiceAccount, workload.resource.namespace(), account);
    let inherited = || found?.value().get("automountServiceAccountToken")?.bool();
    let mounted = own.or_else(inherited);
    // An account of its own is there to be used, as long as nobody says so twice.
    if mounted == Some(false) || (mounted.is_none() && account != "default") {
        return;
    }
    let message = format!("a token of the service account `{account}` is mounted into every container");
    let path = workload.pod_path().key("automountServiceAccountToken");
    let edits = vec![Edit::set(path.clone(), false)];
    sink.report(path, message).fix(Safety::Unsafe, "mount no token", edits);
}
