//! SARIF 2.1.0, the form in which code scanning takes findings.
//!
//! Only the parts of the format that hardline fills are here.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use hardline_core::profile::Enforcement;
use hardline_core::report::{Location, NotEvaluated, Report, Reported};
use hardline_core::rule::{Category, Rule, Severity};
use serde::Serialize;

use crate::explain::docs;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Log::new(report))?;
    writeln!(out)
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    invocations: [Invocation<'a>; 1],
    /// Columns count code points, as everywhere in hardline, and not UTF-16 code units.
    column_kind: &'static str,
    results: Vec<Outcome<'a>>,
    properties: Silent,
}

/// How many findings are not among the results.
#[derive(Serialize)]
struct Silent {
    exempted: usize,
    baselined: usize,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'a str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Message<'static>,
    full_description: OwnedMessage,
    help: Help,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

/// What GitHub reads beside the standard.
///
/// <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Properties {
    tags: Vec<&'static str>,
    precision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_severity: Option<&'static str>,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification<'a>>,
}

/// A rule that could not be evaluated everywhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    associated_rule: RuleReference<'a>,
    level: &'static str,
    message: OwnedMessage,
}

#[derive(Serialize)]
struct RuleReference<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct OwnedMessage {
    text: String,
}

/// SARIF's `result`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: OwnedMessage,
    locations: [Located<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Located<'a>>,
    partial_fingerprints: Fingerprints<'a>,
}

/// SARIF's `location`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Located<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical_locations: Option<[LogicalLocation; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

/// The resource and the field.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Fingerprints<'a> {
    #[serde(rename = "hardline/v1")]
    identity: &'a str,
}

impl<'a> Log<'a> {
    fn new(report: &'a Report) -> Self {
        let ids: BTreeSet<&'static str> = report.findings.iter().map(|finding| finding.rule.id).collect();
        let rules: Vec<&'static Rule> = ids.iter().filter_map(|id| Rule::find(id)).collect();
        let indices: HashMap<&str, usize> = rules.iter().enumerate().map(|(index, rule)| (rule.id, index)).collect();
        let results = report.findings.iter().map(|finding| {
            let index = indices.get(finding.rule.id).copied().unwrap_or_default();
            Outcome::new(finding, index)
        });
        let run = Run {
            column_kind: "unicodeCodePoints",
            results: results.collect(),
            properties: Silent { exempted: report.summary.exempted, baselined: report.summary.baselined },
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: report.not_evaluated.iter().map(Notification::new).collect(),
            }],
            tool: Tool {
                driver: Driver {
                    name: "hardline",
                    semantic_version: report.version,
                    rules: rules.into_iter().map(Descriptor::new).collect(),
                },
            },
        };
        Self { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] }
    }
}

impl Descriptor {
    fn new(rule: &'static Rule) -> Self {
        let severity = match rule.severity {
            Severity::Critical => "9.5",
            Severity::High => "8.0",
            Severity::Medium => "5.5",
            Severity::Low => "2.0",
        };
        let is_security = matches!(rule.category, Category::Security | Category::Rbac | Category::Network);
        let mut tags = vec!["kubernetes", rule.category.name()];
        if is_security && rule.category != Category::Security {
            tags.push("security");
        }
        let markdown = docs(rule);
        let first = markdown.split("\n\n").next().unwrap_or_default();
        Self {
            id: rule.id,
            short_description: Message { text: rule.summary },
            full_description: OwnedMessage { text: first.replace('\n', " ") },
            help: Help { text: rule.help, markdown },
            default_configuration: Configuration { level: level(rule.profile.enforcement(rule, rule.severity)) },
            properties: Properties { tags, precision: "very-high", security_severity: is_security.then_some(severity) },
        }
    }
}

impl<'a> Notification<'a> {
    fn new(lack: &'a NotEvaluated) -> Self {
        Self {
            associated_rule: RuleReference { id: lack.rule },
            level: "note",
            message: OwnedMessage { text: format!("not evaluated: needs {}", lack.needs) },
        }
    }
}

impl<'a> Outcome<'a> {
    fn new(finding: &'a Reported, rule_index: usize) -> Self {
        let resource = finding.resource.as_ref();
        let related = (1..).zip(&finding.evidence).map(|(id, evidence)| Located {
            id: Some(id),
            physical_location: PhysicalLocation::new(&evidence.location),
            logical_locations: None,
            message: Some(Message { text: &evidence.message }),
        });
        Self {
            rule_id: finding.rule.id,
            rule_index,
            level: level(finding.enforcement),
            message: OwnedMessage { text: format!("{}\n\n{}", finding.message, finding.help) },
            locations: [Located {
                id: None,
                physical_location: PhysicalLocation::new(&finding.location),
                logical_locations: resource.map(|resource| {
                    let fully_qualified_name = format!("{resource}{}", finding.path);
                    [LogicalLocation { name: resource.to_string(), fully_qualified_name, kind: "resource" }]
                }),
                message: None,
            }],
            related_locations: related.collect(),
            partial_fingerprints: Fingerprints { identity: &finding.fingerprint },
        }
    }
}

impl PhysicalLocation {
    fn new(location: &Location) -> Self {
        let region = Region {
            start_line: location.line,
            start_column: location.column,
            end_line: location.end_line,
            end_column: location.end_column,
        };
        Self {
            artifact_location: ArtifactLocation { uri: uri(location.file()) },
            // The lines of rendered text are not those of the file.
            region: (!location.rendered).then_some(region),
        }
    }
}

fn level(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Deny => "error",
        Enforcement::Warn => "warning",
        Enforcement::Audit | Enforcement::Off => "note",
    }
}

/// A file's name as a reference (RFC 3986), relative where the name is.
fn uri(file: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if file == "-" {
        return "stdin".to_owned();
    }
    let mut uri = String::from(if file.starts_with('/') { "file://" } else { "" });
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            b'\\' if cfg!(windows) => uri.push('/'),
            _ => uri.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]].map(char::from)),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_references() {
        assert_eq!(uri("deploy/a b.yaml"), "deploy/a%20b.yaml");
        assert_eq!(uri("/srv/é:1.yaml"), "file:///srv/%C3%A9%3A1.yaml");
        assert_eq!(uri("-"), "stdin");
    }
}
