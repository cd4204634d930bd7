//! The arguments that say whom `hardline serve` tells what it found.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hardline_core::rule::Severity;
use hardline_server::history::Retention;
use hardline_server::notify::{self, Sink, SinkForm, Template};
use hardline_server::watch::Options;

/// Whom to tell.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Watch")]
pub(crate) struct WatchArgs {
    /// Write reports of policy to the cluster: `policyreports` of `wgpolicyk8s.io` and `reports` of
    /// `openreports.io`, whichever is installed
    #[arg(long)]
    reports: bool,

    /// Make Kubernetes Events of new critical findings
    #[arg(long)]
    events: bool,

    /// Remember in this file what was found when; it is made where there is none
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,

    /// For how many days the history is kept
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    history_days: u16,

    /// Tell of new findings: `webhook=URL`, `slack=URL` or `alertmanager=URL`, where `@FILE` stands for
    /// the URL in a file; may be repeated
    #[arg(long, value_name = "FORM=URL", value_parser = sink)]
    notify: Vec<(SinkForm, String)>,

    /// The mildest severity that is told of
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = severity())]
    notify_least: Severity,

    /// How a finding reads, with {severity}, {rule}, {resource}, {message}, {help} and {author}
    #[arg(long, value_name = "TEXT", default_value_t)]
    notify_template: Template,

    /// How many seconds to wait at least between two messages
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    notify_pause: u64,
}

impl WatchArgs {
    pub(crate) fn options(self) -> anyhow::Result<Options> {
        let keep = Duration::from_hours(24) * u32::from(self.history_days);
        Ok(Options {
            replica: std::env::var("POD_NAME").unwrap_or_else(|_| format!("process-{}", std::process::id())),
            reports: self.reports,
            events: self.events,
            history: self.history.map(|file| (file, Retention { keep, ..Retention::default() })),
            notify: notify::Options {
                sinks: self.notify.into_iter().map(read).collect::<Result<_, _>>()?,
                least: self.notify_least,
                template: self.notify_template,
                pause: Duration::from_secs(self.notify_pause),
            },
        })
    }
}

/// The sink, with the URL that may be in a file: it often is a secret, which arguments do not keep.
fn read((form, url): (SinkForm, String)) -> anyhow::Result<Sink> {
    let url = match url.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).with_context(|| format!("cannot read `{file}`"))?.trim().to_owned(),
        None => url,
    };
    anyhow::ensure!(
        url.starts_with("https://") || url.starts_with("http://"),
        "the URL of `--notify {}=` begins with neither `https://` nor `http://`",
        form.name()
    );
    Ok(Sink { form, url })
}

fn sink(text: &str) -> Result<(SinkForm, String), String> {
    let (form, url) = text.split_once('=').ok_or("write the form and the URL, such as `slack=https://…`")?;
    let known = SinkForm::ALL.into_iter().find(|known| known.name() == form);
    Ok((known.ok_or("the form is `webhook`, `slack` or `alertmanager`")?, url.to_owned()))
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.map(Severity::name))
        .map(|name| Severity::ALL.into_iter().find(|severity| severity.name() == name).unwrap_or(Severity::High))
}
