//! `hardline serve`: the parts of the server, put together.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hardline_cluster::client::{self, connect};
use hardline_cluster::live::Live;
use hardline_core::resource::Kind;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admission::{self, Admission};
use crate::configuration;
use crate::dashboard::Dashboard;
use crate::dashboard::access::{Access, Tokens};
use crate::drift::Detector;
use crate::http::{Entrance, Limits, Server, Stopping, stop_signal};
use crate::lease::{Contender, Timing};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registration::{FailurePolicy, Target};
use crate::tls::keeper::{Keeper, Source};
use crate::tls::{Shown, Unfit, of_folder, server_config};

/// How long giving the lease back may take.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// How often to measure when the API server last spoke.
const LISTEN: Duration = Duration::from_secs(15);

/// The lease that replicas elect their leader by.
const LEASE: &str = "hardline";

/// What to serve, and how.
#[derive(Debug)]
pub struct Options {
    /// The cluster to watch.
    pub cluster: client::Options,
    /// What to judge by, and where to read it again.
    pub configuration: configuration::File,
    /// Whether to look for drift from what Helm has deployed.
    pub drift: bool,
    /// How requests are judged.
    pub admission: admission::Options,
    /// The address for reviews, over TLS. `:8443` listens on all addresses.
    pub listen: String,
    /// The address for probes and metrics, in plain text.
    pub probes: String,
    /// The address of the dashboard, if there is to be one: in plain text on an address of this machine,
    /// else over TLS.
    pub dashboard: Option<String>,
    /// Where the certificate comes from.
    pub certificate: Certificate,
    /// How long to wait between two looks at the certificate and the registration.
    pub period: Duration,
    /// Authorities in PEM; only clients with a certificate of one may connect for reviews.
    pub client_authorities: Option<Vec<u8>>,
    /// Whom to tell what the cluster is like.
    pub watch: crate::watch::Options,
    /// How long to serve on after being told to stop.
    pub stopping: Stopping,
}

/// Where the certificate comes from.
#[derive(Debug)]
pub enum Certificate {
    /// A folder with `tls.crt` and `tls.key` for this name; somebody else tells the API server.
    Files {
        /// The folder.
        folder: PathBuf,
        /// The name that it is for.
        name: String,
    },
    /// One of which the leader among the replicas also tells the API server.
    Kept {
        /// Where it is from.
        source: Source,
        /// The namespace of this server.
        namespace: String,
        /// Where the API server reaches it.
        target: Target,
        /// What becomes of requests that are not answered.
        failure: FailurePolicy,
    },
}

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster cannot be reached.
    #[error(transparent)]
    Cluster(#[from] client::Error),
    /// An address cannot be listened on.
    #[error("cannot listen on `{0}`: {1}")]
    Listen(String, io::Error),
    /// The runtime or its signal handlers cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    /// The authorities of clients cannot be used.
    #[error("the authorities of clients are no good: {0}")]
    Clients(#[from] Unfit),
}

/// Serves until SIGTERM or SIGINT. Writes its log to standard error and the ledger to standard output, a
/// JSON object a line.
pub fn run(options: Options) -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_writer(io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Error> {
    // First, so that a signal during the start is not lost.
    let stop = stop_signal()?;
    let cluster = connect(&options.cluster).await?;
    let live = Live::start(&cluster);
    let (leads, leading) = watch::channel(false);
    let (publish, sheets) = watch::channel(Arc::default());
    let sheets = options.drift.then_some(sheets);
    let (configuration, follower) = options.configuration.open();
    let judging = configuration.clone();
    let watching = crate::watch::start(&cluster, &live, judging, &options.watch, &leading, sheets.clone());
    let metrics = Metrics::default().watching(watching.snapshots.clone(), configuration.clone());
    let (metrics, shown) = (Arc::new(metrics), Arc::new(Shown::default()));
    let tls = server_config(shown.clone(), options.client_authorities.as_deref())?;
    let detecting = options.drift.then(|| (leading.clone(), options.watch.replica.clone()));
    let period = options.period;
    let mut keeping = watching.tasks;
    keeping.spawn(follower.run(period, metrics.clone()));
    let mut contending = None;
    let replica = options.watch.replica;
    match options.certificate {
        Certificate::Files { folder, name } => {
            keeping.spawn(follow(folder, name, period, shown.clone(), metrics.clone()));
            // No other replica is known of.
            leads.send_replace(true);
        }
        Certificate::Kept { source, namespace, target, failure } => {
            let client = cluster.client.clone();
            let contender = Contender::new(client.clone(), &namespace, LEASE, replica.clone(), Timing::default());
            contending = Some(tokio::spawn(contender.run(leads)));
            let configuration = configuration.clone();
            let keeper = Keeper { client, namespace, source, failure, target, configuration, period };
            keeping.spawn(keeper.run(shown.clone(), metrics.clone(), leading));
        }
    }
    keeping.spawn(listen_to(live.ages(), metrics.clone()));
    if let Some((leading, replica)) = detecting {
        let (cluster, metrics, mut configuration) = (cluster.clone(), metrics.clone(), configuration.clone());
        let changes = live.changes();
        keeping.spawn(async move {
            loop {
                let (changes, leading, config) = (changes.clone(), leading.clone(), (*configuration.now()).clone());
                let detector =
                    Detector::new(cluster.clone(), changes, leading, config, metrics.clone(), replica.clone());
                // By another configuration, all is looked at again.
                tokio::select! {
                    () = detector.publishing(publish.clone()).run() => return,
                    () = configuration.changed() => {}
                }
            }
        });
    }
    let ledger = Ledger::new(metrics.clone()).writing(io::stdout())?.telling(cluster.client.clone(), replica);
    let ledger = Arc::new(ledger);
    if let Some(address) = &options.dashboard {
        let access = Access::Tokens(Tokens::new(cluster.client.clone()));
        let dashboard = Dashboard::new(watching.snapshots, access).with_ledger(ledger.clone()).with_drift(sheets);
        let dashboard = Arc::new(dashboard);
        let listener = bind(address).await?;
        // `kubectl port-forward` ends within the pod, and has hidden what it brings.
        let is_local = listener.local_addr().is_ok_and(|bound| bound.ip().is_loopback());
        let mut tls = server_config(shown.clone(), None)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        keeping.spawn(dashboard.serve(listener, (!is_local).then(|| Arc::new(tls))));
    }
    let readiness = Arc::new(Readiness::new(live.changes(), shown));
    let admission = Admission::new(options.admission, configuration, live.changes());
    let listeners = vec![
        (bind(&options.listen).await?, Entrance::Admission(Arc::new(tls))),
        (bind(&options.probes).await?, Entrance::Probes),
    ];
    tracing::info!(cluster = cluster.name, listen = options.listen, probes = options.probes, "serving");
    let server = Server::new(admission, metrics, readiness, Limits::default()).with_ledger(ledger);
    let server = Arc::new(server);
    server.run(listeners, options.stopping, stop).await;
    // Once nobody asks any more whether it leads, the contender gives the lease back.
    keeping.shutdown().await;
    if let Some(contending) = contending {
        _ = tokio::time::timeout(GIVE_BACK, contending).await;
    }
    Ok(())
}

/// Measures how long ago the API server last spoke of each kind, for good.
async fn listen_to(ages: impl Fn() -> Vec<(Kind, Duration)>, metrics: Arc<Metrics>) {
    loop {
        let now = SystemTime::now();
        for (kind, age) in ages() {
            metrics.watched(kind, now - age);
        }
        tokio::time::sleep(LISTEN).await;
    }
}

/// Shows what the folder holds, for good. What is unfit does not replace what is shown.
async fn follow(folder: PathBuf, name: String, period: Duration, shown: Arc<Shown>, metrics: Arc<Metrics>) {
    loop {
        match of_folder(&folder, &name, SystemTime::now()) {
            Ok(certificate) => shown.set(certificate, &metrics),
            Err(problem) => tracing::warn!("the certificate is not taken: {problem}"),
        }
        tokio::time::sleep(period).await;
    }
}

/// Listens on an address; `:8443` stands for all addresses of IPv6 and IPv4, or IPv4 alone.
async fn bind(address: &str) -> Result<TcpListener, Error> {
    let failed = |error| Error::Listen(address.to_owned(), error);
    if !address.starts_with(':') {
        return TcpListener::bind(address).await.map_err(failed);
    }
    match TcpListener::bind(format!("[::]{address}")).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(format!("0.0.0.0{address}")).await.map_err(failed),
    }
}
