//! One leader among the replicas, elected by a `Lease`.
//!
//! As in client-go's `tools/leaderelection`, a contender trusts no clock but its own: another's
//! lease has ended once the contender itself has not seen it change for as long as it lasts.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::watch;

/// How long things take, from the longest to the shortest.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long others wait for a leader that does not renew.
    pub lasts: Duration,
    /// How long a leader goes on leading while it cannot renew. Shorter than [`Timing::lasts`], so
    /// that it has stopped before another starts.
    pub renew_within: Duration,
    /// How long to wait between two tries.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { lasts: Duration::from_secs(15), renew_within: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}

/// One who wants to lead.
#[derive(Debug)]
pub struct Contender {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    /// The lease as last seen, and when it was first seen so.
    seen: Option<(LeaseSpec, Instant)>,
}

impl Contender {
    /// A contender for the lease of this name. Its identity must be its own, such as the pod's name.
    pub fn new(
        client: kube::Client,
        namespace: &str,
        name: impl Into<String>,
        identity: impl Into<String>,
        timing: Timing,
    ) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.into(), identity: identity.into(), timing, seen: None }
    }

    /// Contends until nobody listens any more, and tells whether it leads. Then gives the lease
    /// back, so that the next one need not wait for its end.
    pub async fn run(mut self, leads: watch::Sender<bool>) {
        let mut renewed: Option<Instant> = None;
        loop {
            let started = Instant::now();
            match tokio::time::timeout(self.timing.renew_within, self.acquire()).await {
                Ok(Ok(true)) => renewed = Some(started),
                Ok(Ok(false)) => renewed = None,
                Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "the lease cannot be renewed"),
                Err(_) => tracing::warn!(lease = self.name, "the API server did not answer in time"),
            }
            let leading = renewed.is_some_and(|at| at.elapsed() < self.timing.renew_within);
            leads.send_if_modified(|leads| std::mem::replace(leads, leading) != leading);
            tokio::select! {
                () = tokio::time::sleep(self.timing.retry) => {}
                () = leads.closed() => break,
            }
        }
        if renewed.is_some()
            && let Err(error) = self.release().await
        {
            tracing::warn!(%error, lease = self.name, "the lease cannot be given back");
        }
    }

    /// Takes or renews the lease where nobody else holds it. Says whether it is held now.
    async fn acquire(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.claim(&LeaseSpec::default())) };
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.take().unwrap_or_default();
        if self.is_held_by_another(&spec) {
            return Ok(false);
        }
        lease.spec = Some(self.claim(&spec));
        won(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    fn is_held_by_another(&mut self, spec: &LeaseSpec) -> bool {
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return false;
        }
        let since = match &self.seen {
            Some((seen, since)) if seen == spec => *since,
            _ => {
                self.seen = Some((spec.clone(), Instant::now()));
                return true;
            }
        };
        let lasts = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        since.elapsed() < lasts.map_or(self.timing.lasts, Duration::from_secs)
    }

    fn claim(&self, held: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let renews = held.holder_identity.as_deref() == Some(&self.identity);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            // A whole second at least: the API server refuses zero.
            lease_duration_seconds: Some(i32::try_from(self.timing.lasts.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time: if renews { held.acquire_time.clone() } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(held.lease_transitions.unwrap_or(0).saturating_add(i32::from(!renews))),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) -> Result<(), kube::Error> {
        let mut lease = self.api.get(&self.name).await?;
        let mine = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity));
        if let Some(spec) = mine {
            spec.holder_identity = None;
            won(self.api.replace(&self.name, &PostParams::default(), &lease).await)?;
        }
        Ok(())
    }
}

/// Whether a write came first. Another's that did is no error: it has won.
fn won(written: kube::Result<Lease>) -> kube::Result<bool> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
