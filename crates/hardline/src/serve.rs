//! `hardline serve`: the admission webhook.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use hardline_cluster::client;
use hardline_core::config::Config;
use hardline_core::profile::Profile;
use hardline_server::admission::{self, Updates};
use hardline_server::configuration;
use hardline_server::http::Stopping;
use hardline_server::install::{NAMESPACE, SECRET};
use hardline_server::registration::{Target, Url};
use hardline_server::serve::{self, Certificate, Options};
use hardline_server::tls::authority::Lifetimes;
use hardline_server::tls::keeper::Source;

use crate::configuration::{Configuration, ConfigurationFile};
use crate::gate::{Failure, Most};
use crate::judging::profile;
use crate::watch::WatchArgs;

/// Judge what is to be admitted to a cluster
///
/// Answers the admission reviews of the API server. `hardline install` prints what runs this in a
/// cluster. Namespaces choose by the labels `hardline.dev/enforcement` and `hardline.dev/profile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline serve --certificates /etc/hardline/tls
  hardline serve --listen 127.0.0.1:8443 --certificates tls --server-name localhost --context dev")]
pub(crate) struct Args {
    /// The address for reviews, over TLS
    #[arg(long, value_name = "ADDRESS", default_value = ":8443")]
    listen: String,

    /// The address for probes and metrics, in plain text
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    probes: String,

    /// The address for the dashboard, which asks for a token of the cluster: in plain text on an address of
    /// this machine, as for `kubectl port-forward`, else over TLS
    #[arg(long, value_name = "ADDRESS")]
    dashboard: Option<String>,

    /// The profile where no label chooses another [default: the configured one, else production]
    #[arg(long, value_parser = profile())]
    profile: Option<Profile>,

    /// How much findings may do where no label says so
    #[arg(long, value_enum, default_value = "deny")]
    enforcement: Most,

    /// The most that a finding may do which rests on something not being there: what is applied
    /// together arrives one after the other
    #[arg(long, value_enum, default_value = "audit")]
    absence: Most,

    /// Which findings count when an object is changed
    #[arg(long, value_enum, default_value = "worse")]
    updates: Counting,

    /// A folder with `tls.crt` and `tls.key`, and `ca.crt` unless `--server-name` is given
    #[arg(long, value_name = "FOLDER", required_unless_present = "certificate_secret")]
    certificates: Option<PathBuf>,

    /// Make certificates and keep them in this Secret
    #[arg(long, value_name = "SECRET", conflicts_with = "certificates", value_parser = [SECRET])]
    certificate_secret: Option<String>,

    /// Where the API server reaches this server, in place of its Service: `https://HOST:PORT`
    #[arg(long, value_name = "URL", conflicts_with = "server_name")]
    url: Option<Url>,

    /// The name that the certificate is for. Then the webhook is registered by somebody else
    #[arg(long, value_name = "NAME", requires = "certificates")]
    server_name: Option<String>,

    /// Seconds between two looks at the certificate, at what is registered, and at the configuration
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    period: u64,

    /// Authorities in PEM: only clients with a certificate of one may send reviews
    #[arg(long, value_name = "FILE")]
    client_authorities: Option<PathBuf>,

    /// What the API server does with a request that is not answered
    #[arg(long, value_enum, default_value = "ignore")]
    failure_policy: Failure,

    #[command(flatten)]
    watch: WatchArgs,
    /// Look for drift from what Helm has deployed, and put it right in namespaces that ask for it by the
    /// label `hardline.dev/drift=remediate`
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    drift: bool,

    /// Seconds to serve on after being told to stop, while not ready
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    stop_delay: u64,

    /// The context of the kubeconfig [default: the current one, or the pod's service account]
    #[arg(long)]
    context: Option<String>,

    /// The kubeconfig
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    #[command(flatten)]
    configuration: ConfigurationFile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Counting {
    /// Those that the object did not have before
    Worse,
    /// All
    All,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let file = args.configuration.read(".".as_ref())?;
    let profile = args.profile;
    let config = move |configuration: &Configuration| -> anyhow::Result<Config> {
        let mut config = configuration.config()?;
        config.profile = profile.unwrap_or(config.profile);
        Ok(config)
    };
    let read = file.path().map(Path::to_owned).zip(file.text().map(str::to_owned));
    let path = file.path().map(Path::to_owned).unwrap_or_default();
    let configuration = configuration::File {
        config: config(&file)?,
        read,
        parse: Box::new(move |text| {
            let parsed = Configuration::parse(path.clone(), text.to_owned()).and_then(|it| config(&it));
            parsed.map_err(|problem| format!("{problem:#}"))
        }),
    };
    let namespace = std::env::var("POD_NAMESPACE").unwrap_or_else(|_| NAMESPACE.to_owned());
    let source = args.certificates.clone().map_or_else(|| Source::Own(Lifetimes::default()), Source::Folder);
    let certificate = match (args.server_name, args.certificates) {
        (Some(name), Some(folder)) => Certificate::Files { folder, name },
        _ => Certificate::Kept {
            source,
            namespace: namespace.clone(),
            target: args.url.map_or(Target::Service, Target::Url),
            failure: args.failure_policy.into(),
        },
    };
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()));
    serve::run(Options {
        cluster: client::Options { kubeconfig: args.kubeconfig, context: args.context },
        configuration,
        drift: args.drift,
        admission: admission::Options {
            enforcement: args.enforcement.into(),
            absence: args.absence.into(),
            updates: match args.updates {
                Counting::Worse => Updates::Worse,
                Counting::All => Updates::All,
            },
            own_namespace: Some(namespace),
        },
        listen: args.listen,
        probes: args.probes,
        dashboard: args.dashboard,
        certificate,
        period: Duration::from_secs(args.period),
        watch: args.watch.options()?,
        client_authorities: args.client_authorities.map(read).transpose()?,
        stopping: Stopping { delay: Duration::from_secs(args.stop_delay), grace: Duration::from_secs(10) },
    })?;
    Ok(ExitCode::SUCCESS)
}
