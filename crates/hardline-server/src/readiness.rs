//! Whether the server can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use hardline_cluster::observed::Observed;
use tokio::sync::watch;

use crate::tls::Shown;

/// What must be so before the server is ready. Rules and configuration are loaded before there is a
/// server.
#[derive(Debug)]
pub struct Readiness {
    cluster: watch::Receiver<Arc<Observed>>,
    certificate: Arc<Shown>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Ready once the cluster has been read, and while a certificate is valid.
    pub fn new(cluster: watch::Receiver<Arc<Observed>>, certificate: Arc<Shown>) -> Self {
        Self { cluster, certificate, stopping: AtomicBool::new(false) }
    }

    /// The server is about to stop. It is not ready any more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the server is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// What is not so yet, or not any more.
    pub fn lacks(&self, now: SystemTime) -> Vec<&'static str> {
        let lacks = [
            (self.cluster.borrow().objects == 0, "the cluster is not read yet"),
            (!self.certificate.is_valid(now), "there is no valid certificate"),
            (self.is_stopping(), "the server stops"),
        ];
        lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect()
    }
}
