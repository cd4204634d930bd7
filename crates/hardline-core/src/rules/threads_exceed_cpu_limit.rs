use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

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
    path: FieldPath,
    text: String,
    threads: i64,
    /// How many of them a core bears.
    per_core: i64,
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(limit) = demand::effective(container, Bound::Limit, Dimension::Cpu, sink.inventory()) else { return };
    let millicores = limit.quantity.millicores();
    let cores = millicores / 1000 + i64::from(millicores % 1000 > 0);
    let arguments = container.words().filter_map(|(path, text)| of_words(path, text));
    for Setting { path, text, threads, per_core } in arguments.chain(of_variables(container)) {
        if cores > 0 && threads > cores.saturating_mul(per_core) {
            let (name, limit) = (container.name(), limit.quantity);
            sink.report(path, format!("`{text}` of container `{name}` is too much for a CPU limit of {limit}"));
        }
    }
}

fn of_variables<'a>(container: &Container<'a>) -> impl Iterator<Item = Setting> + use<'a> {
    let base = container.path().key("env");
    let variables = container.get("env").into_iter().flat_map(Value::items).enumerate();
    variables.filter_map(move |(index, variable)| {
        let text = |key| variable.get(key).and_then(Value::str);
        let (name, value) = (text("name")?, text("value")?);
        let path = base.clone().index(index).key("value");
        let per_core = match name {
            "GOMAXPROCS" | "OMP_NUM_THREADS" => 1,
            "WEB_CONCURRENCY" => WORKERS_PER_CORE,
            _ => return of_words(path, value),
        };
        let threads = value.trim().parse().ok()?;
        Some(Setting { path, text: format!("{name}={threads}"), threads, per_core })
    })
}

fn of_words(path: FieldPath, text: &str) -> Option<Setting> {
    text.split_whitespace().find_map(|word| {
        let threads = word.strip_prefix("-XX:ActiveProcessorCount=")?.parse().ok()?;
        Some(Setting { path: path.clone(), text: word.to_owned(), threads, per_core: 1 })
    })
}
