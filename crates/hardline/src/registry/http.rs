//! Requests with bounds: of time, of size, of tries.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::Options;

/// The longest answer that is read. Registries refuse manifests above 4 MiB, as the specification
/// proposes.
const MAX_BODY: u64 = 4 << 20;
/// The longest that a registry may have us wait.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// The first pause before a request is made again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Registries redirect to their storage, at times through a load balancer.
const MAX_REDIRECTS: u32 = 5;

/// One request: a GET, or a POST where there is a form.
#[derive(Default)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) accept: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) form: Vec<(&'static str, String)>,
    pub(super) authorisation: Option<String>,
}

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It took too long.
    #[error("no answer within {} s; `--timeout` waits longer", .0.as_secs_f32())]
    Timeout(Duration),
    /// It sends more than any manifest has.
    #[error("the answer is longer than {} MiB", MAX_BODY >> 20)]
    TooLong,
    /// It redirects on and on.
    #[error("it redirects more than {MAX_REDIRECTS} times")]
    Redirects,
    /// It redirects from HTTPS to HTTP.
    #[error("it redirects to plain HTTP")]
    Downgrade,
    /// It has had too many requests from us.
    #[error("too many requests{}", .0.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default())]
    RateLimit(Option<Duration>),
    /// Nobody whom we trust vouches for it.
    #[error("its certificate is not trusted ({0}); name the certificate of its authority with `--ca-file`")]
    Certificate(String),
    /// It does not speak TLS.
    #[error("it does not speak TLS; if it is meant to speak plain HTTP, name it with `--plain-http`")]
    NoTls,
    /// No host has this name.
    #[error("no host has this name")]
    NoHost,
    /// Anything else.
    #[error("{0}")]
    Other(String),
    /// Anything else on the way to it, which may pass.
    #[error("no connection: {0}")]
    Connection(String),
}

impl Answer {
    /// A header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the same request may have a better answer later.
    fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 500 | 502..=504)
    }

    /// How long it asks us to wait: a number of seconds.
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.header("retry-after")?.trim().parse().ok()?))
    }
}

/// Sends requests.
pub(super) struct Client<'a> {
    agent: Agent,
    timeout: Duration,
    retries: u32,
    waiting: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Client<'a> {
    pub(super) fn new(options: &Options, waiting: &'a (dyn Fn(&str) + Sync)) -> anyhow::Result<Self> {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(trusted(options)?)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        // Redirects never carry `Authorization`: that is ureq's default.
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .timeout_global(Some(options.timeout))
            .max_redirects(MAX_REDIRECTS)
            .http_status_as_error(false)
            .user_agent(concat!("hardline/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: agent.into(), timeout: options.timeout, retries: options.retries, waiting })
    }

    /// Sends a request, and again after failures that may pass.
    pub(super) fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let mut pause = FIRST_WAIT;
        for left in (0..=self.retries).rev() {
            let answer = self.send_once(request);
            let (why, asked) = match &answer {
                Ok(answer) if answer.may_pass() => (answer.status.to_string(), answer.retry_after()),
                Err(failure @ (Failure::Timeout(_) | Failure::Connection(_))) => (failure.to_string(), None),
                _ => return answer,
            };
            if left == 0 || asked.is_some_and(|asked| asked > MAX_WAIT) {
                return match answer {
                    Ok(answer) if answer.status == 429 => Err(Failure::RateLimit(asked)),
                    other => other,
                };
            }
            let wait = asked.unwrap_or(pause).min(MAX_WAIT);
            (self.waiting)(&format!("{why}: again in {:.1} s", wait.as_secs_f32()));
            thread::sleep(wait);
            pause = pause.saturating_mul(2);
        }
        unreachable!("the last try returns")
    }

    fn send_once(&self, request: &Request) -> Result<Answer, Failure> {
        let https_only = request.url.starts_with("https://");
        let failed = |error| self.failure(error);
        let response = if request.form.is_empty() {
            let mut get = self.agent.get(&request.url).config().https_only(https_only).build();
            get = get.query_pairs(request.query.iter().map(|(key, value)| (*key, value.as_str())));
            get = get.header("accept", &request.accept);
            if let Some(authorisation) = &request.authorisation {
                get = get.header("authorization", authorisation);
            }
            get.call()
        } else {
            let post = self.agent.post(&request.url).config().https_only(https_only).build();
            post.header("accept", &request.accept)
                .send_form(request.form.iter().map(|(key, value)| (*key, value.as_str())))
        };
        let (parts, mut body): (_, Body) = response.map_err(failed)?.into_parts();
        let body = body.with_config().limit(MAX_BODY).read_to_vec().map_err(failed)?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    fn failure(&self, error: ureq::Error) -> Failure {
        match error {
            ureq::Error::Timeout(_) => Failure::Timeout(self.timeout),
            ureq::Error::BodyExceedsLimit(_) => Failure::TooLong,
            ureq::Error::TooManyRedirects => Failure::Redirects,
            ureq::Error::RequireHttpsOnly(_) => Failure::Downgrade,
            ureq::Error::HostNotFound => Failure::NoHost,
            ureq::Error::ConnectionFailed => Failure::Connection("it failed".to_owned()),
            ureq::Error::Rustls(error) => tls_failure(&error),
            ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => tls_failure(error),
                None if error.kind() == io::ErrorKind::TimedOut => Failure::Timeout(self.timeout),
                None => Failure::Connection(error.to_string()),
            },
            other => Failure::Other(other.to_string()),
        }
    }
}

fn tls_failure(error: &rustls::Error) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(why) => Failure::Certificate(why.to_string()),
        rustls::Error::InvalidMessage(_) => Failure::NoTls,
        other => Failure::Other(other.to_string()),
    }
}

/// The certificates of the system, and of the file beside them.
fn trusted(options: &Options) -> anyhow::Result<Vec<Certificate<'static>>> {
    let system = rustls_native_certs::load_native_certs().certs;
    let mut trusted: Vec<_> = system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let Some(path) = &options.ca_file else { return Ok(trusted) };
    let unreadable = || format!("cannot read the certificates of `{}`", path.display());
    let before = trusted.len();
    for item in parse_pem(&std::fs::read(path).with_context(unreadable)?) {
        if let PemItem::Certificate(certificate) = item.with_context(unreadable)? {
            trusted.push(certificate);
        }
    }
    if trusted.len() == before {
        bail!("`{}` has no certificate", path.display());
    }
    Ok(trusted)
}
