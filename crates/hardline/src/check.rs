//! `hardline check`: judges manifests.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::process::ExitCode;
use std::time::Instant;

use hardline_core::baseline::Baseline;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::Report;
use hardline_core::verdict::judge;

use crate::baseline::BaselineFile;
use crate::fix::{Fixes, Mended};
use crate::judging::{Judging, Reporting};
use crate::progress::Progress;
use crate::sources::{Configured, Sources};
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
  hardline check --since origin/main
  hardline check deploy/ --diff
  hardline check deploy/ --fix --unsafe-fixes
  hardline check --write-baseline     accept what is there today
  hardline check --baseline hardline-baseline.json

Exit codes: 0 nothing that fails, 1 findings, 2 could not judge")]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,

    #[command(flatten)]
    judging: Judging,

    /// Report only on what has changed in Git since this revision, uncommitted changes included
    #[arg(long, value_name = "REV", conflicts_with = "write_baseline")]
    since: Option<String>,

    #[command(flatten)]
    fixes: Fixes,

    #[command(flatten)]
    baseline: BaselineFile,

    #[command(flatten)]
    reporting: Reporting,

    /// Nothing exists outside these manifests: what they lack is absent
    #[arg(long)]
    assume_complete: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.reporting.check()?;
    let started = Instant::now();
    let Some((report, mended)) = judge_sources(args)? else { return Ok(ExitCode::SUCCESS) };
    if args.fixes.diff {
        return mended.print_diff(args.reporting.quiet);
    }
    mended.write(args.reporting.quiet)?;
    let view = args.reporting.view(started.elapsed());
    let report = ManuallyDrop::new(report);
    // Standard output belongs to the fixed text, where that goes there.
    args.reporting.write(&report, &view, mended.is_printed())
}

/// The report and what was mended; neither where the findings went into the baseline.
fn judge_sources(args: &Args) -> anyhow::Result<Option<(Report, Mended)>> {
    let progress = Progress::start("judging", args.reporting.quiet);
    let Configured { config, exclude, baseline } = args.config()?;
    let since = args.since.as_deref().map(|revision| args.sources.since(revision, args.assume_complete)).transpose()?;
    let mut loaded = match &since {
        Some(since) => args.sources.load_since(since, &config, exclude, &progress)?,
        None => args.sources.load(&config, exclude, &progress)?,
    };
    let in_part = since.as_ref().is_some_and(|since| since.in_part);
    let changed = Cell::new(0);
    let (judgement, inventory, mended) = args.fixes.mend(&mut loaded, |loaded| {
        let coverage = match () {
            () if args.assume_complete => Coverage::everything(),
            () if in_part => Coverage::nothing(),
            () => Coverage::of_manifests(&loaded.resources),
        };
        let inventory = Inventory::new(loaded.resources.clone(), coverage);
        let mut judgement = judge(&inventory, loaded.findings.clone(), &config);
        if let Some(since) = &since {
            changed.set(since.keep(&mut judgement, &inventory));
        }
        (judgement, inventory)
    });
    if args.baseline.is_written() {
        drop(progress);
        args.baseline.write(
            "check",
            &Baseline::of(&judgement, &inventory),
            baseline.as_deref(),
            args.reporting.quiet,
        )?;
        return Ok(None);
    }
    let report = Report::new(judgement, &inventory, loaded.read);
    drop(progress);
    if !args.reporting.quiet {
        loaded.notices.iter().for_each(|notice| terminal::notice(notice));
        if let (Some(since), Some(revision)) = (&since, &args.since) {
            since.tell(changed.get(), report.summary.resources, revision);
        }
    }
    // The process is about to end, and gives all memory back at once.
    mem::forget((inventory, loaded));
    Ok(Some((report, mended)))
}

impl Args {
    /// What the configuration file says, and what is said here, which counts more.
    fn config(&self) -> anyhow::Result<Configured> {
        let mut configured = self.sources.config()?;
        self.judging.apply(&mut configured.config);
        configured.config.baseline = self.baseline.read(configured.baseline.as_deref())?;
        Ok(configured)
    }
}
