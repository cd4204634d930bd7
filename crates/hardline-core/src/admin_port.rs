//! Ports for metrics, administration and debugging: they answer without a password.

use std::collections::BTreeMap;

use crate::path::FieldPath;
use crate::tree::Value;
use crate::workload::Container;

/// Words that name a port for metrics.
const METRICS: &[&str] = &["metrics", "telemetry"];
/// Words that name a port for administration or debugging.
const ADMIN: &[&str] = &["admin", "debug", "pprof", "profiling", "profiler", "actuator", "management", "mgmt", "jmx"];

/// A port that is not meant for everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPort<'a> {
    /// The flag or the declared port that names it.
    pub path: FieldPath,
    /// The flag, or the port's name.
    pub name: &'a str,
    /// Whether it is for metrics only.
    pub metrics: bool,
    /// Whether it is bound to loopback, where nobody else reaches it.
    pub loopback: bool,
}

/// The container's ports for metrics, administration and debugging by number: named by a flag such as
/// `--metrics-bind-address=:8080`, or by the name of a declared port.
pub fn of<'a>(container: &Container<'a>) -> BTreeMap<u16, AdminPort<'a>> {
    let mut ports = BTreeMap::new();
    for word in container.words() {
        let Some((flag, value)) = word.text.split_once('=') else { continue };
        if let (Some(metrics), Some((loopback, port))) = (purpose(flag), listens(flag, value)) {
            ports.entry(port).or_insert_with(|| AdminPort { path: word.path(), name: flag, metrics, loopback });
        }
    }
    for (index, declared) in container.get("ports").into_iter().flat_map(Value::items).enumerate() {
        let name = declared.get("name").and_then(Value::str).unwrap_or_default();
        let port = declared.get("containerPort").and_then(Value::int).and_then(|port| u16::try_from(port).ok());
        if let (Some(metrics), Some(port)) = (purpose(name), port) {
            let path = || container.path().key("ports").index(index).key("containerPort");
            ports.entry(port).or_insert_with(|| AdminPort { path: path(), name, metrics, loopback: false });
        }
    }
    ports
}

/// Whether a name speaks of metrics (true), of administration or debugging (false), or of neither.
fn purpose(name: &str) -> Option<bool> {
    let named = |words: &[&str]| name.split(['-', '_', '.']).any(|part| words.contains(&part));
    if named(ADMIN) { Some(false) } else { named(METRICS).then_some(true) }
}

/// Whether a flag's value binds a port to loopback, and which port: `:8080`, `[::]:8080`, `8080`.
fn listens(flag: &str, value: &str) -> Option<(bool, u16)> {
    let (host, port) = match value.rsplit_once(':') {
        Some(split) => split,
        None if flag.contains("port") || flag.contains("addr") => ("", value),
        None => return None,
    };
    let loopback = host.starts_with("127.") || matches!(host, "localhost" | "[::1]");
    Some((loopback, port.parse().ok().filter(|&port| port > 0)?))
}
