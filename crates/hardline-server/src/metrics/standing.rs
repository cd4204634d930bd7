//! How the cluster stands, counted when somebody asks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use hardline_core::report::Counts;
use hardline_core::verdict::profile_of;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{MOST_NAMESPACES, OTHERS};
use crate::auditor::Snapshots;
use crate::configuration::Configuration;
use crate::snapshot::Snapshot;

/// Counts what the last snapshot says.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) snapshots: Snapshots,
    pub(super) configuration: Configuration,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct OfRule {
    rule: &'static str,
    enforcement: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct OfNamespace {
    namespace: String,
    severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct OfProfile {
    profile: &'static str,
    clean: &'static str,
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(snapshot) = self.snapshots.borrow().clone() else { return Ok(()) };
        let help = "Findings that stand in the cluster, by rule";
        family(&mut encoder, "standing_findings", help, &by_rule(&snapshot))?;
        let help = "Findings that stand in the cluster, by namespace: the worst by themselves, the others together";
        family(&mut encoder, "standing_namespace_findings", help, &by_namespace(&snapshot))?;
        let help = "Workloads in the cluster, by profile and whether they have no finding";
        family(&mut encoder, "standing_workloads", help, &self.by_profile(&snapshot))?;
        let help = "Findings in the cluster that are exempt";
        gauge(&mut encoder, "standing_exempted", help, count(snapshot.report.exempted.len()))?;
        let help = "Rules that cannot be evaluated everywhere in the cluster";
        gauge(&mut encoder, "standing_not_evaluated", help, count(snapshot.report.not_evaluated.len()))?;
        let help = "When the cluster was last judged";
        gauge(&mut encoder, "standing_timestamp_seconds", help, snapshot.taken.as_second())
    }
}

impl Standing {
    fn by_profile(&self, snapshot: &Snapshot) -> BTreeMap<OfProfile, i64> {
        let mut counts = BTreeMap::new();
        let (inventory, config) = (&snapshot.observed.inventory, self.configuration.now());
        let found: HashSet<_> =
            snapshot.report.findings.iter().filter_map(|finding| finding.resource.as_deref()).collect();
        for workload in inventory.workloads() {
            let clean = if found.contains(&workload.resource.id()) { "false" } else { "true" };
            let profile = profile_of(workload.resource, inventory, &config).name();
            *counts.entry(OfProfile { profile, clean }).or_default() += 1;
        }
        counts
    }
}

fn by_rule(snapshot: &Snapshot) -> BTreeMap<OfRule, i64> {
    let mut counts = BTreeMap::new();
    for finding in &snapshot.report.findings {
        let labels = OfRule { rule: finding.rule.id, enforcement: finding.enforcement.name() };
        *counts.entry(labels).or_default() += 1;
    }
    counts
}

fn by_namespace(snapshot: &Snapshot) -> BTreeMap<OfNamespace, i64> {
    let mut areas: Vec<(&str, Counts)> =
        snapshot.areas().iter().map(|area| (area.namespace.as_deref().unwrap_or_default(), area.counts)).collect();
    areas.sort_by_key(|(_, counts)| Reverse(*counts));
    let mut all = BTreeMap::new();
    for (at, (namespace, counts)) in areas.into_iter().enumerate() {
        let namespace = if at < MOST_NAMESPACES { namespace } else { OTHERS };
        for (severity, count) in counts.by_severity() {
            let labels = OfNamespace { namespace: namespace.to_owned(), severity: severity.name() };
            *all.entry(labels).or_default() += self::count(count);
        }
    }
    all
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: &BTreeMap<impl EncodeLabelSet, i64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, count) in counts {
        ConstGauge::new(*count).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
