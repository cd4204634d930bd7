//! Judging text in tests.

use std::sync::Arc;

use hardline_core::config::{Config, Date, file};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::{Read, Report};
use hardline_core::rule::Rule;
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

/// A configuration that runs one rule, with the settings that its documentation shows.
pub(crate) fn alone(rule: &'static Rule) -> Config {
    let lines = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let settings = lines.skip_while(|line| *line != "```yaml settings").skip(1).take_while(|line| *line != "```");
    let text: String = settings.flat_map(|line| [line, "\n"]).collect();
    let mut config = config();
    let documents = hardline_manifest::document::parse(&Arc::new(Source::new("hardline.yaml", text)));
    if let Some(root) = documents.tree.roots().next() {
        config.apply(file::read(root).expect("the settings of a rule's documentation are valid"));
    }
    config.select = vec![rule];
    config
}

/// The lines on which one rule finds something, one per finding, sorted.
pub(crate) fn lines_of(rule: &str, text: &str) -> Vec<u32> {
    let report = report(text, &alone(Rule::find(rule).expect("the rule exists")));
    report.findings.iter().filter(|finding| finding.rule.id == rule).map(|finding| finding.location.line).collect()
}

/// Prints a score, and holds the page that publishes it to it.
pub(crate) fn published(score: &str) {
    const PAGE: &str = include_str!("../../../../docs/src/conformance-network.md");
    println!("{score}");
    assert!(PAGE.contains(score), "docs/src/conformance-network.md does not say: {score}");
}
