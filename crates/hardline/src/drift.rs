//! `hardline drift`: what runs, what was meant to run, and who changed it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;
use hardline_core::report::{Read, Report};

use crate::cluster::ClusterArgs;
use crate::configuration::ConfigurationFile;
use crate::judging::{FailOn, Reporting};
use crate::reporter::Format;
use crate::source::Source;
use crate::source::gitops::Cloned;
use crate::sources::ChartOptions;
use crate::terminal;

mod cluster;
mod codify;
mod compare;
mod desired;
mod exact;
mod json;
mod log;
mod release;
mod remediate;
mod text;
mod value;

/// Show what runs otherwise than it was deployed, and by whose hand
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sources:
  PATH                   files, a folder, a chart or a kustomization
  chart:PATH             a chart, rendered now
  git:REPO@REV:PATH      the same in a revision of a repository
  helm:[NS/]RELEASE      what Helm has deployed, from the release that it keeps
  argocd:[NS/]APP        what an Application of Argo CD deploys, from its repository or chart
  flux:[NS/]KIND/NAME    what a Kustomization or HelmRelease of Flux deploys, likewise
  cluster[:CONTEXT]      a live cluster
  dump:PATH              the output of `kubectl get .. -o yaml --show-managed-fields`

Examples:
  hardline drift -n shop
  hardline drift --desired helm:shop/checkout --remediate
  hardline drift --desired helm:shop/checkout --revision 7
  hardline drift --desired helm:shop/checkout --observed dump:live.yaml
  hardline drift --desired git:.@main:deploy/shop -n shop --observed dump:live.yaml
  hardline drift --desired argocd:argocd/shop --repo https://git.example.com/shop=../shop
  hardline drift --desired cluster:staging --observed cluster:production -n shop
  hardline drift --desired deploy/ --observed dump:live.yaml --explain-suppressed

Exit codes: 0 no drift, 1 drift of any severity unless `--fail-on` says otherwise, 2 could not tell")]
pub(crate) struct Args {
    /// What should run [default: every Helm release that is observed]
    #[arg(long, value_name = "SOURCE")]
    desired: Option<Source>,

    /// What runs
    #[arg(long, value_name = "SOURCE", default_value = "cluster")]
    observed: Source,

    /// The revision of the release, instead of the one that is deployed
    #[arg(long, value_name = "NUMBER", requires = "desired")]
    revision: Option<u64>,

    /// Where a repository that Argo CD or Flux deploys from is cloned on this machine, such as
    /// `https://git.example.com/shop=../shop`; others are cloned. May be repeated
    #[arg(long, value_name = "URL=PATH")]
    repo: Vec<Cloned>,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    configuration: ConfigurationFile,

    /// The desired objects are what was deployed last: nothing of them is still to come
    #[arg(long)]
    deployed: bool,

    /// Manifests of Argo CD or Flux whose ignore rules count too: an Application, `argocd-cm`, a
    /// `HelmRelease`, a `Kustomization`; may be repeated
    #[arg(long, value_name = "PATH")]
    ignored_by: Vec<PathBuf>,

    /// A log of who changed what: the audit log of the API server (`audit.k8s.io/v1`, a line an event)
    /// or hardline's ledger; may be repeated
    #[arg(long, value_name = "FILE")]
    audit_log: Vec<PathBuf>,

    /// Also show objects that are in no source and that no other object owns
    #[arg(long)]
    orphans: bool,

    /// Also show the differences that are no drift, each with its reason
    #[arg(long)]
    explain_suppressed: bool,

    /// Ask the API server, by dry runs, about differences that nobody is known to have made by hand: what
    /// it does by itself is no drift. Needs the right to patch; nothing is written
    #[arg(long)]
    exact: bool,

    /// Show the changes in the order in which they were made
    #[arg(long)]
    timeline: bool,

    /// Take back what has drifted, in the cluster, after a dry run and a confirmation
    #[arg(long, help_heading = "Putting right")]
    remediate: bool,

    /// Do not ask for confirmation
    #[arg(long, requires = "remediate", help_heading = "Putting right")]
    yes: bool,

    /// Also restore what restarts the only pod of a service
    #[arg(long, requires = "remediate", help_heading = "Putting right")]
    restart: bool,

    /// Print a patch that takes what has drifted into the source, instead of the differences
    #[arg(long, conflicts_with = "remediate", help_heading = "Putting right")]
    codify: bool,

    #[command(flatten)]
    reporting: Reporting,

    #[command(flatten)]
    chart: ChartOptions,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.reporting.check()?;
    let started = Instant::now();
    let live = match &args.observed {
        Source::Cluster(context) => Some(cluster::connect(args, context.as_ref())?),
        _ => None,
    };
    if args.exact && live.is_none() {
        bail!("only a cluster can be asked: name it by `--observed cluster`, or leave out `--exact`");
    }
    let mut compared = compare::compare(args, live.as_ref())?;
    if args.codify {
        terminal::print(|out| codify::run(&compared, out))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.remediate {
        let Some(live) = &live else { bail!("only a cluster can be put right: name it by `--observed cluster`") };
        remediate::run(args, &compared, live)?;
        compared = compare::compare(args, Some(live))?;
    }
    let judgement = std::mem::take(&mut compared.judgement.judgement);
    let report = Report::new(judgement, &compared.judgement.inventory, Read::default());
    let view = args.reporting.view(started.elapsed());
    args.reporting.print(&report, &view, false, &|format, out| match format {
        Format::Human if args.timeline => text::timeline(&compared, out),
        Format::Human => text::write(&compared, &view, out),
        Format::Json => json::write(&compared, out),
        other => other.write(&report, &view, out),
    })?;
    if !args.reporting.quiet {
        compared.notices.iter().for_each(|notice| terminal::notice(notice));
    }
    Ok(args.reporting.exit_code(&report, Some(FailOn::Low)))
}
