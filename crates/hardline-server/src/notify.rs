//! Tells people and programs elsewhere what is new.
//!
//! A message tells all that came and went while the last one was on its way; nothing queues up. What
//! comes and goes again in between is not told, and what keeps coming and going is told once an
//! hour. Alertmanager is different: it is told again and again what stands, and does all of that
//! itself.

mod alertmanager;
mod message;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hardline_core::rule::Severity;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::auditor::Snapshots;
use crate::news::{Item, News};
pub use message::{Template, Unknown};

/// For how long a finding that was told of is not told of again.
const QUIET: Duration = Duration::from_hours(1);

/// How many findings that were told of are remembered.
const MOST_TOLD: usize = 10_000;

/// How often a message is sent before it is given up.
const TRIES: u32 = 5;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to tell, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// The form.
    pub form: SinkForm,
    /// Where messages are sent. Often a secret: it is written nowhere.
    pub url: String,
}

/// In which form to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkForm {
    /// Findings as in reports, in JSON.
    Webhook,
    /// Text, in the form of Slack's incoming webhooks, which others read, too.
    Slack,
    /// Alerts for Alertmanager's API.
    Alertmanager,
}

/// What to tell, to whom, and how often at most.
#[derive(Debug, Clone)]
pub struct Options {
    /// To whom.
    pub sinks: Vec<Sink>,
    /// The mildest severity that is told.
    pub least: Severity,
    /// How a finding reads.
    pub template: Template,
    /// How long to gather before the first message, and to wait between two.
    pub pause: Duration,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// There was no answer.
    #[error("{0}")]
    Unreachable(String),
    /// The answer was no.
    #[error("the answer was {status}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// For how long it asks not to be asked again.
        wait: Option<Duration>,
    },
}

impl SinkForm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webhook, Self::Slack, Self::Alertmanager];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// Tells one sink, for as long as there are snapshots.
pub async fn tell(sink: Sink, options: Arc<Options>, snapshots: Snapshots, leading: watch::Receiver<bool>) {
    let agent = agent();
    if sink.form == SinkForm::Alertmanager {
        return alertmanager::tell(&agent, &sink, &options, snapshots, leading).await;
    }
    let mut news = News::new(snapshots.clone(), leading);
    let mut told = Told::default();
    while let Some(mut items) = news.next().await {
        sleep(options.pause).await;
        // What came meanwhile belongs to the same message.
        if let Ok(more) = tokio::time::timeout(Duration::from_millis(1), news.next()).await {
            items.extend(more.into_iter().flatten());
        }
        let items = told.choose(items, options.least, Instant::now());
        if items.is_empty() {
            continue;
        }
        let cluster = snapshots.borrow().as_ref().map(|snapshot| snapshot.cluster.clone()).unwrap_or_default();
        let body = match sink.form {
            SinkForm::Slack => message::slack(&items, &cluster, &options.template),
            SinkForm::Webhook | SinkForm::Alertmanager => message::webhook(&items, &cluster),
        };
        send_until_taken(&agent, &sink, &sink.url, body).await;
    }
}

/// What was told of when.
#[derive(Debug, Default)]
struct Told(HashMap<String, Instant>);

impl Told {
    /// What of the news is worth telling now.
    fn choose(&mut self, items: Vec<Item>, least: Severity, now: Instant) -> Vec<Item> {
        // The last word on a finding counts; of one that came and went again nobody was told.
        let mut words: HashMap<String, (usize, bool)> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            let first = words.get(&item.finding.fingerprint).map_or(item.appeared, |(_, first)| *first);
            words.insert(item.finding.fingerprint.clone(), (at, first));
        }
        self.0.retain(|_, at| now.duration_since(*at) < QUIET);
        let mut chosen = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let finding = &item.finding;
            let counts = words[&finding.fingerprint] == (at, item.appeared) && finding.severity >= least;
            let known = self.0.contains_key(&finding.fingerprint);
            if !counts || (item.appeared && known) {
                continue;
            }
            if item.appeared && self.0.len() < MOST_TOLD {
                self.0.insert(finding.fingerprint.clone(), now);
            }
            chosen.push(item);
        }
        chosen
    }
}

fn agent() -> Agent {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("hardline/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}

/// Sends a message until it is taken, or was refused for good, or too often.
async fn send_until_taken(agent: &Agent, sink: &Sink, url: &str, body: Json) -> bool {
    let mut pause = Duration::from_secs(1);
    let body = Arc::new(body.to_string());
    for left in (0..TRIES).rev() {
        let problem = match send(agent, url, body.clone()).await {
            Ok(()) => return true,
            Err(problem) => problem,
        };
        let again = match problem {
            NotTaken::Unreachable(_) => Some(pause),
            NotTaken::Refused { status: 429 | 500..=599, wait } => Some(wait.unwrap_or(pause).min(QUIET / 60)),
            NotTaken::Refused { .. } => None,
        };
        let Some(wait) = again.filter(|_| left > 0) else {
            tracing::warn!(sink = sink.form.name(), %problem, "a message is given up");
            return false;
        };
        sleep(wait).await;
        pause *= 2;
    }
    false
}

async fn send(agent: &Agent, url: &str, body: Arc<String>) -> Result<(), NotTaken> {
    let (agent, url) = (agent.clone(), url.to_owned());
    let sent = spawn_blocking(move || agent.post(&url).header("content-type", "application/json").send(body.as_str()));
    // The error may name the URL, which may be a secret.
    let unreachable = |_| NotTaken::Unreachable("there is no answer".to_owned());
    let answer = sent.await.map_err(|error| NotTaken::Unreachable(error.to_string()))?.map_err(unreachable)?;
    if answer.status().is_success() {
        return Ok(());
    }
    let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
    Err(NotTaken::Refused { status: answer.status().as_u16(), wait: wait.map(Duration::from_secs) })
}
