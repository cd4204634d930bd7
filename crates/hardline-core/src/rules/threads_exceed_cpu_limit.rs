use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::{Container, Variable};

declare_rule! {
    /// Flags containers that are told to compute on more threads than their CPU limit has cores:
    /// by `GOMAXPROCS`, `-XX:ActiveProcessorCount`, `OMP_NUM_THREADS`, or by more than four
    /// gunicorn workers a core in `WEB_CONCURRENCY`.
    ///
    /// A part of a core counts as a whole one. Containers without a CPU limit are left out.
    ///
    /// ## Why
    /// The limit is a share of each tenth of a second. Eight threads on a limit of one core use it
    /// up in an eighth of that time, and then all of them stand still, the one that answers probes
    /// included. Latency gets worse the more threads there are.
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
    ///       env:
    ///         - name: GOMAXPROCS
    ///           value: "8" # finding
    ///       resources:
    ///         limits:
    ///           cpu: "1"
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
    ///       env:
    ///         - name: GOMAXPROCS
    ///           value: "2"
    ///       resources:
    ///         limits:
    ///           cpu: 1500m
    /// ```
    "threads-exceed-cpu-limit" {
        summary: "more computing threads than the CPU limit has cores",
        help: "set as many threads as the limit has cores, or raise or drop the CPU limit",
        category: Category::Capacity,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
    }
}

/// Workers that gunicorn's users commonly run on a core, with room: its own advice is two and one.
const WORKERS_PER_CORE: i64 = 4;

/// A setting of how many threads compute.
struct Setting {
    text: String,
    threads: i64,
    /// How many of them a core bears.
    per_core: i64,
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(limit) = demand::effective(container, Bound::Limit, Dimension::Cpu, sink.inventory()) else { return };
    let millicores = limit.quantity.millicores();
    let cores = millicores / 1000 + i64::from(millicores % 1000 > 0);
    let arguments = container.words().filter_map(|word| of_words(word.text).map(|setting| (word.path(), setting)));
    let variables =
        container.variables().filter_map(|variable| of_variable(&variable).map(|setting| (variable.path(), setting)));
    for (path, Setting { text, threads, per_core }) in arguments.chain(variables) {
        if cores > 0 && threads > cores.saturating_mul(per_core) {
            let (name, limit) = (container.name(), limit.quantity);
            sink.report(path, format!("`{text}` of container `{name}` is too much for a CPU limit of {limit}"));
        }
    }
}

fn of_variable(variable: &Variable<'_>) -> Option<Setting> {
    let Variable { name, value, .. } = *variable;
    let per_core = match name {
        "GOMAXPROCS" | "OMP_NUM_THREADS" => 1,
        "WEB_CONCURRENCY" => WORKERS_PER_CORE,
        _ => return of_words(value),
    };
    let threads = value.trim().parse().ok()?;
    Some(Setting { text: format!("{name}={threads}"), threads, per_core })
}

fn of_words(text: &str) -> Option<Setting> {
    text.split_whitespace().find_map(|word| {
        let threads = word.strip_prefix("-XX:ActiveProcessorCount=")?.parse().ok()?;
        Some(Setting { text: word.to_owned(), threads, per_core: 1 })
    })
}
