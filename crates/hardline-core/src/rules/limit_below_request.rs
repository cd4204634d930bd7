use crate::declare_rule;
use crate::demand::{self, Bound, Dimension, Origin};
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::quantity::Quantity;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Workload;

declare_rule! {
    /// Flags limits below the request for the same thing, of containers and of the pod as a
    /// whole. The default limit of a `LimitRange` counts where a container sets none.
    ///
    /// ## Why
    /// The API server refuses such a pod. It accepts the Deployment around it all the same: the
    /// rollout hangs, and nothing but an event on the ReplicaSet says why. After a node is lost,
    /// the pods that go missing are not replaced.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 1Gi
    ///         limits:
    ///           memory: 512Mi # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           memory: 1Gi
    ///         limits:
    ///           memory: 1Gi
    /// ```
    "limit-below-request" {
        summary: "limit is below the request",
        help: "raise the limit to the request or lower the request",
        category: Category::Capacity,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if let Some(demand) = workload.pod("resources") {
        compare(&|| "the pod".to_owned(), demand, &|| workload.pod_path().key("resources"), sink);
    }
    for container in workload.containers() {
        let who = || format!("container `{}`", container.name());
        if let Some(demand) = container.get("resources") {
            compare(&who, demand, &|| container.path().key("resources"), sink);
        }
        for dimension in Dimension::ALL {
            let amount = |bound| demand::effective(&container, bound, dimension, sink.inventory());
            if let Some(request) = amount(Bound::Request)
                && let Origin::Container = request.origin
                && let Some(limit) = amount(Bound::Limit)
                && let Origin::LimitRange(range) = limit.origin
                && limit.quantity < request.quantity
            {
                let (name, least, key) = (range.name(), limit.quantity, dimension.key());
                let message = format!(
                    "{} requests {} of {key}, and LimitRange `{name}` limits it to {least} by default",
                    who(),
                    request.quantity
                );
                let path = demand::path(&container, Bound::Request, dimension);
                sink.report(path, message).evidence(
                    range,
                    FieldPath::of(&["spec", "limits"]),
                    "default limit set here",
                );
            }
        }
    }
}

/// Compares all that has both bounds in one `resources` field, hugepages and devices included.
fn compare(who: &dyn Fn() -> String, demand: Value<'_>, path: &dyn Fn() -> FieldPath, sink: &mut Sink<'_>) {
    for entry in demand.get("requests").into_iter().flat_map(Value::entries) {
        let key = entry.key.raw();
        let limit = demand.at(&["limits", key]).and_then(|limit| Quantity::of(limit).ok());
        if let (Ok(request), Some(limit)) = (Quantity::of(entry.value), limit)
            && limit < request
        {
            let path = path().key("limits").key(key.to_owned());
            let message = format!("{} requests {request} of {key} and limits it to {limit}", who());
            // Which of the two was meant is not known; the pod needs its request in any case.
            let edits = vec![Edit::set(path.clone(), entry.value.to_json())];
            sink.report(path, message).fix(Safety::Unsafe, "raise the limit to the request", edits);
        }
    }
}
