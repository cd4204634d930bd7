//! `hardline check`: judges manifests.

use std::env;
use std::fs;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use hardline_core::config::file::File;
use hardline_core::config::{Config, Date, Version};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::report::Report;
use hardline_core::rule::{Rule, Severity};
use hardline_core::verdict::judge;
use hardline_manifest::helm;
use hardline_manifest::load::{self, Input, load};

use crate::configuration;
use crate::progress::Progress;
use crate::reporter::{self, Format, View};
use crate::rule_argument::RuleParser;
use crate::terminal;

/// Judge manifests
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "\
Examples:
  hardline check
  hardline check deploy/ --profile critical
  hardline check charts/shop -f values-prod.yaml --set image.tag=1.2
  kustomize build overlays/prod | hardline check -
  hardline check --select memory-limit-missing,memory-request-missing
  hardline check --format github --report sarif=hardline.sarif
  hardline check --fail-on never --statistics

Exit codes: 0 nothing that fails, 1 findings, 2 could not judge")]
pub(crate) struct Args {
    /// Files, folders, globs, Helm charts, kustomizations, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// The rules to hold the manifests to, and how strictly [default: production]
    #[arg(short, long, value_parser = profile())]
    profile: Option<Profile>,

    /// Run these rules only, whatever the profile leaves out
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    select: Vec<&'static Rule>,

    /// Do not run these rules
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = RuleParser, hide_possible_values = true)]
    ignore: Vec<&'static Rule>,

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

    /// The namespace of manifests that name none, and of releases of charts
    #[arg(short, long)]
    namespace: Option<String>,

    /// Nothing exists outside these manifests: what they lack is absent
    #[arg(long)]
    assume_complete: bool,

    /// The version of Kubernetes that the manifests are for [default: v1.37]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<Version>,

    /// The configuration [default: the first `hardline.yaml` in the folder of PATH or above it]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Read no configuration
    #[arg(long, conflicts_with = "config")]
    no_config: bool,

    /// The longest file to read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    max_file_size: u64,

    /// A file of values for Helm charts; the last one wins
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "Helm charts")]
    values: Vec<PathBuf>,

    /// A value for Helm charts, such as `image.tag=1.2`; wins over files
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Helm charts")]
    set: Vec<String>,

    /// The name of the release that Helm charts are rendered for
    #[arg(long, value_name = "NAME", default_value = "release-name", help_heading = "Helm charts")]
    release_name: String,
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
    let report = judge_inputs(args)?;
    let view = View { elapsed: started.elapsed(), width: terminal::width(), quiet: args.quiet };
    for (format, path) in &args.report {
        write_file(*format, path, &report, &view)
            .with_context(|| format!("cannot write the report to `{}`", path.display()))?;
    }
    terminal::print(|out| {
        if args.statistics { reporter::statistics(&report, &view, out) } else { args.format.write(&report, &view, out) }
    })?;
    if !args.quiet && matches!(args.format, Format::Concise | Format::Github) {
        terminal::print_error(|err| reporter::summary(&report, &view, err))?;
    }
    Ok(args.exit_code(&report))
}

fn judge_inputs(args: &Args) -> anyhow::Result<Report> {
    let progress = Progress::start("judging", args.quiet);
    let (config, exclude) = args.config()?;
    let options = args.options(&config, exclude);
    let loaded = load(args.inputs()?, &options, &|files| progress.set(files)).map_err(with_help)?;
    let coverage =
        if args.assume_complete { Coverage::everything() } else { Coverage::of_manifests(&loaded.resources) };
    let inventory = Inventory::new(loaded.resources, coverage);
    let judgement = judge(&inventory, loaded.findings, &config);
    let report = Report::new(&judgement, &inventory, loaded.read);
    drop(progress);
    if !args.quiet {
        loaded.notices.iter().for_each(|notice| terminal::notice(notice));
    }
    Ok(report)
}

/// The error and, on a line of its own, what to do about it.
fn with_help(error: load::Error) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    }
}

impl Args {
    fn inputs(&self) -> anyhow::Result<Vec<Input>> {
        let input = |path: &PathBuf| {
            if path.as_os_str() != "-" {
                return Ok(Input::Path(path.clone()));
            }
            let mut bytes = Vec::new();
            // One byte more than is read shows that there are too many.
            io::stdin()
                .lock()
                .take(self.max_bytes() + 1)
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            Ok(Input::Text { name: "-".to_owned(), bytes })
        };
        self.paths.iter().map(input).collect()
    }

    fn options(&self, config: &Config, exclude: Vec<String>) -> load::Options {
        let helm = helm::Options {
            release: self.release_name.clone(),
            values: self.values.clone(),
            set: self.set.clone(),
            kube_version: Some(format!("{}.0", config.settings.kubernetes_version)),
            ..helm::Options::default()
        };
        let max_file_size = self.max_bytes();
        load::Options { namespace: self.namespace.clone(), helm, exclude, max_file_size, ..Default::default() }
    }

    fn max_bytes(&self) -> u64 {
        self.max_file_size.saturating_mul(1 << 20).min(u32::MAX.into())
    }

    /// What the configuration file says, and what is said here, which counts more; and the paths
    /// that are not read.
    fn config(&self) -> anyhow::Result<(Config, Vec<String>)> {
        let here = env::current_dir().context("cannot find the working directory")?;
        let file = match self.paths.first().filter(|_| !self.no_config) {
            Some(input) => configuration::read(self.config.as_deref(), input, &here)?,
            None => File::default(),
        };
        let mut config = Config::new(today());
        config.base = here;
        config.profile = self.profile.or(file.profile).unwrap_or_default();
        config.select.clone_from(&self.select);
        config.ignore.clone_from(&self.ignore);
        config.rules = file.rules;
        config.overrides = file.overrides;
        config.exemptions = file.exemptions;
        let settings = &mut config.settings;
        settings.kubernetes_version =
            self.kubernetes_version.or(file.kubernetes_version).unwrap_or(settings.kubernetes_version);
        settings.forbidden_tags = file.forbidden_tags.unwrap_or(std::mem::take(&mut settings.forbidden_tags));
        Ok((config, file.exclude))
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

fn profile() -> impl clap::builder::TypedValueParser<Value = Profile> {
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

/// The date of today, UTC.
fn today() -> Date {
    let date = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    Date { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
}
