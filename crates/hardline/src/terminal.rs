//! Writing to a terminal: what may reach it, how wide it is, and what happens when nobody listens.

use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Style};
use hardline_core::rule::Severity;
pub(crate) use hardline_core::visible::{is_hidden, visible};

/// Emphasis without colour.
pub(crate) const BOLD: Style = Style::new().bold();
/// What matters less than its surroundings.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Names that can be typed: rules, commands, fields.
pub(crate) const CODE: Style = AnsiColor::Cyan.on_default();

/// The style of a severity.
pub(crate) fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::BrightRed.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::BrightBlue.on_default(),
    }
}

/// The width to write for: the terminal's, or enough for code where there is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(140, |(width, _)| usize::from(width.0).max(40))
}

/// Writes to standard output in one go. That the reader has gone away, as `head` does, is no error.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    print_to(anstream::stdout().lock(), write)
}

/// As [`print`], for text without styles, which is not searched for them: reports may be long.
pub(crate) fn print_plain(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    print_to(io::stdout().lock(), write)
}

fn print_to(out: impl Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let written = write(&mut out).and_then(|()| out.flush());
    // The buffer would try again when dropped.
    let _ = out.into_parts();
    unless_closed(written)
}

/// As [`print`], to standard error.
pub(crate) fn print_error(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    unless_closed(write(&mut anstream::stderr().lock()))
}

/// Says what went wrong.
pub(crate) fn error(message: &str) {
    say("error", AnsiColor::Red, message);
}

/// Says what the user should know although nothing went wrong.
pub(crate) fn notice(message: &str) {
    say("notice", AnsiColor::Yellow, message);
}

/// Says what was done.
pub(crate) fn done(word: &str, message: &str) {
    say(word, AnsiColor::Green, message);
}

fn say(word: &str, colour: AnsiColor, message: &str) {
    let style = colour.on_default().bold();
    let lines: Vec<_> = message.lines().map(visible).collect();
    // Where standard error is closed there is nowhere left to say so.
    let _ = print_error(|err| writeln!(err, "{style}{word}{style:#}: {}", lines.join("\n")));
}

fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
