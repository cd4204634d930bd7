//! The forms in which a report is printed.

use std::io::{self, Write};
use std::time::Duration;

use clap::ValueEnum;
use hardline_core::report::{Counts, Report};

mod concise;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod junit;
mod markdown;
mod sarif;

pub(crate) use human::{statistics, summary};

/// A form in which a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: each finding in its manifest, and what to do about it
    Human,
    /// One line for each finding: `file:line:col: severity[rule] message`
    Concise,
    /// For programs: hardline.report/v1
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For test reports of CI systems: JUnit XML
    Junit,
    /// Annotations in the log of GitHub Actions
    Github,
    /// For merge requests of GitLab: a Code Quality report
    Gitlab,
    /// For the comment on a pull request
    Markdown,
    /// A page for people, which needs nothing else
    Html,
}

/// What a reporter needs to know beside the report.
pub(crate) struct View {
    /// How long the run took.
    pub(crate) elapsed: Duration,
    /// Columns to write for.
    pub(crate) width: usize,
    /// Findings only.
    pub(crate) quiet: bool,
    /// What was judged, if not files.
    pub(crate) within: Option<String>,
}

impl View {
    /// This view of something else than files.
    pub(crate) fn within(self, within: String) -> Self {
        Self { within: Some(within), ..self }
    }
}

impl Format {
    /// Whether the form has colours, on a terminal that shows them.
    pub(crate) fn is_styled(self) -> bool {
        matches!(self, Self::Human | Self::Concise)
    }

    /// Writes a report.
    pub(crate) fn write(self, report: &Report, view: &View, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Human => human::write(report, view, out),
            Self::Concise => concise::write(report, out),
            Self::Json => json::write(report, out),
            Self::Sarif => sarif::write(report, out),
            Self::Junit => junit::write(report, view, out),
            Self::Github => github::write(report, out),
            Self::Gitlab => gitlab::write(report, out),
            Self::Markdown => markdown::write(report, out),
            Self::Html => html::write(report, out),
        }
    }
}

/// `1 critical, 3 high`.
fn words(counts: Counts) -> String {
    let present = counts.by_severity().into_iter().filter(|&(_, count)| count > 0);
    present.map(|(severity, count)| format!("{count} {severity}")).collect::<Vec<_>>().join(", ")
}

/// `1 finding`, `2 findings`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
