//! Certificates come and go while requests arrive.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hardline_server::metrics::Metrics;
use hardline_server::registration::{FailurePolicy, Target};
use hardline_server::tls::authority::{Keys, Lifetimes};
use hardline_server::tls::keeper::{self, Keeper};
use hardline_server::tls::{self, Certificate, Shown, Unfit};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::configuration;

const NAME: &str = "hardline.hardline-system.svc";

fn names() -> Vec<String> {
    vec![NAME.to_owned()]
}

/// A server that answers each connection with one word, and the roots of its clients.
async fn serve(shown: Arc<Shown>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(shown, None).unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.write_all(b"judged").await?;
                stream.shutdown().await
            });
        }
    });
    address
}

/// One call; the certificate that was shown.
async fn call(address: SocketAddr, roots: RootCertStore) -> std::io::Result<Vec<u8>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await?;
    let mut stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert_eq!(answer, "judged");
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

/// A client of no API server.
fn nobody() -> kube::Client {
    kube::Client::try_from(kube::Config::new("https://127.0.0.1:1".parse().unwrap())).unwrap()
}

/// Writes a Secret as the kubelet does: a new folder, a link that is swapped, the old folder removed.
fn mount(volume: &Path, version: usize, keys: &Keys) {
    let folder = volume.join(format!("..{version}"));
    std::fs::create_dir(&folder).unwrap();
    for (file, content) in keys.to_secret() {
        std::fs::write(folder.join(&file), content.0).unwrap();
        let link = volume.join(&file);
        if !link.exists() {
            std::os::unix::fs::symlink(Path::new("..data").join(file), link).unwrap();
        }
    }
    let new = volume.join("..data_tmp");
    std::os::unix::fs::symlink(&folder, &new).unwrap();
    std::fs::rename(new, volume.join("..data")).unwrap();
    if let Some(old) = version.checked_sub(1) {
        std::fs::remove_dir_all(volume.join(format!("..{old}"))).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_rotations_of_a_mounted_secret_fail_no_call() {
    let volume = tempfile::tempdir().unwrap();
    let lifetimes = Lifetimes::default();
    let keys = Keys::found(&names(), &lifetimes, SystemTime::now()).unwrap();
    mount(volume.path(), 0, &keys);
    // The roots of callers hold the authorities of all rotations, as a bundle does that overlaps.
    let rotations: Vec<Keys> = (0..5).map(|_| Keys::found(&names(), &lifetimes, SystemTime::now()).unwrap()).collect();
    let bundle: String = std::iter::once(&keys).chain(&rotations).map(Keys::bundle).collect();
    let roots = tls::roots(bundle.as_bytes()).unwrap();

    let (shown, metrics) = (Arc::new(Shown::default()), Metrics::default());
    let address = serve(shown.clone()).await;
    let folder = volume.path().to_owned();
    let keeper = Keeper {
        client: nobody(),
        namespace: "hardline-system".to_owned(),
        source: keeper::Source::Folder(folder),
        failure: FailurePolicy::Ignore,
        target: Target::Service,
        configuration: configuration(),
        period: Duration::from_millis(5),
    };
    tokio::spawn(keeper.run(shown, Arc::new(metrics), watch::channel(false).1));
    while call(address, roots.clone()).await.is_err() {}

    let (seen, mut last) = watch::channel(BTreeSet::new());
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (roots, seen) = (roots.clone(), seen.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while seen.borrow().len() < 6 {
                    let certificate = call(address, roots.clone()).await.expect("no call fails");
                    seen.send_if_modified(|seen| seen.insert(certificate));
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for (version, keys) in (1..).zip(&rotations) {
        last.wait_for(|seen| seen.len() == version).await.unwrap();
        mount(volume.path(), version, keys);
    }
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    println!("{calls} calls, six certificates");
}

/// Whether a caller who trusts the bundle accepts what is shown.
fn is_accepted(bundle: &str, keys: &Keys, now: SystemTime) -> bool {
    let roots = Arc::new(tls::roots(bundle.as_bytes()).unwrap());
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build().unwrap();
    let certificate = CertificateDer::from_pem_slice(&keys.to_secret()["tls.crt"].0).unwrap();
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    verifier.verify_server_cert(&certificate, &[], &ServerName::try_from(NAME).unwrap(), &[], now).is_ok()
}

#[test]
fn whoever_looked_within_an_overlap_trusts_what_is_shown() {
    let lifetimes = Lifetimes::default();
    let start = SystemTime::now();
    let mut keys = Keys::found(&names(), &lifetimes, start).unwrap();
    // What others may still show or trust, with the time until which they may.
    let mut stale: Vec<(SystemTime, Keys)> = Vec::new();
    let (mut authorities, mut certificates) = (BTreeSet::new(), BTreeSet::new());
    let step = lifetimes.overlap / 3;
    for tick in 0..3 * 365 * 24 * 3 {
        let now = start + step * tick;
        if let Some(next) = keys.advance(&names(), &lifetimes, now).unwrap() {
            let kept = Keys::of_secret(&next.to_secret()).expect("the Secret holds all of it");
            assert!(kept == next, "what is written is read back");
            stale.push((now + lifetimes.overlap - step, std::mem::replace(&mut keys, next)));
            stale.retain(|(until, _)| *until >= now);
            for (_, old) in &stale {
                assert!(is_accepted(&old.bundle(), &keys, now), "an old bundle refuses the new certificate");
                assert!(is_accepted(&keys.bundle(), old, now), "the new bundle refuses an old certificate");
            }
        }
        authorities.insert(keys.bundle());
        if certificates.insert(keys.to_secret()["tls.crt"].0.clone()) || tick % 100 == 0 {
            assert!(keys.certificate(NAME, now).is_ok(), "what is shown is valid");
        }
    }
    assert!(authorities.len() > 9, "authorities are replaced: {}", authorities.len());
    assert!(certificates.len() > 36, "certificates are replaced: {}", certificates.len());
}

#[test]
fn after_a_long_sleep_there_is_a_new_authority() {
    let (lifetimes, start) = (Lifetimes::default(), SystemTime::now());
    let keys = Keys::found(&names(), &lifetimes, start).unwrap();
    let later = start + lifetimes.authority * 2;
    let keys = keys.advance(&names(), &lifetimes, later).unwrap().expect("the old one is of no use");
    assert!(is_accepted(&keys.bundle(), &keys, later));
}

#[test]
fn what_is_unfit_is_not_shown() {
    let (lifetimes, now) = (Lifetimes::default(), SystemTime::now());
    let keys = Keys::found(&names(), &lifetimes, now).unwrap().to_secret();
    let others = Keys::found(&names(), &lifetimes, now).unwrap().to_secret();
    let (chain, key) = (&keys["tls.crt"].0[..], &keys["tls.key"].0[..]);
    assert!(Certificate::of_pem(chain, key, NAME, now).is_ok());
    assert!(matches!(Certificate::of_pem(chain, &others["tls.key"].0, NAME, now), Err(Unfit::Tls(_))));
    assert!(matches!(Certificate::of_pem(chain, key, "hardline.elsewhere.svc", now), Err(Unfit::Tls(_))));
    assert!(matches!(Certificate::of_pem(chain, key, NAME, now + lifetimes.authority), Err(Unfit::Dates { .. })));
    assert!(matches!(Certificate::of_pem(b"", key, NAME, now), Err(Unfit::Empty)));
    assert!(matches!(Certificate::of_pem(chain, b"", NAME, now), Err(Unfit::Pem(_))));
    let error = tls::of_folder(Path::new("/nowhere"), NAME, now).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `/nowhere/tls.crt`"), "{error}");
}
