use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::quantity::Quantity;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags CPU limits below one core on containers that answer requests: those with ports or a
    /// readiness probe.
    ///
    /// It is an opinion that teams differ on: `rules: {cpu-limit-throttles: off}` in `hardline.yaml`
    /// ends it. The critical profile asks for limits as high as requests, so that there a service needs
    /// whole cores.
    ///
    /// ## Why
    /// A limit is no speed but a share of each tenth of a second. A container with 200m computes for
    /// 20 ms and stands still for 80 ms, on an idle node as well. A request that takes 50 ms of CPU is
    /// answered after more than 200 ms, the probe waits behind it, and nothing in the logs says why.
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
    ///       ports:
    ///         - containerPort: 8080
    ///       resources:
    ///         requests:
    ///           cpu: 200m
    ///         limits:
    ///           cpu: 200m # finding
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
    ///       ports:
    ///         - containerPort: 8080
    ///       resources:
    ///         requests:
    ///           cpu: 200m
    /// ```
    "cpu-limit-throttles" {
        summary: "CPU limit stops a service in the middle of requests",
        help: "keep the request and drop the limit, or raise it to whole cores",
        category: Category::Capacity,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "(size(container.?ports.orValue([])) > 0 || has(container.readinessProbe)) && \
             quantity(string(container.?resources.?limits.?cpu.orValue('1'))).isLessThan(quantity('1')) && \
             quantity(string(container.?resources.?limits.?cpu.orValue('1'))).isGreaterThan(quantity('0'))",
        )
        .running()),
    }
}

/// The scheduler of Linux grants a limit anew in each period (`cpuCFSQuotaPeriod` of the kubelet), in
/// milliseconds.
const PERIOD: i64 = 100;

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let has_ports = container.get("ports").is_some_and(|ports| ports.items().next().is_some());
    if !container.is_long_running() || !(has_ports || container.get("readinessProbe").is_some()) {
        return;
    }
    let limit = container.at(&["resources", "limits", "cpu"]);
    let Some(limit) = limit.filter(|limit| !limit.is_null()).map(Quantity::of).and_then(Result::ok) else { return };
    let millicores = limit.millicores();
    if (1..1000).contains(&millicores) {
        let share = (millicores * PERIOD / 1000).max(1);
        let message = format!(
            "container `{}` may compute for {share} ms in each {PERIOD} ms by its CPU limit of {limit}",
            container.name()
        );
        sink.report(container.path().keys(&["resources", "limits", "cpu"]), message);
    }
}
