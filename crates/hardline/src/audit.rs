//! `hardline audit`: judges what a cluster holds, once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use hardline_cluster::dump;
use hardline_cluster::observed::{Observed, Scope};
use hardline_core::baseline::Baseline;
use hardline_core::config::Config;
use hardline_core::report::{Read, Report};
use hardline_core::verdict::judge;
use hardline_server::history::{Recorder, Retention};
use hardline_server::snapshot::Snapshot;
use hardline_server::{clock, local};

use crate::baseline::BaselineFile;
use crate::cluster::{Asked, ClusterArgs, with_help};
use crate::configuration::ConfigurationFile;
use crate::judging::{Judging, Reporting};
use crate::progress::Progress;
use crate::terminal;

/// Judge what a cluster holds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline audit -n shop
  hardline audit -A --statistics
  hardline audit --context prod -A --format markdown
  kubectl get all,cm,netpol,pdb -A -o yaml > dump.yaml; hardline audit --dump dump.yaml
  hardline audit --dump support-bundle.tar.gz -n shop
  hardline audit -A --serve
  hardline audit -A --write-baseline=cluster.json    accept what is there today
  hardline audit -A --baseline cluster.json

What may not be read is named, and nothing is claimed from it. Nothing is written to the cluster.

Exit codes: 0 nothing that fails, 1 findings, 2 could not judge")]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Judge a dump instead: output of `kubectl get -o yaml` or `-o json`, the folder of `kubectl
    /// cluster-info dump` or of must-gather, a support bundle; folders may be packed as `.tar.gz`
    #[arg(long, value_name = "PATH", conflicts_with_all = ["context", "kubeconfig", "all_namespaces"], help_heading = "Cluster")]
    dump: Option<PathBuf>,

    /// Show it in a browser instead, and changes as they come, until ctrl-c [default: 127.0.0.1:7357]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:7357")]
    serve: Option<String>,

    /// Remember in this file what was found, and say what came and went within a day. A file is for one
    /// cluster, and for one part of it
    #[arg(long, value_name = "FILE", conflicts_with = "serve")]
    history: Option<PathBuf>,

    #[command(flatten)]
    judging: Judging,

    #[command(flatten)]
    baseline: BaselineFile,

    #[command(flatten)]
    reporting: Reporting,

    #[command(flatten)]
    configuration: ConfigurationFile,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.reporting.check()?;
    let started = Instant::now();
    let configuration = args.configuration.read(Path::new("."))?;
    let mut config = configuration.config()?;
    args.judging.apply(&mut config);
    if let Some(address) = &args.serve {
        return args.serve(config, address);
    }
    let baseline = args.baseline.read(configuration.baseline())?;
    let progress = Progress::counting("objects", "reading", args.reporting.quiet);
    let (observed, scope, name) = args.observe(&progress)?;
    let mut judgement = judge(&observed.inventory, Vec::new(), &config);
    observed.narrow(&mut judgement, &scope);
    if args.baseline.is_written() {
        drop(progress);
        let baseline = Baseline::of(&judgement, &observed.inventory);
        args.baseline.write("audit", &baseline, configuration.baseline(), args.reporting.quiet)?;
        return Ok(ExitCode::SUCCESS);
    }
    // What a pod repeats of its owner is left out first: names of pods do not last.
    baseline.forgive(&mut judgement, &observed.inventory);
    let mut report = Report::new(judgement, &observed.inventory, Read::default());
    observed.annotate(&mut report);
    drop(progress);
    if !args.reporting.quiet {
        observed.gaps.iter().for_each(|gap| terminal::notice(&format!("{} not read: {}", gap.what, gap.why)));
    }
    if let Some(file) = &args.history {
        let snapshot = Snapshot::new(1, clock::now(), name.clone(), scope.clone(), Arc::new(observed), report);
        remember(file, &snapshot);
        report = snapshot.report;
    }
    let within = match scope {
        Scope::Everything => name,
        Scope::Namespace(namespace) => format!("namespace {namespace} of {name}"),
    };
    let view = args.reporting.view(started.elapsed()).within(within);
    args.reporting.write(&report, &view, false)
}

/// Writes down what was found, and says what differs from what was found before.
fn remember(file: &Path, snapshot: &Snapshot) {
    let mut recorder = Recorder::open(file, Retention::default());
    recorder.record(snapshot);
    if let Some(problem) = recorder.problem() {
        terminal::notice(&format!("`{}` does not remember: {problem}", file.display()));
    }
    if let Some(changes) = recorder.history(snapshot.taken).changes.filter(|it| it.since < snapshot.taken) {
        let (came, went) = (changes.appeared.len(), changes.gone.len());
        terminal::notice(&format!("since {:.0}: {came} findings came, {went} went", changes.since));
    }
}

impl Args {
    /// Serves the dashboard until it is told to stop.
    fn serve(&self, config: Config, address: &str) -> anyhow::Result<ExitCode> {
        let subject = match &self.dump {
            Some(path) => {
                let progress = Progress::counting("objects", "reading", self.reporting.quiet);
                let observed = dump::read(path, &dump::Limits::default(), &|read| progress.set(read))?;
                let name = path.display().to_string();
                local::Subject::Read { observed: observed.into(), name, scope: self.cluster.scope_of_dump() }
            }
            None => local::Subject::Cluster { options: self.cluster.options(None), scope: self.cluster.named_scope() },
        };
        let ready = |address| terminal::done("serving", &format!("http://{address} until ctrl-c"));
        local::run(subject, config, address, ready).map_err(|error| match error {
            local::Error::Cluster(error) => with_help(error),
            other => other.into(),
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// What is to be judged, the part of it that is asked for, and what it is called.
    fn observe(&self, progress: &Progress) -> anyhow::Result<(Observed, Scope, String)> {
        if let Some(path) = &self.dump {
            let observed = dump::read(path, &dump::Limits::default(), &|read| progress.set(read))?;
            return Ok((observed, self.cluster.scope_of_dump(), path.display().to_string()));
        }
        let Asked { cluster, scope, observed } = self.cluster.observe(true, progress)?;
        Ok((observed, scope, cluster.name))
    }
}
