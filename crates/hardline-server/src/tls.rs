//! The certificate that the server shows, and where it comes from: a mounted Secret, which
//! cert-manager or an operator writes, or an [`authority`] of its own.
//!
//! A certificate is checked before it is shown. One that is no good is refused, and the one before
//! it stays. The next handshake sees the new one; nothing restarts, and no connection breaks.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::metrics::Metrics;

pub mod authority;
pub mod keeper;

/// A certificate with its key, fit to be shown.
#[derive(Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    expires: SystemTime,
}

/// Why a certificate is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Unreadable(String, std::io::Error),
    /// The text is no PEM of the kind.
    #[error("it is not PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The text holds no certificate at all.
    #[error("there is no certificate in it")]
    Empty,
    /// The certificate is no X.509, or not for the name, or does not belong to the key.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The name of the server is none.
    #[error("`{0}` is no name of a server")]
    Name(String),
    /// The dates of the certificate cannot be read.
    #[error("it is no X.509 certificate")]
    Malformed,
    /// It is not valid now.
    #[error("it is valid from {from} to {to} only", from = stamp(*.from), to = stamp(*.to))]
    Dates {
        /// The first second.
        from: SystemTime,
        /// The last second.
        to: SystemTime,
    },
    /// The authorities of clients cannot be used.
    #[error("the authorities of clients cannot be used: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

impl Certificate {
    /// Reads a chain and its key, both in PEM, and checks that they belong together, are for the
    /// name, and are valid at the time.
    pub fn of_pem(chain: &[u8], key: &[u8], name: &str, now: SystemTime) -> Result<Self, Unfit> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key)?;
        let leaf = chain.first().ok_or(Unfit::Empty)?;
        let (from, to) = validity(leaf)?;
        if now < from || now > to {
            return Err(Unfit::Dates { from, to });
        }
        let name = ServerName::try_from(name).map_err(|_| Unfit::Name(name.to_owned()))?;
        rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, &name)?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        Ok(Self { key: Arc::new(key), expires: to })
    }

    /// The last second in which it is valid.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }
}

/// The first and the last second of a certificate.
fn validity(certificate: &[u8]) -> Result<(SystemTime, SystemTime), Unfit> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| Unfit::Malformed)?;
    let time = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let validity = certificate.validity();
    Ok((time(validity.not_before.timestamp()), time(validity.not_after.timestamp())))
}

fn stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| k8s_openapi::jiff::Timestamp::from_second(seconds).ok());
    stamp.unwrap_or_default().to_string()
}

/// The certificate that is shown now, for [`server_config`].
#[derive(Debug, Default)]
pub struct Shown(ArcSwapOption<Certificate>);

impl Shown {
    /// Shows a certificate from the next handshake on.
    pub fn set(&self, certificate: Certificate, metrics: &Metrics) {
        metrics.certificate_expires(certificate.expires);
        self.0.store(Some(Arc::new(certificate)));
    }

    /// Whether there is a certificate that is valid at the time.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.0.load().as_ref().is_some_and(|certificate| now <= certificate.expires)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|certificate| certificate.key.clone())
    }
}

/// How the server speaks TLS: 1.2 and up, HTTP/2 and HTTP/1.1, with the certificate that is shown at the time.
/// Where `clients` is given, authorities in PEM, only clients with a certificate of one may speak.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers>
pub fn server_config(shown: Arc<Shown>, clients: Option<&[u8]>) -> Result<ServerConfig, Unfit> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(pem) => WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider).build()?,
    };
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(shown);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The authorities of a bundle in PEM.
pub fn roots(bundle: &[u8]) -> Result<RootCertStore, Unfit> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle) {
        roots.add(authority?)?;
    }
    Ok(roots)
}

/// The certificate of a mounted Secret: `tls.crt` and `tls.key` in a folder.
pub fn of_folder(folder: &Path, name: &str, now: SystemTime) -> Result<Certificate, Unfit> {
    let read = |file: &str| {
        let path = folder.join(file);
        std::fs::read(&path).map_err(|error| Unfit::Unreadable(path.display().to_string(), error))
    };
    // The kubelet swaps the folder as a whole, but maybe between two reads. A pair that does not match
    // is refused, and the next look finds it whole. No watch: one on files that are swapped by a link
    // is lost with the first swap.
    Certificate::of_pem(&read("tls.crt")?, &read("tls.key")?, name, now)
}
