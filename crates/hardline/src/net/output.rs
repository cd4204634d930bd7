//! How answers are printed.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::terminal;

/// How an answer is printed that has one form for people and one for programs.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// How to print the answer
    #[arg(short = 'o', long, default_value = "txt")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Txt,
    /// For programs: JSON that names its schema
    Json,
}

impl Output {
    /// Prints the answer, for people as `txt` writes it.
    pub(super) fn print<T: Serialize>(
        &self,
        document: &T,
        txt: impl FnOnce(&T, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        terminal::print(|out| match self.format {
            Format::Txt => txt(document, out),
            Format::Json => json(document, out),
        })
    }
}

/// Writes an answer for programs.
pub(super) fn json(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}
