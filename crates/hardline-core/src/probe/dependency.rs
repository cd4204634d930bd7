//! What a probe reaches beyond its own container: another host, a database.
//!
//! Only what a manifest shows can be seen here; a handler that calls a database in its code
//! shows nothing, unless its path says so.

use crate::path::FieldPath;
use crate::probe::{Handler, Probe};
use crate::tree::Value;
use crate::workload::Container;

/// Something else that has to work for a probe to succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The field that shows it.
    pub path: FieldPath,
    /// What the probe does, to follow "liveness probe".
    pub what: String,
}

/// How a program is told which host to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// A database's: `-h HOST`, `--host=HOST`, a URI; its own host by default.
    Database,
    /// A URL.
    Url,
    /// The first argument that is neither an option nor a number.
    Argument,
    /// The first argument, unless it is an option.
    First,
}

const CLIENTS: &[(&str, Client)] = &[
    ("pg_isready", Client::Database),
    ("psql", Client::Database),
    ("mysql", Client::Database),
    ("mysqladmin", Client::Database),
    ("mariadb", Client::Database),
    ("mariadb-admin", Client::Database),
    ("mongo", Client::Database),
    ("mongosh", Client::Database),
    ("redis-cli", Client::Database),
    ("valkey-cli", Client::Database),
    ("clickhouse-client", Client::Database),
    ("curl", Client::Url),
    ("wget", Client::Url),
    ("grpc_health_probe", Client::Url),
    ("cqlsh", Client::First),
    ("nc", Client::Argument),
    ("ncat", Client::Argument),
    ("netcat", Client::Argument),
    ("telnet", Client::Argument),
];

/// Words of a path that name a database or a broker.
const DATABASES: &[&str] = &[
    "db",
    "database",
    "sql",
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongo",
    "mongodb",
    "redis",
    "kafka",
    "rabbitmq",
    "cassandra",
    "elasticsearch",
    "memcached",
];

/// Words of a path that name a check of everything that the service needs.
const DEEP: &[&str] =
    &["ready", "readyz", "readiness", "deep", "dependencies", "dependency", "deps", "downstream", "upstream"];

/// What a probe depends on, beside its own container.
pub fn of(probe: &Probe<'_>) -> Option<Dependency> {
    match probe.handler()? {
        Handler::Exec(_) => of_command(probe),
        Handler::Http { host, path, .. } => {
            let at = |key| probe.path().key("httpGet").key(key);
            of_host(probe, host, at("host")).or_else(|| {
                let what = of_url_path(path, &probe.container)?;
                Some(Dependency { path: at("path"), what: format!("asks `{path}`, {what}") })
            })
        }
        Handler::Tcp { host, .. } => of_host(probe, host, probe.path().keys(&["tcpSocket", "host"])),
        Handler::Grpc { .. } => None,
    }
}

fn of_host(probe: &Probe<'_>, host: Option<&str>, path: FieldPath) -> Option<Dependency> {
    let host = host.filter(|host| is_elsewhere(host, &probe.container))?;
    Some(Dependency { path, what: format!("asks another host, `{host}`") })
}

/// What a URL's path says about the check behind it.
fn of_url_path(path: &str, container: &Container<'_>) -> Option<&'static str> {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    if path.ends_with("/actuator/health") {
        return Some("which Spring Boot answers from all that it depends on");
    }
    if path.ends_with("/_cluster/health") {
        return Some("which tells the state of all nodes");
    }
    let mut words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let image = container.image().unwrap_or_default();
    words.find_map(|word| {
        if DATABASES.contains(&word) && !image.contains(word) {
            return Some("which names a database");
        }
        DEEP.contains(&word).then_some("which names a check of dependencies")
    })
}

fn of_command(probe: &Probe<'_>) -> Option<Dependency> {
    let words = probe.get("exec")?.get("command")?.items().enumerate();
    let parts: Vec<(usize, &str)> = words
        .flat_map(|(index, word)| parts_of(word.str().unwrap_or_default()).map(move |part| (index, part)))
        .collect();
    parts.split(|(_, part)| matches!(*part, ";" | "&&" | "||" | "|" | "&")).find_map(|command| {
        let (index, what) = of_simple_command(command, &probe.container)?;
        let path = probe.path().keys(&["exec", "command"]).index(index);
        Some(Dependency { path, what })
    })
}

/// The parts of a word, which may be a whole script. The end of a command is a part, `;`.
fn parts_of(word: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';');
    word.split_inclusive(ends).flat_map(move |part| {
        let end = part.ends_with([';', '\n']).then_some(";");
        let part = Some(part.trim_end_matches(ends)).filter(|part| !part.is_empty());
        part.into_iter().chain(end)
    })
}

/// What the first client in a command reaches, and the word that the client stands in.
fn of_simple_command(command: &[(usize, &str)], container: &Container<'_>) -> Option<(usize, String)> {
    // The shell's own client.
    let shell = command.iter().find_map(|&(index, part)| Some((index, part.strip_prefix("/dev/tcp/")?)));
    if let Some((index, target)) = shell {
        let host = target.split('/').next()?;
        return is_elsewhere(host, container).then(|| (index, format!("connects to `{host}`")));
    }
    command.iter().zip(1..).find_map(|(&(index, part), next)| {
        let program = part.rsplit('/').next()?.trim_start_matches("$(");
        let &(_, client) = CLIENTS.iter().find(|client| client.0 == program)?;
        let arguments: Vec<&str> = command.get(next..)?.iter().map(|&(_, part)| part).collect();
        Some(of_client(program, client, &arguments, container).map(|what| (index, what)))
    })?
}

/// What a run of a client reaches elsewhere. User information of URLs is not repeated.
fn of_client(program: &str, client: Client, arguments: &[&str], container: &Container<'_>) -> Option<String> {
    let urls = || arguments.iter().filter_map(|argument| argument.split_once("://"));
    let option = |argument: &str| argument.starts_with(['-', '<', '>']);
    let hosts: Vec<&str> = match client {
        Client::Database => {
            let value_of = |names: [&str; 2]| {
                arguments.iter().zip(1..).find_map(|(argument, next)| {
                    let rest = names.iter().find_map(|name| argument.strip_prefix(name))?;
                    let joined = rest.trim_start_matches('=');
                    if joined.is_empty() { arguments.get(next).copied() } else { Some(joined) }
                })
            };
            let keyword = arguments.iter().find_map(|argument| argument.strip_prefix("host="));
            let told =
                value_of(["--host", "-h"]).or(keyword).or_else(|| urls().next().map(|(_, rest)| authority(rest)));
            let by_variable = || container.env("PGHOST").filter(|_| matches!(program, "psql" | "pg_isready"));
            told.or_else(by_variable).into_iter().collect()
        }
        Client::Url => {
            let told = arguments.iter().find_map(|argument| argument.trim_start_matches('-').strip_prefix("addr="));
            urls().map(|(_, rest)| authority(rest)).chain(told).collect()
        }
        Client::Argument => {
            let number = |argument: &str| argument.bytes().all(|byte| byte.is_ascii_digit());
            let plain = arguments.iter().find(|argument| !option(argument) && !number(argument));
            plain.copied().into_iter().collect()
        }
        Client::First => arguments.first().copied().filter(|first| !option(first)).into_iter().collect(),
    };
    if let Some(host) = hosts.into_iter().find(|host| is_elsewhere(host, container)) {
        return Some(format!("runs `{program}` against `{}`", bare(host)));
    }
    if client != Client::Url {
        return None;
    }
    urls().find_map(|(_, rest)| {
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        Some(format!("runs `{program}` on `{path}`, {}", of_url_path(path, container)?))
    })
}

/// The host and port of what follows `://`, without user and password.
fn authority(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// A host without its port.
fn bare(host: &str) -> &str {
    let host = host.rsplit('@').next().unwrap_or(host);
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// Whether a host is not the pod itself.
fn is_elsewhere(host: &str, container: &Container<'_>) -> bool {
    let host = bare(host.trim_matches('`'));
    if let Some(variable) = host.strip_prefix('$') {
        return names_elsewhere(variable.trim_matches(['(', ')', '{', '}']), container);
    }
    let local = ["localhost", "::1", "::", "0.0.0.0", "hostname", ""].contains(&host)
        || host.starts_with("localhost.")
        || host.starts_with("127.")
        // A socket's path, or a redirection.
        || host.starts_with(['/', '<']);
    !local
}

/// Whether a variable holds a host elsewhere: by its value or, where that is unknown, by its name.
fn names_elsewhere(variable: &str, container: &Container<'_>) -> bool {
    let declared = container.get("env").into_iter().flat_map(Value::items);
    let declared = declared.filter(|env| env.get("name").and_then(Value::str) == Some(variable)).last();
    let from_pod = declared.is_some_and(|env| env.at(&["valueFrom", "fieldRef"]).is_some());
    let own = from_pod || variable.contains("POD") || variable.starts_with("hostname") || variable == "HOSTNAME";
    let literal =
        declared.and_then(|env| env.get("value")).and_then(Value::str).filter(|value| !value.starts_with('$'));
    match literal {
        Some(value) => is_elsewhere(authority(value.split_once("://").map_or(value, |(_, rest)| rest)), container),
        None => !own && ["HOST", "URL", "SERVER", "ENDPOINT"].iter().any(|word| variable.contains(word)),
    }
}
