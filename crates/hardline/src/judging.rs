//! The arguments that say by what to judge and how to report. They mean the same on every
//! subcommand that judges.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use hardline_core::config::Config;
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::report::Report;
use hardline_core::rule::{Rule, Severity};

use crate::reporter::{self, Format, View};
use crate::rule_argument::RuleParser;
use crate::terminal;

/// By what to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct Judging {
    /// The rules to hold the resources to, and how strictly [default: production]
    #[arg(short, long, value_parser = profile())]
    profile: Option<Profile>,

    /// Run these rules only, whatever the profile leaves out
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    select: Vec<&'static Rule>,

    /// Do not run these rules
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    ignore: Vec<&'static Rule>,
}

/// How to report, and what fails.
#[derive(Debug, clap::Args)]
pub(crate) struct Reporting {
    /// Exit with 1 on findings of this severity or above [default: what the profile denies]
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,

    /// How to print the report
    #[arg(short = 'o', long, default_value = "human")]
    format: Format,

    /// Also write a report to a file, such as `sarif=hardline.sarif`; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report_file)]
    report: Vec<(Format, PathBuf)>,

    /// Count the findings by rule instead of printing each
    #[arg(long)]
    statistics: bool,

    /// Print findings and errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What makes a judgement exit with 1.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FailOn {
    /// Any finding
    Low,
    /// Findings of severity medium, high or critical
    Medium,
    /// Findings of severity high or critical
    High,
    /// Findings of severity critical
    Critical,
    /// No finding
    Never,
}

impl Judging {
    /// Lets what is said here count more than what the configuration says.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.profile = self.profile.unwrap_or(config.profile);
        config.select.clone_from(&self.select);
        config.ignore.clone_from(&self.ignore);
    }
}

impl Reporting {
    /// Refuses what contradicts itself, before any work is done.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.statistics && !matches!(self.format, Format::Human | Format::Concise) {
            bail!("`--statistics` is for people: leave out `--format`, or count in the report");
        }
        Ok(())
    }

    /// How the report is shown here.
    pub(crate) fn view(&self, elapsed: Duration) -> View {
        View { elapsed, width: terminal::width(), quiet: self.quiet, within: None }
    }

    /// Writes the report wherever it is to go, and says how the command ends.
    pub(crate) fn write(&self, report: &Report, view: &View, to_stderr: bool) -> anyhow::Result<ExitCode> {
        self.print(report, view, to_stderr, &|format, out| format.write(report, view, out))?;
        Ok(self.exit_code(report, None))
    }

    /// Writes the report wherever it is to go, by whoever knows how to write it.
    pub(crate) fn print(
        &self,
        report: &Report,
        view: &View,
        to_stderr: bool,
        form: &dyn Fn(Format, &mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        for (format, path) in &self.report {
            let write = || {
                let mut file = BufWriter::new(anstream::StripStream::new(fs::File::create(path)?));
                form(*format, &mut file)?;
                file.flush()
            };
            write().with_context(|| format!("cannot write the report to `{}`", path.display()))?;
        }
        let write = |out: &mut dyn Write| {
            if self.statistics { reporter::statistics(report, view, out) } else { form(self.format, out) }
        };
        if to_stderr {
            terminal::print_error(write)?;
        } else if self.format.is_styled() {
            terminal::print(write)?;
        } else {
            terminal::print_plain(write)?;
        }
        if !self.quiet && matches!(self.format, Format::Concise | Format::Github) {
            terminal::print_error(|err| reporter::summary(report, view, err))?;
        }
        Ok(())
    }

    /// How the command ends: by what fails unless said otherwise, else by what the profile denies.
    pub(crate) fn exit_code(&self, report: &Report, default: Option<FailOn>) -> ExitCode {
        let fails = match self.fail_on.or(default) {
            None => report.findings.iter().any(|finding| finding.enforcement == Enforcement::Deny),
            Some(fail_on) => fail_on.fails(report),
        };
        ExitCode::from(u8::from(fails))
    }
}

impl FailOn {
    /// Whether a report has what is not to pass.
    fn fails(self, report: &Report) -> bool {
        let at_least = |least| report.findings.iter().any(|finding| finding.severity >= least);
        match self {
            Self::Low => at_least(Severity::Low),
            Self::Medium => at_least(Severity::Medium),
            Self::High => at_least(Severity::High),
            Self::Critical => at_least(Severity::Critical),
            Self::Never => false,
        }
    }
}

/// Reads the name of a profile.
pub(crate) fn profile() -> impl clap::builder::TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name)).try_map(|name| name.parse::<Profile>())
}

fn report_file(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write the format and the file, such as `sarif=hardline.sarif`")?;
    Ok((Format::from_str(format, false)?, path.into()))
}
