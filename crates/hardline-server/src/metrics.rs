//! What the server counts and measures, for Prometheus.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Points in time are exported as such,
//! in seconds since 1970, so that ages are computed when they are looked at and not when they are
//! scraped.

mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hardline_core::ledger::{Entry, Outcome, Role};
use hardline_core::resource::Kind;
use hardline_core::verdict::Judged;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::auditor::Snapshots;
use crate::configuration::Configuration;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The namespace label of all namespaces beyond the first [`MOST_NAMESPACES`].
const OTHERS: &str = "(others)";

/// So many namespaces have series of their own. Each may have one for each rule that it breaks.
const MOST_NAMESPACES: usize = 200;

/// Seconds, from what judging costs to the longest time-out that a webhook may have.
const BUCKETS: [f64; 14] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// What became of an admission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It passed without a word.
    Allowed,
    /// It passed with warnings.
    Warned,
    /// It was refused.
    Denied,
    /// The request could not be read.
    Invalid,
    /// There were too many at once.
    Shed,
}

/// All metrics of the server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    duration: Histogram,
    findings: Family<FindingLabels, Counter>,
    unevaluated: Family<RuleLabels, Counter>,
    last_event: Family<KindLabels, Seconds>,
    configured: Gauge,
    certificate_expiry: Seconds,
    leader: Gauge,
    drifted: Family<NamespaceLabels, Gauge>,
    compared: Histogram,
    remediations: Family<RemediationLabels, Counter>,
    guarded: Family<GuardLabels, Counter>,
    lost: Family<OutletLabels, Counter>,
    namespaces: Mutex<BTreeSet<String>>,
}

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    rule: &'static str,
    namespace: String,
    enforcement: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabels {
    namespace: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RemediationLabels {
    namespace: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GuardLabels {
    role: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutletLabels {
    outlet: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::default();
        let duration = Histogram::new(BUCKETS);
        let findings = Family::default();
        let unevaluated = Family::default();
        let last_event = Family::default();
        let configured = Gauge::default();
        let certificate_expiry = Seconds::default();
        let leader = Gauge::default();
        let drifted = Family::default();
        let compared = Histogram::new(BUCKETS);
        let remediations = Family::default();
        let guarded = Family::default();
        let lost = Family::default();
        let mut registry = Registry::with_prefix("hardline");
        registry.register("admission_requests", "Admission requests by what became of them", requests.clone());
        registry.register(
            "admission_duration_seconds",
            "Time from a whole admission request to its answer",
            duration.clone(),
        );
        registry.register("findings", "Findings in admission requests", findings.clone());
        registry.register("not_evaluated", "Times that a rule could not be evaluated", unevaluated.clone());
        registry.register(
            "watch_last_event_timestamp_seconds",
            "When the last event or bookmark of a watch arrived",
            last_event.clone(),
        );
        registry.register(
            "configuration_last_reload_successful",
            "Whether the configuration that was read last is the one that holds",
            configured.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the serving certificate expires",
            certificate_expiry.clone(),
        );
        registry.register("leader", "Whether this replica holds the lease", leader.clone());
        registry.register("drift_objects", "Objects that run otherwise than they were deployed", drifted.clone());
        registry.register(
            "drift_compare_duration_seconds",
            "Time to compare an object that has changed with what was deployed",
            compared.clone(),
        );
        registry.register("drift_remediations", "What became of drift that was to be put right", remediations.clone());
        registry.register("guard_requests", "Requests in guarded namespaces by who made them", guarded.clone());
        registry.register("ledger_lost", "Entries of the ledger that could not be written or told", lost.clone());
        Self {
            registry,
            requests,
            duration,
            findings,
            unevaluated,
            last_event,
            configured,
            certificate_expiry,
            leader,
            drifted,
            compared,
            remediations,
            guarded,
            lost,
            namespaces: Mutex::default(),
        }
    }
}

impl Answer {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Warned => "warned",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Shed => "shed",
        }
    }
}

impl Metrics {
    /// These, and how the cluster stands by its last snapshot, judged by this configuration.
    #[must_use]
    pub fn watching(mut self, snapshots: Snapshots, configuration: impl Into<Configuration>) -> Self {
        let configuration = configuration.into();
        self.registry.register_collector(Box::new(standing::Standing { snapshots, configuration }));
        self
    }

    /// Counts an answer to an admission request. The operation is the request's, such as `CREATE`.
    pub fn answered(&self, operation: &str, answer: Answer, took: Duration) {
        let known = ["CREATE", "UPDATE", "DELETE", "CONNECT"];
        let operation = known.into_iter().find(|known| *known == operation).unwrap_or("");
        self.requests.get_or_create(&RequestLabels { operation, answer: answer.name() }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a finding in a namespace; `None` for resources that are in none.
    pub fn found(&self, judged: &Judged, namespace: Option<&str>) {
        let labels = FindingLabels {
            rule: judged.finding.rule.id,
            namespace: self.bounded(namespace.unwrap_or_default()),
            enforcement: judged.enforcement.name(),
        };
        self.findings.get_or_create(&labels).inc();
    }

    /// Counts a rule that could not be evaluated.
    pub fn not_evaluated(&self, rule: &'static str) {
        self.unevaluated.get_or_create(&RuleLabels { rule }).inc();
    }

    /// Notes when a watch last said anything.
    pub fn watched(&self, kind: Kind, at: SystemTime) {
        self.last_event.get_or_create(&KindLabels { kind: kind.name() }).set(timestamp(at));
    }

    /// Notes whether the configuration that was read last holds.
    pub fn configured(&self, holds: bool) {
        self.configured.set(i64::from(holds));
    }

    /// Notes when the serving certificate expires.
    pub fn certificate_expires(&self, at: SystemTime) {
        self.certificate_expiry.set(timestamp(at));
    }

    /// Notes whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Notes how many objects have drifted, by namespace.
    pub fn drifted(&self, namespaces: &BTreeMap<&str, usize>) {
        self.drifted.clear();
        for (namespace, objects) in namespaces {
            let objects = i64::try_from(*objects).unwrap_or(i64::MAX);
            self.drifted.get_or_create(&NamespaceLabels { namespace: self.bounded(namespace) }).inc_by(objects);
        }
    }

    /// Notes how long it took to compare an object with what was deployed.
    pub fn compared(&self, took: Duration) {
        self.compared.observe(took.as_secs_f64());
    }

    /// Counts what became of drift that was to be put right: `restored`, `refused`, `failed`, `stopped`.
    pub fn remediated(&self, namespace: &str, outcome: &'static str) {
        self.remediations.get_or_create(&RemediationLabels { namespace: self.bounded(namespace), outcome }).inc();
    }

    /// Counts a request in a guarded namespace.
    pub fn guarded(&self, entry: &Entry) {
        let role = match entry.role {
            Role::Deployer => "deployer",
            Role::System => "system",
            Role::Granted => "granted",
            Role::Other => "other",
        };
        let outcome = match entry.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Warned => "warned",
            Outcome::Refused => "refused",
        };
        self.guarded.get_or_create(&GuardLabels { role, outcome }).inc();
    }

    /// Counts an entry of the ledger that an outlet, `lines` or `events`, did not take.
    pub fn lost(&self, outlet: &'static str) {
        self.lost.get_or_create(&OutletLabels { outlet }).inc();
    }

    /// All of them as text, in the format of `OpenMetrics`.
    #[expect(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }

    fn bounded(&self, namespace: &str) -> String {
        let mut known = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(namespace) {
            if known.len() >= MOST_NAMESPACES {
                return OTHERS.to_owned();
            }
            known.insert(namespace.to_owned());
        }
        namespace.to_owned()
    }
}

fn timestamp(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_do_not_grow_without_end() {
        let metrics = Metrics::default();
        for number in 0..MOST_NAMESPACES {
            assert_eq!(metrics.bounded(&format!("n{number}")), format!("n{number}"));
        }
        assert_eq!(metrics.bounded("one-more"), OTHERS);
        assert_eq!(metrics.bounded("n0"), "n0");
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.answered("CREATE", Answer::Denied, Duration::from_micros(300));
        metrics.answered("made up", Answer::Invalid, Duration::from_micros(30));
        metrics.not_evaluated("pdb-missing");
        metrics.watched(Kind::Pod, SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        metrics.leads(true);
        let text = metrics.text();
        for line in [
            "hardline_admission_requests_total{operation=\"CREATE\",answer=\"denied\"} 1",
            "hardline_admission_requests_total{operation=\"\",answer=\"invalid\"} 1",
            "hardline_admission_duration_seconds_bucket{le=\"0.0005\"} 2",
            "hardline_not_evaluated_total{rule=\"pdb-missing\"} 1",
            "hardline_watch_last_event_timestamp_seconds{kind=\"Pod\"} 7.0",
            "hardline_leader 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
