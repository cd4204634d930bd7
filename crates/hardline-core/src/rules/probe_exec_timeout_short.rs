use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::probe::{Handler, Probe, Purpose};
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags startup and liveness probes that run a program which is slow to start, such as an
    /// interpreter or a client on a virtual machine, with a timeout below five seconds.
    ///
    /// ## Why
    /// The timeout is one second unless it is set. Starting such a program takes that long on an
    /// idle machine, and several times as long under the CPU limit of a busy container. The probe
    /// then fails because it was slow to ask, and the container is killed under load.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: queue
    /// spec:
    ///   containers:
    ///     - name: queue
    ///       image: rabbitmq:4.1
    ///       livenessProbe: # finding
    ///         exec:
    ///           command: [rabbitmq-diagnostics, -q, ping]
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: queue
    /// spec:
    ///   containers:
    ///     - name: queue
    ///       image: rabbitmq:4.1
    ///       livenessProbe:
    ///         exec:
    ///           command: [rabbitmq-diagnostics, -q, ping]
    ///         periodSeconds: 60
    ///         timeoutSeconds: 30
    /// ```
    "probe-exec-timeout-short" {
        summary: "timeout is too short for the program that the probe runs",
        help: "set `timeoutSeconds` to 5 or more, and `periodSeconds` no shorter",
        category: Category::Probe,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "['startupProbe', 'livenessProbe'].exists(purpose, \
             container[?purpose].?timeoutSeconds.orValue(1) < 5 && \
             container[?purpose].?exec.?command.orValue([]).exists(word, \
             word.matches('(^|[\\\\s/])(' + variables.slowPrograms.join('|') + ')(\\\\s|$)')))",
        )
        .running()
        .with(&[("slowPrograms", SLOW)])),
    }
}

/// Programs that start an interpreter or a virtual machine.
const SLOW: &[&str] = &[
    "cqlsh",
    "java",
    "kafka-broker-api-versions.sh",
    "kafka-topics.sh",
    "kubectl",
    "mongosh",
    "node",
    "nodetool",
    "php",
    "python",
    "python3",
    "rabbitmq-diagnostics",
    "rabbitmqctl",
    "ruby",
];
const LEAST_TIMEOUT: i64 = 5;

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    for purpose in [Purpose::Startup, Purpose::Liveness] {
        let Some(probe) = Probe::of(container, purpose).filter(|probe| probe.timeout() < LEAST_TIMEOUT) else {
            continue;
        };
        let Some(Handler::Exec(command)) = probe.handler() else { continue };
        let mut words = command.iter().flat_map(|word| word.split_whitespace());
        let slow = words.find(|word| SLOW.contains(&word.rsplit('/').next().unwrap_or(word)));
        if let Some(program) = slow {
            let (purpose, name, timeout) = (purpose.name(), container.name(), probe.timeout());
            let message =
                format!("{purpose} probe of container `{name}` gives `{program}` {timeout} s to start and answer");
            sink.report(probe.path().key("timeoutSeconds"), message);
        }
    }
}
