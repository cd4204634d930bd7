//! `hardline.report/v1`: the report as it is.

use std::io::{self, BufWriter, Write};

use hardline_core::report::Report;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // A buffer of a known type, for JSON is written in pieces of a few bytes.
    let mut out = BufWriter::with_capacity(64 << 10, out);
    report.serialize(&mut Serializer::with_formatter(&mut out, Indented::default()))?;
    writeln!(out)?;
    out.flush()
}

/// Writes as `serde_json`'s own indentation does, a line's beginning in one piece.
#[derive(Default)]
struct Indented {
    depth: usize,
    /// Whether the collection that was last begun or ended has anything in it.
    filled: bool,
}

impl Indented {
    const DEEPEST: usize = 32;
    const BREAK: [u8; 2 + 2 * Self::DEEPEST] = {
        let mut text = [b' '; 2 + 2 * Self::DEEPEST];
        (text[0], text[1]) = (b',', b'\n');
        text
    };

    fn begin<W: Write + ?Sized>(&mut self, out: &mut W, bracket: u8) -> io::Result<()> {
        (self.depth, self.filled) = (self.depth + 1, false);
        out.write_all(&[bracket])
    }

    fn end<W: Write + ?Sized>(&mut self, out: &mut W, bracket: u8) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(out, true)?;
        }
        out.write_all(&[bracket])
    }

    fn line<W: Write + ?Sized>(&self, out: &mut W, first: bool) -> io::Result<()> {
        let (whole, rest) = (self.depth.min(Self::DEEPEST), self.depth.saturating_sub(Self::DEEPEST));
        out.write_all(&Self::BREAK[usize::from(first)..2 + 2 * whole])?;
        (0..rest).try_for_each(|_| out.write_all(b"  "))
    }
}

impl Formatter for Indented {
    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b'[')
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b']')
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b'{')
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b'}')
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}
