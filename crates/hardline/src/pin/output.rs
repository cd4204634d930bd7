//! What `hardline pin` did, for people and for programs.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use anstyle::AnsiColor;
use hardline_core::source::Source;
use serde_json::{Value as Json, json};

use super::image::{Image, Standing};
use crate::terminal::{BOLD, visible};

/// Each image, how it stands, and what could not be read.
pub(super) struct Outcome<'a> {
    pub(super) images: Vec<Image<'a>>,
    /// One for each image.
    pub(super) standings: Vec<Standing>,
    /// Texts that cannot be read, with their place.
    pub(super) malformed: Vec<String>,
}

/// Images by how they stand.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) kept: usize,
    pub(super) pinned: usize,
    pub(super) findings: usize,
    pub(super) failed: usize,
}

impl Outcome<'_> {
    /// Counts the images; a text that cannot be read counts as one that failed.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals { failed: self.malformed.len(), ..Totals::default() };
        for standing in &self.standings {
            *match standing {
                Standing::Kept => &mut totals.kept,
                Standing::Pinned(_) => &mut totals.pinned,
                Standing::Unpinned | Standing::Moved(_) | Standing::Missing => &mut totals.findings,
                Standing::Failed(_) => &mut totals.failed,
            } += 1;
        }
        totals
    }

    /// Says of all images of a source that they could not be pinned.
    pub(super) fn fail(&mut self, source: &Arc<Source>, why: &str) {
        for (image, standing) in self.images.iter().zip(&mut self.standings) {
            if matches!(standing, Standing::Pinned(_)) && Arc::ptr_eq(image.holder.source(), source) {
                *standing = Standing::Failed(format!("image `{}`: {why}", image.text));
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (&Image<'_>, &Standing)> {
        self.images.iter().zip(&self.standings)
    }

    /// One line for each image that was pinned, unless only findings are wanted, or has a finding.
    pub(super) fn write_lines(&self, quiet: bool, out: &mut dyn Write) -> io::Result<()> {
        for (image, standing) in self.each() {
            match (standing, standing.message(&image.text)) {
                (Standing::Failed(_), _) | (_, None) => {}
                (Standing::Pinned(_), _) if quiet => {}
                (_, Some(message)) => writeln!(out, "{}: {}", place(image), visible(&message))?,
            }
        }
        Ok(())
    }

    /// One line for each image and text that failed.
    pub(super) fn write_failures(&self, err: &mut dyn Write) -> io::Result<()> {
        let style = AnsiColor::Red.on_default().bold();
        for text in &self.malformed {
            writeln!(err, "{style}error{style:#}: {}", visible(text))?;
        }
        for (image, standing) in self.each() {
            if let Standing::Failed(message) = standing {
                writeln!(err, "{style}error{style:#}: {}: {}", place(image), visible(message))?;
            }
        }
        Ok(())
    }

    /// One line that counts.
    pub(super) fn write_summary(&self, err: &mut dyn Write) -> io::Result<()> {
        let totals = self.totals();
        let parts = [
            (totals.pinned, "pinned"),
            (totals.findings, "to be looked at"),
            (totals.kept, "unchanged"),
            (totals.failed, "failed"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let parts: Vec<_> = parts.collect();
        let files: BTreeSet<&str> = self.images.iter().map(|image| image.holder.source().name.as_str()).collect();
        let counts = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
        writeln!(err, "images in {} files: {counts}", files.len())
    }

    /// All images as hardline.pin/v1.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let image = |(image, standing): (&Image<'_>, &Standing)| {
            let position = image.position();
            let pinned = if let Standing::Pinned(pinned) = standing { Some(pinned) } else { None };
            json!({
                "resource": image.holder.id(),
                "path": image.path.to_string(),
                "location": {
                    "file": image.holder.source().name, "line": position.line, "column": position.column,
                },
                "image": image.text,
                "status": standing.name(),
                "pinned": pinned,
                "message": standing.message(&image.text),
            })
        };
        let images: Vec<Json> = self.each().map(image).collect();
        let totals = self.totals();
        let report = json!({
            "schema": "hardline.pin/v1",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": {
                "kept": totals.kept, "pinned": totals.pinned, "findings": totals.findings, "failed": totals.failed,
            },
            "images": images,
            "malformed": self.malformed,
        });
        writeln!(out, "{report:#}")
    }
}

fn place(image: &Image<'_>) -> String {
    let position = image.position();
    let name = visible(&image.holder.source().name).into_owned();
    format!("{BOLD}{name}{BOLD:#}:{}:{}", position.line, position.column)
}
