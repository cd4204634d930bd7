//! The probes of a container, as the kubelet runs them.
//!
//! <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>;
//! defaults as in `pkg/apis/core/v1/defaults.go` of Kubernetes.

use crate::path::FieldPath;
use crate::tree::{NodeKind, Value};
use crate::workload::Container;

pub mod dependency;

/// What a probe decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Whether the container has started; until then the other two rest.
    Startup,
    /// Whether the container must be killed.
    Liveness,
    /// Whether the pod gets traffic.
    Readiness,
}

/// A probe of a container.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    /// The container.
    pub container: Container<'a>,
    /// What the probe decides.
    pub purpose: Purpose,
    value: Value<'a>,
}

/// How a probe asks. Two that are equal ask the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handler<'a> {
    /// Runs a command in the container.
    Exec(Vec<&'a str>),
    /// Sends an HTTP request.
    Http {
        /// The host, where it is not the pod.
        host: Option<&'a str>,
        /// The path and query.
        path: &'a str,
        /// The port.
        port: Port<'a>,
        /// Whether by TLS.
        tls: bool,
    },
    /// Opens a TCP connection.
    Tcp {
        /// The host, where it is not the pod.
        host: Option<&'a str>,
        /// The port.
        port: Port<'a>,
    },
    /// Calls the gRPC health service.
    Grpc {
        /// The port.
        port: Port<'a>,
        /// The service that is asked about.
        service: &'a str,
    },
}

/// The port that a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port<'a> {
    /// By number.
    Number(i64),
    /// By a name that no port of the container has.
    Unknown(&'a str),
}

impl<'a> Handler<'a> {
    /// The port that is asked, unless a command is run.
    pub fn port(&self) -> Option<Port<'a>> {
        match *self {
            Self::Exec(_) => None,
            Self::Http { port, .. } | Self::Tcp { port, .. } | Self::Grpc { port, .. } => Some(port),
        }
    }

    /// The host that is asked, where it is named.
    pub fn host(&self) -> Option<&'a str> {
        match *self {
            Self::Http { host, .. } | Self::Tcp { host, .. } => host,
            Self::Exec(_) | Self::Grpc { .. } => None,
        }
    }
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The container's field.
    pub fn key(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

/// The fields that name a handler.
pub const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

impl<'a> Probe<'a> {
    /// A container's probe. Only containers that run as long as their pod have any.
    pub fn of(container: &Container<'a>, purpose: Purpose) -> Option<Self> {
        let value = container.get(purpose.key()).filter(|_| container.is_long_running())?;
        Some(Self { container: *container, purpose, value })
    }

    /// All probes of a container.
    pub fn all(container: &Container<'a>) -> impl Iterator<Item = Self> + use<'a> {
        let container = *container;
        Purpose::ALL.into_iter().filter_map(move |purpose| Self::of(&container, purpose))
    }

    /// Where the probe is written.
    pub fn path(&self) -> FieldPath {
        self.container.path().key(self.purpose.key())
    }

    /// A field of the probe.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.value.get(key)
    }

    /// Where the port that the probe asks is written.
    pub fn port_path(&self) -> FieldPath {
        let handler = HANDLERS.into_iter().find(|handler| self.get(handler).is_some());
        self.path().keys(handler.as_slice()).key("port")
    }

    /// How the probe asks; the first handler, where there are several.
    pub fn handler(&self) -> Option<Handler<'a>> {
        let text = |handler: Value<'a>, key: &str| handler.get(key).and_then(Value::str);
        if let Some(exec) = self.get("exec") {
            let command = exec.get("command").into_iter().flat_map(Value::items);
            return Some(Handler::Exec(command.filter_map(Value::str).collect()));
        }
        if let Some(http) = self.get("httpGet") {
            return Some(Handler::Http {
                host: text(http, "host").filter(|host| !host.is_empty()),
                path: text(http, "path").unwrap_or("/"),
                port: self.port(http)?,
                tls: text(http, "scheme") == Some("HTTPS"),
            });
        }
        if let Some(tcp) = self.get("tcpSocket") {
            return Some(Handler::Tcp {
                host: text(tcp, "host").filter(|host| !host.is_empty()),
                port: self.port(tcp)?,
            });
        }
        let grpc = self.get("grpc")?;
        Some(Handler::Grpc { port: self.port(grpc)?, service: text(grpc, "service").unwrap_or_default() })
    }

    /// A handler's port. The kubelet looks a name up among the ports of the same container.
    fn port(&self, handler: Value<'a>) -> Option<Port<'a>> {
        let port = handler.get("port")?;
        if port.kind() == NodeKind::Int {
            return Some(Port::Number(port.int()?));
        }
        let name = port.str()?;
        let named = ports(&self.container).find(|port| port.get("name").and_then(Value::str) == Some(name));
        let number = named.and_then(|port| port.get("containerPort")?.int()).or_else(|| name.parse().ok());
        Some(number.map_or(Port::Unknown(name), Port::Number))
    }

    /// Seconds from the start of the container to the first question.
    pub fn initial_delay(&self) -> i64 {
        self.number("initialDelaySeconds", 0)
    }

    /// Seconds between questions.
    pub fn period(&self) -> i64 {
        self.number("periodSeconds", 10)
    }

    /// Seconds after which no answer is a failure.
    pub fn timeout(&self) -> i64 {
        self.number("timeoutSeconds", 1)
    }

    /// How many failures in a row decide.
    pub fn failure_threshold(&self) -> i64 {
        self.number("failureThreshold", 3)
    }

    /// Zero counts as absent, as the API server defaults it.
    fn number(&self, key: &str, default: i64) -> i64 {
        self.get(key).and_then(Value::int).filter(|&number| number != 0).unwrap_or(default)
    }

    /// Seconds from the first failed question to the last one that decides, when each fails at
    /// once: a refused connection, an error status.
    pub fn time_to_decide(&self) -> i64 {
        self.failure_threshold().saturating_sub(1).max(0).saturating_mul(self.period())
    }

    /// Seconds from the start of the container until the probe may decide against it.
    pub fn earliest_failure(&self) -> i64 {
        self.initial_delay().saturating_add(self.time_to_decide())
    }
}

/// The ports that a container declares.
pub fn ports<'a>(container: &Container<'a>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    container.get("ports").into_iter().flat_map(Value::items)
}
