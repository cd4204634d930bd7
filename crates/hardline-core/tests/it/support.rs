//! Judging text in tests.

use std::sync::Arc;

use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::{Read, Report};
use hardline_core::source::Source;
use hardline_core::verdict::{Judgement, judge};

/// A configuration on a fixed day.
pub(crate) fn config() -> Config {
    Config::new(Date { year: 2026, month: 6, day: 1 })
}

/// The judgement on a text of manifests, with the inventory it is on.
pub(crate) fn judged(text: &str, config: &Config) -> (Judgement, Inventory) {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    let coverage = Coverage::of_manifests(&read.resources);
    let inventory = Inventory::new(read.resources, coverage);
    (judge(&inventory, read.findings, config), inventory)
}

/// The judgement on a text of manifests.
pub(crate) fn judgement(text: &str, config: &Config) -> Judgement {
    judged(text, config).0
}

/// The report on a text of manifests.
pub(crate) fn report(text: &str, config: &Config) -> Report {
    let (judgement, inventory) = judged(text, config);
    Report::new(judgement, &inventory, Read::default())
}

/// The lines on which one rule finds something, one per finding, sorted.
pub(crate) fn lines_of(rule: &str, text: &str) -> Vec<u32> {
    let mut config = config();
    config.select = vec![hardline_core::rule::Rule::find(rule).expect("the rule exists")];
    let report = report(text, &config);
    report.findings.iter().filter(|finding| finding.rule.id == rule).map(|finding| finding.location.line).collect()
}
