use crate::declare_rule;
use crate::duration::display;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::shutdown;
use crate::workload::{Container, Workload};

declare_rule! {
    /// Flags pods that are killed before they have stopped: their `preStop` sleep and the drain
    /// that they declare take longer than `terminationGracePeriodSeconds`, which is 30 by default.
    ///
    /// A drain is declared by the annotation `hardline.dev/drain-seconds`, or by a variable or flag
    /// such as `SHUTDOWN_TIMEOUT`, `DRAIN_SECONDS` or `--graceful-timeout`.
    ///
    /// ## Why
    /// The grace period starts with the `preStop` hook, not after it. When it ends, the kubelet
    /// kills what still runs. Each rollout and each drain of a node then cuts requests in the
    /// middle: a payment was taken and its order never written.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   terminationGracePeriodSeconds: 30 # finding
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       env:
    ///         - name: DRAIN_SECONDS
    ///           value: "45"
    ///       lifecycle:
    ///         preStop:
    ///           sleep:
    ///             seconds: 5
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   terminationGracePeriodSeconds: 60
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       env:
    ///         - name: DRAIN_SECONDS
    ///           value: "45"
    ///       lifecycle:
    ///         preStop:
    ///           sleep:
    ///             seconds: 5
    /// ```
    "grace-period-too-short" {
        summary: "pod is killed before it has stopped",
        help: "set `terminationGracePeriodSeconds` above the `preStop` sleep and the drain together",
        category: Category::Availability,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Workload(check),
    }
}

fn check(workload: &Workload<'_>, sink: &mut Sink<'_>) {
    let Some(grace) = shutdown::grace(workload) else { return };
    let stops = workload.containers().filter(Container::is_long_running).map(|container| {
        let (sleep, drain) = (shutdown::pre_stop(&container), shutdown::drain(&container));
        let time = |stated: &Option<shutdown::Stated>| stated.as_ref().map(|stated| stated.time).unwrap_or_default();
        (time(&sleep).saturating_add(time(&drain)), container, sleep, drain)
    });
    let Some((needed, container, sleep, drain)) = stops.max_by_key(|stop| stop.0) else { return };
    // A sleep alone must leave time for the process to answer `SIGTERM`.
    let leaves_nothing = drain.is_none() && sleep.is_some() && needed >= grace;
    if needed <= grace && !leaves_nothing {
        return;
    }
    let default = if workload.pod("terminationGracePeriodSeconds").is_none() { " by default" } else { "" };
    let parts = [&sleep, &drain].into_iter().flatten();
    let parts: Vec<String> = parts.map(|part| format!("{} by `{}`", display(part.time), part.by)).collect();
    let message = format!(
        "container `{}` takes {} to stop, but is given {}{default}",
        container.name(),
        parts.join(" and "),
        display(grace),
    );
    let finding = sink.report(workload.pod_path().key("terminationGracePeriodSeconds"), message);
    // A third above what is needed leaves time for the answer to `SIGTERM`; a grace period is a bound
    // and not a delay.
    let wanted = needed.as_secs().saturating_add(needed.as_secs().div_ceil(3)).next_multiple_of(5);
    if let Ok(seconds) = i64::try_from(wanted) {
        let path = workload.pod_path().key("terminationGracePeriodSeconds");
        let title = format!("raise `terminationGracePeriodSeconds` to {seconds}");
        finding.fix(Safety::Safe, title, vec![Edit::set(path, seconds)]);
    }
    for part in [sleep, drain].into_iter().flatten() {
        finding.evidence(workload.resource, part.path, format!("asks for {}", display(part.time)));
    }
}
