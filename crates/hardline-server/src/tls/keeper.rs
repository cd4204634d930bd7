//! Keeps the certificate fresh and the webhook registered, for as long as the server runs.
//!
//! Every replica shows what the Secret holds. The one that leads makes it, and tells the API server
//! whom to trust before anything is shown that needs the trust.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use tokio::net::lookup_host;
use tokio::sync::watch;

use super::authority::{Failed, Keys, Lifetimes};
use super::{Shown, Unfit, of_folder};
use crate::configuration::Configuration;
use crate::install::{NAME, SECRET};
use crate::metrics::Metrics;
use crate::registration::{self, FailurePolicy, Target, Unregistered};

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A mounted Secret with `tls.crt`, `tls.key` and `ca.crt`, which somebody else keeps fresh.
    Folder(PathBuf),
    /// A Secret in the own namespace that the leader fills.
    Own(Lifetimes),
}

/// Keeps the certificate and the registration.
#[derive(Clone)]
pub struct Keeper {
    /// The API server.
    pub client: kube::Client,
    /// The namespace that the server runs in.
    pub namespace: String,
    /// Where the certificate comes from.
    pub source: Source,
    /// What becomes of requests that are not answered.
    pub failure: FailurePolicy,
    /// Where the API server reaches it.
    pub target: Target,
    /// Whether Secrets are guarded, and so are sent.
    pub configuration: Configuration,
    /// How often to look.
    pub period: Duration,
}

/// Why a look came to nothing. The next one may.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The certificate cannot be taken.
    #[error("the certificate is not taken: {0}")]
    Unfit(#[from] Unfit),
    /// The certificate cannot be made.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The API server did not do what it was asked.
    #[error("the Secret `{SECRET}` cannot be kept: {0}")]
    Secret(#[from] kube::Error),
    /// The webhook is not registered.
    #[error("the webhook is not registered, calling it failed: {0}")]
    Unregistered(#[from] Unregistered),
}

impl Keeper {
    /// The name by which the API server calls the server.
    pub fn server_name(&self) -> String {
        self.target.host(&self.namespace)
    }

    /// All names that a certificate is made for.
    fn names(&self) -> Vec<String> {
        let cluster = format!("{NAME}.{}.svc.cluster.local", self.namespace);
        [self.server_name()].into_iter().chain((self.target == Target::Service).then_some(cluster)).collect()
    }

    /// Looks in each period, and when it begins to lead, for good. `leads` says whether this replica is the leader.
    pub async fn run(self, shown: Arc<Shown>, metrics: Arc<Metrics>, mut leads: watch::Receiver<bool>) {
        let mut complaint = None;
        loop {
            let leading = *leads.borrow_and_update();
            metrics.leads(leading);
            match self.look(&shown, &metrics, leading).await {
                Ok(()) => complaint = None,
                Err(problem) => {
                    let problem = problem.to_string();
                    if complaint.as_ref() != Some(&problem) {
                        tracing::warn!("{problem}");
                    }
                    complaint = Some(problem);
                }
            }
            // Who begins to lead looks at once. Whom nobody tells waits.
            tokio::select! {
                () = tokio::time::sleep(self.period) => {}
                Ok(()) = leads.changed() => {}
            }
        }
    }

    /// Shows what there is to show; the leader also takes the next step.
    pub async fn look(&self, shown: &Shown, metrics: &Metrics, leading: bool) -> Result<(), Problem> {
        let Some(bundle) = self.show(shown, metrics, leading).await? else { return Ok(()) };
        if leading {
            self.register(&bundle).await?;
        }
        Ok(())
    }

    /// Shows the certificate; the authorities to trust, once there are any.
    async fn show(&self, shown: &Shown, metrics: &Metrics, leading: bool) -> Result<Option<String>, Problem> {
        let (name, now) = (self.server_name(), SystemTime::now());
        match &self.source {
            Source::Folder(folder) => {
                shown.set(of_folder(folder, &name, now)?, metrics);
                let path = folder.join("ca.crt");
                let unreadable = |error| Unfit::Unreadable(path.display().to_string(), error);
                Ok(Some(std::fs::read_to_string(&path).map_err(unreadable)?))
            }
            Source::Own(lifetimes) => {
                let Some(keys) = self.keys(lifetimes, leading, now).await? else { return Ok(None) };
                shown.set(keys.certificate(&name, now)?, metrics);
                Ok(Some(keys.bundle()))
            }
        }
    }

    /// The keys in the Secret; the leader takes their next step. A Secret that another has written
    /// in between is left alone, and read at the next look.
    async fn keys(&self, lifetimes: &Lifetimes, leading: bool, now: SystemTime) -> Result<Option<Keys>, Problem> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut secret = api.get(SECRET).await?;
        let kept = secret.data.as_ref().and_then(Keys::of_secret);
        if !leading {
            return Ok(kept);
        }
        let names = self.names();
        let next = match &kept {
            Some(keys) => keys.advance(&names, lifetimes, now)?,
            None => Some(Keys::found(&names, lifetimes, now)?),
        };
        let Some(next) = next else { return Ok(kept) };
        secret.data = Some(next.to_secret());
        api.replace(SECRET, &PostParams::default(), &secret).await?;
        tracing::info!(secret = SECRET, "took the next step of the certificates");
        Ok(Some(next))
    }

    /// Registers the webhook where it is not registered so, after a call to it.
    async fn register(&self, bundle: &str) -> Result<(), Unregistered> {
        let secrets = self.configuration.now().guard.secrets;
        let webhooks = registration::webhooks(&self.namespace, &self.target, bundle, self.failure, secrets);
        if !registration::is_stale(&self.client, &webhooks).await? {
            return Ok(());
        }
        let name = self.server_name();
        let none = || std::io::Error::other(format!("`{name}` has no address"));
        let address = lookup_host((name.as_str(), self.target.port())).await?.next().ok_or_else(none)?;
        registration::verify(address, &name, bundle, Duration::from_secs(5)).await?;
        registration::register(&self.client, &webhooks).await?;
        tracing::info!(failure_policy = self.failure.name(), "registered the webhook");
        Ok(())
    }
}
