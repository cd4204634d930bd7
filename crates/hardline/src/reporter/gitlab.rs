//! A Code Quality report, which GitLab shows in merge requests.
//!
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use std::io::{self, Write};

use hardline_core::report::{Report, Reported};
use hardline_core::rule::Severity;
use serde::Serialize;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let violations: Vec<_> = report.findings.iter().map(Violation::new).collect();
    serde_json::to_writer_pretty(&mut *out, &violations)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Violation<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Place<'a>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

impl<'a> Violation<'a> {
    fn new(finding: &'a Reported) -> Self {
        let location = &finding.location;
        let description = match &finding.resource {
            Some(resource) => format!("{resource}: {}; {}", finding.message, finding.help),
            None => format!("{}; {}", finding.message, finding.help),
        };
        Self {
            description,
            check_name: finding.rule.id,
            fingerprint: &finding.fingerprint,
            severity: severity(finding.severity),
            // The lines of rendered text are not those of the file.
            location: Place {
                path: location.file(),
                lines: Lines { begin: if location.rendered { 1 } else { location.line } },
            },
        }
    }
}

/// GitLab's word: it counts from `info` over `minor`, `major` and `critical` to `blocker`.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
    }
}
