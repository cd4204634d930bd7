//! An authority of its own: makes the server's certificate where nobody else does, and replaces it,
//! and itself, without a gap.
//!
//! Everything is in one Secret, and every step follows from the dates of the certificates in it, so
//! that any replica can take the next step. An authority is replaced in three of them, each a whole
//! [`Lifetimes::overlap`] after the one before: the new one is trusted beside the old one; then it
//! issues; then the old one is trusted no more. So whoever has last looked within an overlap trusts
//! whatever is shown.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Certificate, Unfit, validity};

/// How long things hold.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// An authority. It is replaced when a third is left.
    pub authority: Duration,
    /// The server's certificate. It is replaced when a third is left.
    pub certificate: Duration,
    /// The longest that anybody goes on trusting, or showing, what has been replaced.
    pub overlap: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Lifetimes {
    fn default() -> Self {
        Self { authority: 365 * DAY, certificate: 30 * DAY, overlap: Duration::from_hours(1) }
    }
}

/// Certificates are valid from a little before they are made, for clocks that are behind.
const SKEW: Duration = Duration::from_mins(5);

/// What the Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The authorities to trust, in PEM; the first is the one that issues.
    trusted: Vec<String>,
    /// The key of the one that issues.
    authority_key: String,
    /// The key of the last one, where it is yet to issue.
    next_key: Option<String>,
    certificate: String,
    key: String,
}

/// Why no certificate can be made.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Making it failed.
    #[error("the certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// What the Secret holds cannot be read.
    #[error("the Secret holds what cannot be used: {0}")]
    Read(#[from] Unfit),
}

impl Keys {
    /// What a Secret holds; `None` where it does not hold all of it.
    pub fn of_secret(data: &BTreeMap<String, ByteString>) -> Option<Self> {
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok().filter(|text| !text.is_empty());
        Some(Self {
            trusted: split(&text("ca.crt")?),
            authority_key: text("ca.key")?,
            next_key: text("next-ca.key"),
            certificate: text("tls.crt")?,
            key: text("tls.key")?,
        })
    }

    /// What the Secret is to hold.
    pub fn to_secret(&self) -> BTreeMap<String, ByteString> {
        let entries = [
            ("ca.crt", self.bundle()),
            ("ca.key", self.authority_key.clone()),
            ("tls.crt", self.certificate.clone()),
            ("tls.key", self.key.clone()),
        ];
        let next = self.next_key.clone().map(|key| ("next-ca.key", key));
        let entries = entries.into_iter().chain(next);
        entries.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).collect()
    }

    /// The authorities that callers must trust, in PEM: the `caBundle` of a webhook.
    pub fn bundle(&self) -> String {
        self.trusted.concat()
    }

    /// The certificate to show.
    pub fn certificate(&self, name: &str, now: SystemTime) -> Result<Certificate, Unfit> {
        Certificate::of_pem(self.certificate.as_bytes(), self.key.as_bytes(), name, now)
    }

    /// A new authority with a certificate for these names.
    pub fn found(names: &[String], lifetimes: &Lifetimes, now: SystemTime) -> Result<Self, Failed> {
        let (authority, authority_key) = make_authority(lifetimes, now)?;
        let (certificate, key) = issue(&authority, &authority_key, names, lifetimes, now)?;
        Ok(Self { trusted: vec![authority], authority_key, next_key: None, certificate, key })
    }

    /// The keys after the next step; `None` while there is none to take.
    pub fn advance(&self, names: &[String], lifetimes: &Lifetimes, now: SystemTime) -> Result<Option<Self>, Failed> {
        let issuing = self.trusted.first().ok_or(Unfit::Empty)?;
        let last = self.trusted.last().ok_or(Unfit::Empty)?;
        if age(issuing, now)? >= lifetimes.authority {
            return Self::found(names, lifetimes, now).map(Some);
        }
        let mut next = self.clone();
        if let Some(next_key) = &self.next_key {
            if age(last, now)? < lifetimes.overlap {
                return Ok(None);
            }
            (next.certificate, next.key) = issue(last, next_key, names, lifetimes, now)?;
            next.trusted.rotate_right(1);
            next.authority_key.clone_from(next_key);
            next.next_key = None;
            return Ok(Some(next));
        }
        let issued = age(&self.certificate, now)?;
        if self.trusted.len() > 1 && issued >= lifetimes.overlap {
            next.trusted.truncate(1);
            return Ok(Some(next));
        }
        if issued >= lifetimes.certificate * 2 / 3 {
            (next.certificate, next.key) = issue(issuing, &self.authority_key, names, lifetimes, now)?;
            return Ok(Some(next));
        }
        if self.trusted.len() == 1 && age(issuing, now)? >= lifetimes.authority * 2 / 3 {
            let (authority, key) = make_authority(lifetimes, now)?;
            next.trusted.push(authority);
            next.next_key = Some(key);
            return Ok(Some(next));
        }
        Ok(None)
    }
}

/// The certificates of a bundle, each with its own lines.
fn split(bundle: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----\n";
    bundle.split_inclusive(END).filter(|certificate| !certificate.trim().is_empty()).map(str::to_owned).collect()
}

/// How long ago a certificate was made.
fn age(pem: &str, now: SystemTime) -> Result<Duration, Unfit> {
    let (from, _) = validity(&CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    Ok(now.duration_since(from + SKEW).unwrap_or_default())
}

fn make_authority(lifetimes: &Lifetimes, now: SystemTime) -> Result<(String, String), Failed> {
    let key = KeyPair::generate()?;
    // Authorities of one name could be taken for each other.
    let made = Timestamp::try_from(now).unwrap_or_default();
    let mut params = params(&format!("hardline authority of {made}"), lifetimes.authority, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn issue(
    authority: &str,
    authority_key: &str,
    names: &[String],
    lifetimes: &Lifetimes,
    now: SystemTime,
) -> Result<(String, String), Failed> {
    let issuer = Issuer::from_ca_cert_pem(authority, KeyPair::from_pem(authority_key)?)?;
    let key = KeyPair::generate()?;
    let mut params = params("hardline", lifetimes.certificate, now);
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
}

fn params(common_name: &str, lifetime: Duration, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let time =
        |time: SystemTime| date_time_ymd(1970, 1, 1) + time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    params.not_before = time(now - SKEW);
    params.not_after = time(now + lifetime);
    params
}
