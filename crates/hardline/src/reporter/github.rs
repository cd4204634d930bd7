//! Workflow commands of GitHub Actions, which annotate the lines of a pull request.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::io::{self, Write};

use hardline_core::profile::Enforcement;
use hardline_core::report::{Report, Reported};

use crate::terminal::visible;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    report.findings.iter().try_for_each(|finding| annotation(finding, out))
}

fn annotation(finding: &Reported, out: &mut dyn Write) -> io::Result<()> {
    let level = match finding.enforcement {
        Enforcement::Deny => "error",
        Enforcement::Warn => "warning",
        Enforcement::Audit | Enforcement::Off => "notice",
    };
    let location = &finding.location;
    write!(out, "::{level} file={},", property(location.file()))?;
    // The lines of rendered text are not those of the file.
    if !location.rendered {
        write!(out, "line={},endLine={},", location.line, location.end_line)?;
        // Columns are understood within one line only.
        if location.line == location.end_line {
            write!(out, "col={},endColumn={},", location.column, location.end_column)?;
        }
    }
    let title = format!("{}[{}]", finding.severity, finding.rule.id);
    let message = format!("{}\nhelp: {}", finding.message, finding.help);
    writeln!(out, "title={}::{}", property(&title), data(&message))
}

/// What follows `::` at the end of a command.
fn data(text: &str) -> String {
    let lines: Vec<_> = text.replace('%', "%25").lines().map(|line| visible(line).into_owned()).collect();
    lines.join("%0A")
}

/// A value between `=` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_a_command_or_start_another() {
        assert_eq!(data("100%\n::error::x\r\n"), "100%25%0A::error::x");
        assert_eq!(property("a,line=1:b"), "a%2Cline=1%3Ab");
        assert_eq!(data("\u{1b}[2J"), "\\u{1b}[2J");
    }
}
