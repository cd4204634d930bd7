//! Reaching a cluster the way `kubectl` does, and saying what to do when that fails.

use std::path::PathBuf;
use std::time::Duration;

use hardline_core::suggest::nearest;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Which cluster to reach. By default the one that `kubectl` would.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The file of contexts, instead of those that `KUBECONFIG` names or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// The context, instead of the current one.
    pub context: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// What people call the cluster: the name of the context, or `in-cluster`.
    pub name: String,
    /// The namespace of the context, or of the service account.
    pub namespace: String,
}

/// Why a cluster does not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where a cluster is.
    #[error("no cluster is configured")]
    NoCluster,
    /// A context that was named is in no file.
    #[error("no context is called `{name}`")]
    UnknownContext {
        /// The name.
        name: String,
        /// What to do.
        help: String,
    },
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// The credentials cannot be had, or are no longer taken.
    #[error("{0}")]
    Credentials(String),
    /// The API server cannot be reached.
    #[error("the cluster cannot be reached: {0}")]
    Unreachable(String),
    /// The credentials do not permit it.
    #[error("{0}")]
    Forbidden(String),
    /// The API server does not have it.
    #[error("{0}")]
    NotFound(String),
    /// The place in a paged list, or in a watch, is no longer known to the API server. For a list
    /// it may offer a token to go on with.
    #[error("the API server no longer remembers the place in the list or watch")]
    Expired(Option<String>),
    /// The API server answered something else.
    #[error("the API server answered: {0}")]
    Answer(String),
    /// A name that no namespace can have.
    #[error("no namespace can be called `{0}`")]
    Namespace(String),
}

impl Error {
    /// What to do about it, in one sentence.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::NoCluster => Some(
                "name a kubeconfig by `--kubeconfig` or `KUBECONFIG`, or read a dump: `hardline audit --dump PATH`",
            ),
            Self::UnknownContext { help, .. } => Some(help),
            Self::Credentials(_) => Some("log in again; `kubectl auth whoami` shows who the cluster takes you for"),
            Self::Unreachable(_) => Some("check the context's address, the network and the VPN"),
            Self::Forbidden(_) => Some(
                "ask for a role with `get`, `list` and `watch`, or name a namespace that you may read by `--namespace`",
            ),
            Self::Config(_) | Self::NotFound(_) | Self::Expired(_) | Self::Answer(_) | Self::Namespace(_) => None,
        }
    }
}

/// Makes a client. Nothing is asked yet.
///
/// Without options the order is `KUBECONFIG`, `~/.kube/config`, the service account of the pod.
pub async fn connect(options: &Options) -> Result<Cluster, Error> {
    let (name, mut config) = configure(options).await?;
    // An address that swallows packets is a common mistake; nobody waits half a minute for it.
    config.connect_timeout = Some(Duration::from_secs(10));
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(Error::from)?;
    Ok(Cluster { client, name, namespace })
}

async fn configure(options: &Options) -> Result<(String, Config), Error> {
    let read = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) if options.kubeconfig.is_some() || options.context.is_some() => return Err(unusable(&error)),
        // As with kubectl, a file that is there and broken is not passed over.
        Err(error) if is_absent(&error) => {
            let config = Config::incluster().map_err(|_| Error::NoCluster)?;
            return Ok(("in-cluster".to_owned(), config));
        }
        Err(error) => return Err(unusable(&error)),
    };
    let name = match (&options.context, &kubeconfig.current_context) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) if !name.is_empty() => name.clone(),
        (None, _) => return Config::incluster().map(|it| ("in-cluster".to_owned(), it)).map_err(|_| Error::NoCluster),
    };
    if !kubeconfig.contexts.iter().any(|context| context.name == name) {
        return Err(unknown_context(name, &kubeconfig));
    }
    let chosen = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &chosen).await.map_err(|error| unusable(&error))?;
    Ok((name, config))
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn unusable(error: &KubeconfigError) -> Error {
    Error::Config(match error {
        KubeconfigError::ReadConfig(error, path) => format!("cannot read kubeconfig `{}`: {error}", path.display()),
        other => format!("the kubeconfig cannot be used: {other}"),
    })
}

fn unknown_context(name: String, kubeconfig: &Kubeconfig) -> Error {
    let names = || kubeconfig.contexts.iter().map(|context| context.name.as_str());
    let help = match nearest(&name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if kubeconfig.contexts.is_empty() => "the kubeconfig has no contexts".to_owned(),
        None => {
            let known: Vec<_> = names().take(10).map(|name| format!("`{name}`")).collect();
            format!("the kubeconfig has {}", known.join(", "))
        }
    };
    Error::UnknownContext { name, help }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(&status),
            kube::Error::Auth(error) => Self::Credentials(format!("credentials cannot be had: {}", chain(&error))),
            kube::Error::Service(error) => match error.downcast::<kube::client::AuthError>() {
                Ok(error) => Self::Credentials(format!("credentials cannot be had: {}", chain(&*error))),
                Err(error) => Self::Unreachable(chain(&*error)),
            },
            kube::Error::HyperError(error) => Self::Unreachable(chain(&error)),
            kube::Error::InferConfig(error) => Self::Config(chain(&error)),
            kube::Error::SerdeError(error) => Self::Answer(format!("no JSON that it should: {error}")),
            other => Self::Answer(chain(&other)),
        }
    }
}

impl Error {
    fn of_status(status: &kube::core::Status) -> Self {
        let message = status.message.clone();
        match status.code {
            401 => {
                Self::Credentials("the cluster does not take these credentials: they are wrong or have expired".into())
            }
            403 => Self::Forbidden(message),
            404 => Self::NotFound(message),
            410 => Self::Expired(status.metadata.as_ref().and_then(|metadata| metadata.continue_.clone())),
            code => Self::Answer(format!("{code} {message}")),
        }
    }
}

/// An error with its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
