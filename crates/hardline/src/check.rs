//! `hardline check`: judges manifests.

use std::process::ExitCode;
use std::time::Instant;

use hardline_core::config::Config;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::Report;
use hardline_core::verdict::judge;

use crate::fix::{Fixes, Mended};
use crate::judging::{Judging, Reporting};
use crate::progress::Progress;
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

    #[command(flatten)]
    judging: Judging,

    #[command(flatten)]
    fixes: Fixes,

    #[command(flatten)]
    reporting: Reporting,

    /// Nothing exists outside these manifests: what they lack is absent
    #[arg(long)]
    assume_complete: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.reporting.check()?;
    let started = Instant::now();
    let (report, mended) = judge_sources(args)?;
    if args.fixes.diff {
        return mended.print_diff(args.reporting.quiet);
    }
    mended.write(args.reporting.quiet)?;
    let view = args.reporting.view(started.elapsed());
    // Standard output belongs to the fixed text, where that goes there.
    args.reporting.write(&report, &view, mended.is_printed())
}

fn judge_sources(args: &Args) -> anyhow::Result<(Report, Mended)> {
    let progress = Progress::start("judging", args.reporting.quiet);
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
    if !args.reporting.quiet {
        loaded.notices.iter().for_each(|notice| terminal::notice(notice));
    }
    Ok((report, mended))
}

impl Args {
    /// What the configuration file says, and what is said here, which counts more; and the paths
    /// that are not read.
    fn config(&self) -> anyhow::Result<(Config, Vec<String>)> {
        let (mut config, exclude) = self.sources.config()?;
        self.judging.apply(&mut config);
        Ok((config, exclude))
    }
}
