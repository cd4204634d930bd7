//! `hardline install`: what to apply so that hardline runs in a cluster, or so that the API server
//! enforces what it can without it.

use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use hardline_core::cel::wall::{Acts, Origin};
use hardline_core::duration;
use hardline_core::profile::{Enforcement, Profile};
use hardline_manifest::edit;
use hardline_server::install::{NAMESPACE, Options};

use crate::configuration::ConfigurationFile;
use crate::gate::{Failure, Most};
use crate::judging;
use crate::terminal;

/// Print what to apply so that hardline runs in a cluster
///
/// The admission policies in CEL stand beside the webhook, and hold while it is down.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline install --image registry.example.com/hardline@sha256:… | kubectl apply -f -
  hardline install --policies | kubectl apply -f -
  hardline install --policies --static > /etc/kubernetes/admission/hardline.yaml")]
pub(crate) struct Args {
    /// The image of hardline, by its digest
    #[arg(long, required_unless_present = "policies")]
    image: Option<String>,

    /// Print only the admission policies in CEL, which need nothing in the cluster
    #[arg(long)]
    policies: bool,

    /// Which findings the admission policies in CEL act on. What only warns is told by the webhook, too
    /// [default: all with `--policies`, else those that are denied]
    #[arg(long, value_enum, value_name = "FINDINGS", conflicts_with = "without_policies")]
    policies_act_on: Option<ActOn>,

    /// Leave the admission policies in CEL out. Then nothing refuses while the webhook is down
    #[arg(long, conflicts_with = "policies")]
    without_policies: bool,

    /// Print them for the API server's `staticManifestsDir` (Kubernetes 1.37), where they hold before
    /// the first request and nobody can change them by the API
    #[arg(long = "static", requires = "policies", conflicts_with = "image")]
    files: bool,

    /// The namespace of hardline, which is not judged
    #[arg(short, long, default_value = NAMESPACE)]
    namespace: String,

    /// The profile where no label chooses another [default: the configured one, else production]
    #[arg(long, value_parser = judging::profile())]
    profile: Option<Profile>,

    /// How much findings may do where no label says so
    #[arg(long, value_enum, default_value = "warn")]
    enforcement: Most,

    /// What the API server does with a request that the webhook does not answer. With `fail`, nothing
    /// can be changed in the judged namespaces while no replica answers
    #[arg(long, value_enum, default_value = "ignore")]
    failure_policy: Failure,

    /// A Secret with the webhook's certificate that somebody else keeps fresh, such as cert-manager
    /// [default: hardline makes its own]
    #[arg(long, value_name = "SECRET")]
    certificates: Option<String>,

    /// Look for drift from what Helm has deployed. Needs to read all objects, Secrets as well
    #[arg(long, conflicts_with = "policies")]
    drift: bool,

    #[command(flatten)]
    configuration: ConfigurationFile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ActOn {
    /// Those that are denied
    Denied,
    /// All: those that warn and those that are written down as well
    All,
}

impl From<ActOn> for Acts {
    fn from(on: ActOn) -> Self {
        match on {
            ActOn::Denied => Self::Denied,
            ActOn::All => Self::All,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let configuration = args.configuration.read(Path::new("."))?;
    let config = configuration.config()?;
    let options = Options {
        namespace: args.namespace.clone(),
        image: args.image.clone().unwrap_or_default(),
        profile: args.profile.unwrap_or(config.profile).to_string(),
        enforcement: Enforcement::from(args.enforcement).name().to_owned(),
        failure: args.failure_policy.name().to_owned(),
        certificates: args.certificates.clone(),
        configuration: configuration.text().unwrap_or("{}").to_owned(),
        longest_grant: duration::compact(config.guard.longest_grant),
        drift: args.drift.to_string(),
    };
    let origin = if args.files { Origin::Files } else { Origin::Api };
    let alone = if args.policies { Acts::All } else { Acts::Denied };
    let acts = args.policies_act_on.map_or(alone, Acts::from);
    let mut objects = Vec::new();
    if !args.policies {
        objects.extend(options.namespace());
        objects.extend(options.objects());
        if args.drift {
            objects.extend(options.drift());
        }
    }
    if !args.without_policies {
        objects.extend(options.wall(&config, origin, acts));
    }
    let documents: Vec<String> = objects.iter().map(edit::document).collect();
    terminal::print_plain(|out| out.write_all(documents.join("---\n").as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
