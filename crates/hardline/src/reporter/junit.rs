//! JUnit XML, which CI systems show as tests: a suite for each file, a failed case for each finding.
//!
//! There is no standard; this holds what Jenkins, GitLab, Azure and CircleCI have in common. The schema of
//! Jenkins' xUnit plugin, `junit-10.xsd`, is the strictest. It lacks two attributes of a case that others need:
//! `file`, by which GitLab and CircleCI find the text, and `line`, by which actions for GitHub do. Jenkins' own
//! `junit` step takes them.
//! <https://github.com/testmoapp/junitxml>, <https://docs.gitlab.com/ci/testing/unit_test_reports/>

use std::fmt;
use std::io::{self, Write};

use hardline_core::report::{Report, Reported};

use crate::reporter::{View, counted};

pub(crate) fn write(report: &Report, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings.len();
    // A report without any case is an error to most readers.
    let tests = findings.max(1);
    let seconds = view.elapsed.as_secs_f32();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="hardline" tests="{tests}" failures="{findings}" errors="0" time="{seconds:.3}">"#
    )?;
    for of_file in report.findings.chunk_by(|a, b| a.location.file() == b.location.file()) {
        let (file, count) = (Xml(of_file[0].location.file()), of_file.len());
        writeln!(
            out,
            r#"  <testsuite name="{file}" file="{file}" tests="{count}" failures="{count}" errors="0" skipped="0" time="0">"#
        )?;
        of_file.iter().try_for_each(|finding| case(finding, out))?;
        writeln!(out, "  </testsuite>")?;
    }
    if findings == 0 {
        writeln!(
            out,
            r#"  <testsuite name="hardline" tests="1" failures="0" errors="0" skipped="0" time="{seconds:.3}">"#
        )?;
        let resources = counted(report.summary.resources, "resource");
        writeln!(out, r#"    <testcase classname="hardline" name="{resources} judged" time="{seconds:.3}"/>"#)?;
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn case(finding: &Reported, out: &mut dyn Write) -> io::Result<()> {
    let location = &finding.location;
    let name = match &finding.resource {
        Some(resource) => format!("{} {resource}{}", finding.rule.id, finding.path),
        None => format!("{} line {}", finding.rule.id, location.line),
    };
    let (file, line) = (Xml(location.file()), location.line);
    writeln!(out, r#"    <testcase classname="{file}" name="{}" file="{file}" line="{line}" time="0">"#, Xml(&name))?;
    let (severity, message) = (finding.severity, Xml(&finding.message));
    write!(out, r#"      <failure type="{severity}" message="{message}">{file}:{line}:{}: "#, location.column)?;
    writeln!(out, "{severity}[{}] {message}\nhelp: {}</failure>", finding.rule.id, Xml(&finding.help))?;
    writeln!(out, "    </testcase>")
}

/// Text as XML holds it, in attributes too. Characters that XML cannot hold become `U+FFFD`.
///
/// <https://www.w3.org/TR/xml/#charsets>
pub(crate) struct Xml<'a>(pub(crate) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // Attributes take them for spaces when they stand as they are.
            '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(character)),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}"),
            other => fmt::Write::write_char(f, other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(Xml("a\"><b>&\n\u{1b}").to_string(), "a&quot;&gt;&lt;b&gt;&amp;&#10;\u{fffd}");
    }
}
