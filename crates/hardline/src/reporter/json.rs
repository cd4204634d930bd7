//! `hardline.report/v1`: the report as it is.

use std::io::{self, Write};

use hardline_core::report::Report;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
