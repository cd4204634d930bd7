//! `hardline drift`: what runs, what was meant to run, and who changed it.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use hardline_core::config::Config;
use hardline_core::drift::{self, Drift, Judgement, Options};
use hardline_core::report::{Read, Report};
use hardline_core::resource::Resource;
use hardline_manifest::helm;
use hardline_manifest::load::{self, Loaded};
use hardline_manifest::release::Release;

use crate::configuration::ConfigurationFile;
use crate::judging::{FailOn, report_file};
use crate::reporter::{Format, View};
use crate::source::{self, Source};
use crate::terminal;

mod cluster;
mod codify;
mod json;
mod release;
mod remediate;
mod text;
mod value;

use cluster::Live;

/// Show what runs otherwise than it was deployed, and by whose hand
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sources:
  PATH                   files, a folder, a chart or a kustomization
  chart:PATH             a chart, rendered now
  git:REPO@REV:PATH      the same in a revision of a repository
  helm:[NS/]RELEASE      what Helm has deployed, from the release that it keeps
  cluster[:CONTEXT]      a live cluster
  dump:PATH              the output of `kubectl get .. -o yaml --show-managed-fields`

Examples:
  hardline drift -n shop
  hardline drift --desired helm:shop/checkout --remediate
  hardline drift --desired helm:shop/checkout --observed dump:live.yaml
  hardline drift --desired git:.@main:deploy/shop -n shop --observed dump:live.yaml
  hardline drift --desired dump:staging.yaml --observed dump:production.yaml
  hardline drift --desired deploy/ --observed dump:live.yaml --explain-suppressed

Exit codes: 0 no drift, 1 drift, 2 could not tell")]
pub(crate) struct Args {
    /// What should run [default: every Helm release that is observed]
    #[arg(long, value_name = "SOURCE")]
    desired: Option<Source>,

    /// What runs
    #[arg(long, value_name = "SOURCE", default_value = "cluster")]
    observed: Source,

    /// The kubeconfig, instead of those that `KUBECONFIG` names or `~/.kube/config`
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The namespace of manifests that name none, and of releases
    #[arg(short, long)]
    namespace: Option<String>,

    #[command(flatten)]
    configuration: ConfigurationFile,

    /// The desired objects are what was deployed last: nothing of them is still to come
    #[arg(long)]
    deployed: bool,

    /// Releases of all namespaces, instead of one
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Also show objects that are in no source and that no other object owns
    #[arg(long)]
    orphans: bool,

    /// Also show the differences that are no drift, each with its reason
    #[arg(long)]
    explain_suppressed: bool,

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

    /// Exit with 1 on drift of this severity or above [default: any]
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,

    /// How to print the differences
    #[arg(short = 'o', long, default_value = "human")]
    format: Format,

    /// Also write a report to a file, such as `sarif=drift.sarif`; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report_file)]
    report: Vec<(Format, PathBuf)>,

    /// Print differences and errors only
    #[arg(short, long)]
    quiet: bool,

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

/// Everything that a comparison is made of, and what came of it.
struct Compared {
    desired: Vec<Resource>,
    released: Vec<Resource>,
    observed: Vec<Resource>,
    releases: Vec<Release>,
    drift: Drift,
    judgement: Judgement,
    notices: Vec<String>,
    /// How the desired side was named.
    desired_flag: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let live = match &args.observed {
        Source::Cluster(context) => Some(cluster::connect(args, context.as_ref())?),
        _ => None,
    };
    let mut compared = compare(args, live.as_ref())?;
    if args.codify {
        terminal::print(|out| codify::run(&compared, out))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.remediate {
        let Some(live) = &live else { bail!("only a cluster can be put right: name it by `--observed cluster`") };
        remediate::run(args, &compared, live)?;
        compared = compare(args, Some(live))?;
    }
    let judgement = std::mem::take(&mut compared.judgement.judgement);
    let report = Report::new(judgement, &compared.judgement.inventory, Read::default());
    let view = View { elapsed: started.elapsed(), width: terminal::width(), quiet: args.quiet, within: None };
    for (format, path) in &args.report {
        let write = || -> io::Result<()> {
            let mut file = BufWriter::new(anstream::StripStream::new(fs::File::create(path)?));
            write(args, *format, &compared, &report, &view, &mut file)?;
            file.flush()
        };
        write().with_context(|| format!("cannot write the report to `{}`", path.display()))?;
    }
    terminal::print(|out| write(args, args.format, &compared, &report, &view, out))?;
    if !args.quiet {
        compared.notices.iter().for_each(|notice| terminal::notice(notice));
    }
    let fails = args.fail_on.unwrap_or(FailOn::Low).fails(&report);
    Ok(ExitCode::from(u8::from(fails)))
}

fn write(
    args: &Args,
    format: Format,
    compared: &Compared,
    report: &Report,
    view: &View,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human if args.timeline => text::timeline(compared, out),
        Format::Human => text::write(compared, view, out),
        Format::Json => json::write(compared, out),
        other => other.write(report, view, out),
    }
}

fn compare(args: &Args, live: Option<&Live>) -> anyhow::Result<Compared> {
    let config = config(args)?;
    let namespace = args.namespace.clone().or_else(|| live.map(|live| live.cluster.namespace.clone()));
    let options = load_options(args, namespace.as_deref(), &config);
    let mut observed = source::read(&args.observed, &options)?;
    let mut notices = std::mem::take(&mut observed.notices);
    if let Some(live) = live {
        let namespace = match &args.desired {
            Some(Source::Helm { namespace: Some(namespace), .. }) => Some(namespace.as_str()),
            _ => namespace.as_deref().filter(|_| !args.all_namespaces),
        };
        let held = cluster::releases(live, namespace)?;
        observed.resources = held.resources;
        // Who compares with files need not be able to read releases.
        let needed = matches!(args.desired, None | Some(Source::Helm { .. }));
        notices.extend(held.gaps.iter().filter(|_| needed).map(cluster::notice));
    }
    let (mut revisions, problems) = release::releases(&observed.resources);
    notices.extend(problems);
    let (desired, is_release) = desired(args, &options, &mut revisions)?;
    notices.extend(desired.notices);
    notices.extend(desired.findings.iter().chain(&observed.findings).map(|finding| finding.message.clone()));
    if let Some(live) = live {
        let whole = cluster::objects(live, &desired.resources, args.orphans)?;
        notices.extend(whole.gaps.iter().map(cluster::notice));
        observed.resources = whole.resources;
    }
    let released = if is_release { Vec::new() } else { release::objects(&revisions).resources };
    let known = (!released.is_empty()).then_some(&*released);
    let options = Options { explained: args.explain_suppressed, deployed: args.deployed || is_release };
    let drift = drift::drift(&desired.resources, known, &observed.resources, options, args.orphans);
    let judgement = drift::judge(&drift, &desired.resources, &observed.resources, &config);
    notices.extend(untracked(&drift));
    let (desired, observed) = (desired.resources, observed.resources);
    let desired_flag = args.desired.as_ref().map_or_else(String::new, |source| format!("--desired {source}"));
    Ok(Compared { desired, released, observed, releases: revisions, drift, judgement, notices, desired_flag })
}

fn config(args: &Args) -> anyhow::Result<Config> {
    let beside = match &args.desired {
        Some(Source::Path(path)) => path.as_path(),
        _ => Path::new("."),
    };
    args.configuration.read(beside)?.config()
}

fn load_options(args: &Args, namespace: Option<&str>, config: &Config) -> load::Options {
    let helm = helm::Options {
        release: args.release_name.clone(),
        values: args.values.clone(),
        set: args.set.clone(),
        kube_version: Some(format!("{}.0", config.settings.kubernetes_version)),
        ..helm::Options::default()
    };
    let namespace = namespace.unwrap_or("default").to_owned();
    load::Options { namespace: Some(namespace), helm, ..load::Options::default() }
}

/// What should run, and whether that is what was deployed last.
fn desired(args: &Args, options: &load::Options, releases: &mut Vec<Release>) -> anyhow::Result<(Loaded, bool)> {
    let (namespace, name) = match &args.desired {
        Some(Source::Helm { namespace, release }) => (namespace.as_ref().or(args.namespace.as_ref()), Some(release)),
        None => (args.namespace.as_ref(), None),
        Some(Source::Cluster(_)) => bail!("a cluster is what runs, not what should: name it by `--observed`"),
        Some(source) => return Ok((source::read(source, options)?, false)),
    };
    let wanted = |release: &&Release| {
        namespace.is_none_or(|namespace| *namespace == release.namespace)
            && name.is_none_or(|name| *name == release.name)
    };
    if !releases.iter().any(|release| wanted(&release)) {
        let names: Vec<_> = releases.iter().map(|it| format!("helm:{}/{}", it.namespace, it.name)).collect();
        let known = if names.is_empty() {
            "what is observed holds no release: dump the Secrets as well, or name what should run by `--desired`"
                .to_owned()
        } else {
            format!("what is observed holds {}", names.join(", "))
        };
        bail!("no such release\nhelp: {known}");
    }
    releases.retain(|release| wanted(&release));
    Ok((release::objects(releases), true))
}

/// That nothing tells who wrote what, and how to ask so that it does.
fn untracked(drift: &Drift) -> Option<String> {
    let untracked = drift.objects.iter().filter(|object| object.untracked && object.observed.is_some()).count();
    (untracked > 0).then(|| {
        format!(
            "{untracked} of {} objects have no `managedFields`: nothing tells who changed them, nor what was added by \
             hand; dump them by `kubectl get .. -o yaml --show-managed-fields`",
            drift.objects.len()
        )
    })
}
