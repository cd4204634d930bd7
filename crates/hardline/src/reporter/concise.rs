//! One line for each finding, in the shape that editors and `grep` know.

use std::io::{self, Write};

use hardline_core::report::Report;

use crate::terminal::{self, BOLD, visible};

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let location = &finding.location;
        let severity = terminal::severity(finding.severity);
        writeln!(
            out,
            "{BOLD}{}{BOLD:#}:{}:{}: {severity}{}[{}]{severity:#} {}",
            visible(location.file()),
            location.line,
            location.column,
            finding.severity,
            finding.rule.id,
            visible(&finding.message),
        )?;
    }
    Ok(())
}
