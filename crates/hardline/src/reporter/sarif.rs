//! SARIF 2.1.0, the form in which code scanning takes findings.
//!
//! Only the parts of the format that hardline fills are here.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::ops::Range;

use hardline_core::edit::Change;
use hardline_core::profile::Enforcement;
use hardline_core::report::{Location, NotEvaluated, Report, Reported, ReportedFix};
use hardline_core::rule::{Category, Rule, Severity};
use hardline_manifest::edit::{self, Target};
use serde::Serialize;

/// Of longer texts, in bytes, fixes are left out: each is tried on the whole text.
const LONG: usize = 256 << 10;

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Mend<'a>>,
}

/// SARIF's `fix`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mend<'a> {
    description: Message<'a>,
    artifact_changes: [ArtifactChange; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: ArtifactLocation,
    replacements: [Replacement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: OwnedMessage,
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
        let markdown = rule.documentation();
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
            fixes: finding.fix.as_ref().and_then(Mend::new).into_iter().collect(),
        }
    }
}

impl<'a> Mend<'a> {
    /// A fix of the text; none where it does not fit, where it is a new file, and in rendered text.
    fn new(reported: &'a ReportedFix) -> Option<Self> {
        let (fix, resource) = (&reported.fix, reported.resource());
        let Change::Edits(edits) = &fix.change else { return None };
        let source = resource.source();
        if source.rendered || source.text.len() > LONG {
            return None;
        }
        let after = edit::apply(source, &Target::of(resource), edits).ok()?;
        let (deleted, inserted) = difference(&source.text, &after);
        let [from, to] = [deleted.start, deleted.end].map(|at| source.position(at as u32));
        let deleted_region =
            Region { start_line: from.line, start_column: from.column, end_line: to.line, end_column: to.column };
        let replacement = Replacement { deleted_region, inserted_content: OwnedMessage { text: inserted.to_owned() } };
        let artifact_location = ArtifactLocation { uri: uri(&source.name) };
        Some(Self {
            description: Message { text: &fix.title },
            artifact_changes: [ArtifactChange { artifact_location, replacements: [replacement] }],
        })
    }
}

/// The stretch of a text that another one has something else for, and what that is.
fn difference<'t>(before: &str, after: &'t str) -> (Range<usize>, &'t str) {
    let same = |(a, b): &(u8, u8)| a == b;
    let start = before.bytes().zip(after.bytes()).take_while(same).count();
    let start = before.floor_char_boundary(start);
    let rest = before[start..].bytes().rev().zip(after[start..].bytes().rev());
    let end = before.ceil_char_boundary(before.len() - rest.take_while(same).count());
    (start..end, &after[start..after.len() - (before.len() - end)])
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
    fn the_difference_of_texts_falls_on_characters() {
        assert_eq!(difference("a: é\n", "a: è\n"), (3..5, "è"));
        assert_eq!(difference("a\nc\n", "a\nb\nc\n"), (2..2, "b\n"));
        assert_eq!(difference("aa", "aaa"), (2..2, "a"));
        assert_eq!(difference("é", ""), (0..2, ""));
        assert_eq!(difference("same", "same"), (4..4, ""));
    }

    #[test]
    fn names_of_files_become_references() {
        assert_eq!(uri("deploy/a b.yaml"), "deploy/a%20b.yaml");
        assert_eq!(uri("/srv/é:1.yaml"), "file:///srv/%C3%A9%3A1.yaml");
        assert_eq!(uri("-"), "stdin");
    }
}
