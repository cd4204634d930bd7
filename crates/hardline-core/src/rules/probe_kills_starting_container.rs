use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Probe, Purpose};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags containers that a probe may kill sooner than they are ready by their own account.
    ///
    /// Without a startup probe, a liveness probe kills `initialDelaySeconds` and
    /// `failureThreshold` − 1 periods after the start at the earliest. A readiness probe that
    /// first asks later than that says that the container takes longer. With a startup probe, its
    /// own budget is held against the delays of the other two.
    ///
    /// ## Why
    /// On a quiet cluster the container starts in time. After a node is lost, or with a cold
    /// cache, it takes longer, is killed, starts again and is killed again: a restart loop that
    /// began with nothing but a slow start.
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
    ///       livenessProbe: # finding
    ///         httpGet: {path: /livez, port: 8080}
    ///         periodSeconds: 5
    ///       readinessProbe:
    ///         httpGet: {path: /readyz, port: 8080}
    ///         initialDelaySeconds: 60
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
    ///       startupProbe:
    ///         httpGet: {path: /livez, port: 8080}
    ///         periodSeconds: 5
    ///         failureThreshold: 36
    ///       livenessProbe:
    ///         httpGet: {path: /livez, port: 8080}
    ///         periodSeconds: 5
    ///       readinessProbe:
    ///         httpGet: {path: /readyz, port: 8080}
    /// ```
    "probe-kills-starting-container" {
        summary: "probe kills the container while it starts",
        help: "add a `startupProbe` whose `periodSeconds` × `failureThreshold` covers the slowest start",
        category: Category::Probe,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "['startupProbe', 'livenessProbe'].filter(purpose, purpose in container && (purpose == \
             'startupProbe' || !('startupProbe' in container))).exists(killer, (killer == \
             'startupProbe' ? ['livenessProbe', 'readinessProbe'] : \
             ['readinessProbe']).exists(later, container[?later].?initialDelaySeconds.orValue(0) > \
             container[killer].?initialDelaySeconds.orValue(0) + \
             (container[killer].?failureThreshold.orValue(3) - 1) * \
             container[killer].?periodSeconds.orValue(10)))",
        )
        .running()),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let probe = |purpose| Probe::of(container, purpose);
    let readiness = probe(Purpose::Readiness);
    let (killer, later) = match (probe(Purpose::Startup), probe(Purpose::Liveness)) {
        (Some(startup), liveness) => (startup, [liveness, readiness]),
        (None, Some(liveness)) => (liveness, [readiness, None]),
        (None, None) => return,
    };
    let slowest = later.into_iter().flatten().max_by_key(Probe::initial_delay);
    let Some(slowest) = slowest.filter(|slowest| killer.earliest_failure() < slowest.initial_delay()) else { return };
    let message = format!(
        "{} probe may kill container `{}` {} s after its start, while the {} probe grants it {} s",
        killer.purpose.name(),
        container.name(),
        killer.earliest_failure(),
        slowest.purpose.name(),
        slowest.initial_delay()
    );
    let path = slowest.path().key("initialDelaySeconds");
    sink.report(killer.path(), message).evidence(container.workload.resource, path, "the start-up time granted here");
}
