//! `hardline check`: judges manifests.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use hardline_core::config::Config;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::report::Report;
use hardline_core::rule::{Rule, Severity};
use hardline_core::verdict::judge;

use crate::fix::{Fixes, Mended};
use crate::progress::Progress;
use crate::reporter::{self, Format, View};
use crate::rule_argument::RuleParser;
use crate::sources::Sources;
use crate::terminal;

/// Judge manifests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline check
  hardline check deploy/ --profile critical
  hardline check charts/shop -f values-prod.yaml --set image.tag=1.2
  kustomize build overlays/prod | hardline check -
  hardline check --select memory-limit-missing,memory-request-missing
  hardline check --format github --report sarif=hardline.sarif
  hardline check --fail-on never --statistics
  hardline check deploy/ --diff
  hardline check deploy/ --fix --unsafe-fixes

Exit codes: 0 nothing that fails, 1 findings, 2 could not judge")]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,

    /// The rules to hold the manifests to, and how strictly [default: production]
    #[arg(short, long, value_parser = profile())]
    profile: Option<Profile>,

    /// Run these rules only, whatever the profile leaves out
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    select: Vec<&'static Rule>,

    /// Do not run these rules
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    ignore: Vec<&'static Rule>,

    #[command(flatten)]
    fixes: Fixes,

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
    quiet: bool,

    /// Nothing exists outside these manifests: what they lack is absent
    #[arg(long)]
    assume_complete: bool,
}

/// What makes `hardline check` exit with 1.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
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

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.statistics && !matches!(args.format, Format::Human | Format::Concise) {
        bail!("`--statistics` is for people: leave out `--format`, or count in the report");
    }
    let started = Instant::now();
    let (report, mended) = judge_sources(args)?;
    if args.fixes.diff {
        return mended.print_diff(args.quiet);
    }
    mended.write(args.quiet)?;
    let view = View { elapsed: started.elapsed(), width: terminal::width(), quiet: args.quiet };
    for (format, path) in &args.report {
        write_file(*format, path, &report, &view)
            .with_context(|| format!("cannot write the report to `{}`", path.display()))?;
    }
    let write = |out: &mut dyn Write| {
        if args.statistics { reporter::statistics(&report, &view, out) } else { args.format.write(&report, &view, out) }
    };
    // Standard output belongs to the fixed text, where that goes there.
    if mended.is_printed() {
        terminal::print_error(write)?;
    } else if args.format.is_styled() {
        terminal::print(write)?;
    } else {
        terminal::print_plain(write)?;
    }
    if !args.quiet && matches!(args.format, Format::Concise | Format::Github) {
        terminal::print_error(|err| reporter::summary(&report, &view, err))?;
    }
    Ok(args.exit_code(&report))
}

fn judge_sources(args: &Args) -> anyhow::Result<(Report, Mended)> {
    let progress = Progress::start("judging", args.quiet);
    let (config, exclude) = args.config()?;
    let mut loaded = args.sources.load(&config, exclude, &progress)?;
    let (judgement, inventory, mended) = args.fixes.mend(&mut loaded, |loaded| {
        let coverage =
            if args.assume_complete { Coverage::everything() } else { Coverage::of_manifests(&loaded.resources) };
        let inventory = Inventory::new(loaded.resources.clone(), coverage);
        (judge(&inventory, loaded.findings.clone(), &config), inventory)
    });
    let report = Report::new(judgement, &inventory, loaded.read);
    drop(progress);
    if !args.quiet {
        loaded.notices.iter().for_each(|notice| terminal::notice(notice));
    }
    Ok((report, mended))
}

impl Args {
    /// What the configuration file says, and what is said here, which counts more; and the paths
    /// that are not read.
    fn config(&self) -> anyhow::Result<(Config, Vec<String>)> {
        let (mut config, exclude) = self.sources.config()?;
        config.profile = self.profile.unwrap_or(config.profile);
        config.select.clone_from(&self.select);
        config.ignore.clone_from(&self.ignore);
        Ok((config, exclude))
    }

    fn exit_code(&self, report: &Report) -> ExitCode {
        let at_least = |least| report.findings.iter().any(|finding| finding.severity >= least);
        let fails = match self.fail_on {
            None => report.findings.iter().any(|finding| finding.enforcement == Enforcement::Deny),
            Some(FailOn::Low) => at_least(Severity::Low),
            Some(FailOn::Medium) => at_least(Severity::Medium),
            Some(FailOn::High) => at_least(Severity::High),
            Some(FailOn::Critical) => at_least(Severity::Critical),
            Some(FailOn::Never) => false,
        };
        ExitCode::from(u8::from(fails))
    }
}

pub(crate) fn profile() -> impl clap::builder::TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name)).try_map(|name| name.parse::<Profile>())
}

fn report_file(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write the format and the file, such as `sarif=hardline.sarif`")?;
    Ok((Format::from_str(format, false)?, path.into()))
}

fn write_file(format: Format, path: &PathBuf, report: &Report, view: &View) -> io::Result<()> {
    let mut file = BufWriter::new(anstream::StripStream::new(fs::File::create(path)?));
    format.write(report, view, &mut file)?;
    file.flush()
}
