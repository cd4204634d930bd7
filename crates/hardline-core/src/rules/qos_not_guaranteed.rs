use crate::cel::Cel;
use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::quantity::Quantity;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::{Role, Workload};

declare_rule! {
    /// Flags workloads that run on and on whose pods are not of the `Guaranteed` quality of
    /// service: every container, sidecars and init containers included, needs limits for CPU and
    /// memory that its requests equal. Where the pod sets `spec.resources`, that alone decides.
    ///
    /// ## Why
    /// When a node runs short of memory, `Guaranteed` pods are the last to be evicted and the
    /// last that the kernel kills. Any other pod can be taken down by a neighbour's load.
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
    ///           cpu: 500m
    ///           memory: 256Mi # finding
    ///         limits:
    ///           cpu: 500m
    ///           memory: 1Gi
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
    ///           cpu: 500m
    ///           memory: 1Gi
    ///         limits:
    ///           cpu: 500m
    ///           memory: 1Gi
    /// ```
    "qos-not-guaranteed" {
        summary: "pods are not of Guaranteed quality of service",
        help: "give every container, init containers and sidecars too, CPU and memory limits equal to its requests",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Critical,
        check: Check::Workload(check),
        cel: Some(Cel::flags(
            "!(object.kind in ['Job', 'CronJob', 'PodTemplate']) && (has(pod.resources) ? [pod] : \
             pod.?containers.orValue([]) + pod.?initContainers.orValue([])).exists(h, ['cpu', \
             'memory'].exists(dimension, !h.?resources.?limits[?dimension].hasValue() || \
             quantity(string(h.?resources.?requests[?dimension].orValue(h.resources.limits[dimension]))).compareTo(quantity(string(h.resources.limits[dimension]))) \
             != 0))",
        )),
    }
}

/// A bound that keeps the pod from being `Guaranteed`.
struct Gap {
    path: FieldPath,
    message: String,
    /// What closes it: a request as high as the limit. What a limit should be nobody knows from here.
    edit: Option<Edit>,
}

fn raise(bound: Bound, path: &FieldPath, limit: Option<Value<'_>>) -> Option<Edit> {
    (bound == Bound::Request).then(|| Some(Edit::set(path.clone(), limit?.to_json())))?
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    if !workload.is_long_running() {
        return;
    }
    let gaps = if workload.pod("resources").is_some() { pod_gaps(workload) } else { container_gaps(workload, sink) };
    if let Some(first) = gaps.first() {
        let all: Vec<&str> = gaps.iter().map(|gap| gap.message.as_str()).collect();
        let edits: Option<Vec<Edit>> = gaps.iter().map(|gap| gap.edit.clone()).collect();
        let finding = sink.report(first.path.clone(), format!("pods are not Guaranteed: {}", all.join(", ")));
        if let Some(edits) = edits {
            finding.fix(Safety::Unsafe, "request what the limits allow", edits);
        }
    }
}

fn pod_gaps(workload: &Workload<'_>) -> Vec<Gap> {
    let gaps = Dimension::ALL.into_iter().filter_map(|dimension| {
        let quantity =
            |bound| demand::pod_written(workload, bound, dimension).and_then(|value| Quantity::of(value).ok());
        let limit = quantity(Bound::Limit);
        let (bound, message) = gap("the pod", dimension, quantity(Bound::Request).or(limit), limit)?;
        let path = demand::pod_path(workload, bound, dimension);
        let edit = raise(bound, &path, demand::pod_written(workload, Bound::Limit, dimension));
        Some(Gap { path, message, edit })
    });
    gaps.collect()
}

fn container_gaps(workload: &Workload<'_>, sink: &Sink<'_>) -> Vec<Gap> {
    let containers = workload.containers().filter(|container| container.role != Role::Ephemeral);
    let gaps = containers.flat_map(|container| {
        Dimension::ALL.into_iter().filter_map(move |dimension| {
            let amount = |bound| demand::effective(&container, bound, dimension, sink.inventory());
            let quantity = |bound| amount(bound).map(|amount| amount.quantity);
            let who = format!("container `{}`", container.name());
            let (bound, message) = gap(&who, dimension, quantity(Bound::Request), quantity(Bound::Limit))?;
            let path = demand::path(&container, bound, dimension);
            let edit = raise(bound, &path, demand::written(&container, Bound::Limit, dimension));
            Some(Gap { path, message, edit })
        })
    });
    gaps.collect()
}

fn gap(who: &str, dimension: Dimension, request: Option<Quantity>, limit: Option<Quantity>) -> Option<(Bound, String)> {
    let key = dimension.key();
    match (request, limit) {
        (_, None) => Some((Bound::Limit, format!("{who} has no {key} limit"))),
        (Some(request), Some(limit)) if request != limit => {
            Some((Bound::Request, format!("{who} requests {request} of {key} and limits it to {limit}")))
        }
        _ => None,
    }
}
