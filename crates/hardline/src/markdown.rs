//! The Markdown of rules' documentation, on a terminal.

use std::io::{self, Write};

use anstyle::AnsiColor;

use crate::terminal::{BOLD, CODE, DIM};

/// Writes Markdown: headings in bold, code indented, everything else as it is.
pub(crate) fn write(markdown: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut in_code = false;
    let mut after_blank = true;
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            code(line, out)?;
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim_start();
            if !after_blank {
                writeln!(out)?;
            }
            writeln!(out, "{BOLD}{heading}{BOLD:#}")?;
        } else {
            prose(line, out)?;
        }
        after_blank = line.is_empty();
    }
    Ok(())
}

/// A line of an example; `# finding` marks the lines that a rule reports.
fn code(line: &str, out: &mut dyn Write) -> io::Result<()> {
    let bad = AnsiColor::Red.on_default();
    match line.split_once("# finding") {
        Some((before, after)) => writeln!(out, "    {before}{bad}# finding{after}{bad:#}"),
        None if line.trim_start().starts_with('#') => writeln!(out, "    {DIM}{line}{DIM:#}"),
        None if line.is_empty() => writeln!(out),
        None => writeln!(out, "    {line}"),
    }
}

/// A line of prose, with what stands between backticks in colour.
pub(crate) fn prose(line: &str, out: &mut dyn Write) -> io::Result<()> {
    for (at, part) in line.split('`').enumerate() {
        if at % 2 == 1 {
            write!(out, "`{CODE}{part}{CODE:#}`")?;
        } else {
            write!(out, "{part}")?;
        }
    }
    writeln!(out)
}
