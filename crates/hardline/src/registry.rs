//! What a registry knows about an image: the digest behind a tag, and whether a digest is there.
//!
//! Follows the OCI Distribution Specification 1.1, <https://github.com/opencontainers/distribution-spec>,
//! and for authorisation <https://distribution.github.io/distribution/spec/auth/token/>. Nothing
//! that a registry says is believed: the digest is computed from the bytes of the manifest.

mod authorisation;
mod credentials;
mod http;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hardline_core::image::ImageReference;
use ring::digest;

use self::authorisation::Challenge;
use self::credentials::Credentials;
use self::http::{Answer, Client, Failure, Request};

/// The forms of manifests that runtimes pull. An index names the manifests of several platforms;
/// its own digest pins all of them.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// How to talk to registries.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Certificates, as PEM, that are trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Registries, as references name them, that are asked by HTTP.
    pub(crate) plain_http: Vec<String>,
    /// The longest that one request may take.
    pub(crate) timeout: Duration,
    /// How often a request is made again after a failure that may pass.
    pub(crate) retries: u32,
}

/// A manifest: where it is, and the tag or digest by which it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Manifest {
    registry: String,
    repository: String,
    reference: String,
}

/// Why a registry gives no digest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The registry does not have it.
    #[error("{0} does not have it")]
    NotFound(String),
    /// The registry does not let us read it.
    #[error("{registry} refuses: {credentials}; it may be private, misspelled or missing")]
    Unauthorised {
        /// The registry.
        registry: String,
        /// Which credentials were tried, or where they were looked for.
        credentials: String,
    },
    /// Credentials exist, and cannot be had.
    #[error("{0}")]
    Credentials(String),
    /// The registry asks for an authorisation that cannot be given.
    #[error("{registry} asks for authorisation in a way that is not understood: {problem}")]
    Challenge {
        /// The registry.
        registry: String,
        /// What is wrong with what it asks for.
        problem: String,
    },
    /// Answers that are no manifest.
    #[error("{registry} answers with {what}, which is no image manifest")]
    NotAManifest {
        /// The registry.
        registry: String,
        /// The media type.
        what: String,
    },
    /// The bytes do not have the digest that was asked for or announced.
    #[error("{registry} lies: it sends {actual} where it says {claimed}")]
    Digest {
        /// The registry.
        registry: String,
        /// The digest of what came.
        actual: String,
        /// The digest that was asked for or announced.
        claimed: String,
    },
    /// A digest that cannot be verified.
    #[error("the algorithm of digest {0} is not known")]
    Algorithm(String),
    /// Any other answer.
    #[error("{registry} answers {status}")]
    Status {
        /// The registry.
        registry: String,
        /// The status of HTTP.
        status: ureq::http::StatusCode,
    },
    /// No answer that could be read.
    #[error("{registry}: {failure}")]
    Failure {
        /// The registry.
        registry: String,
        /// What went wrong.
        failure: Failure,
    },
}

/// All registries, as one asks them.
pub(crate) struct Registries<'a> {
    client: Client<'a>,
    credentials: Credentials,
    plain_http: Mutex<HashSet<String>>,
    /// What was accepted as `Authorization`, by registry and repository.
    authorisations: Mutex<HashMap<(String, String), String>>,
}

impl Manifest {
    /// The manifest of an image's repository that has this tag or digest.
    ///
    /// Names are completed as Docker does: `nginx` is `registry-1.docker.io/library/nginx`.
    pub(crate) fn of(image: &ImageReference<'_>, reference: &str) -> Self {
        let (registry, repository) = match image.registry {
            None | Some("docker.io" | "index.docker.io") => {
                let library = if image.repository.contains('/') { "" } else { "library/" };
                (credentials::DOCKER_HUB, format!("{library}{}", image.repository))
            }
            Some(registry) => (registry, image.repository.to_owned()),
        };
        Self { registry: registry.to_owned(), repository, reference: reference.to_owned() }
    }

    fn not_found(&self) -> Error {
        Error::NotFound(self.registry.clone())
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.reference.contains(':') { '@' } else { ':' };
        write!(f, "{}/{}{separator}{}", self.registry, self.repository, self.reference)
    }
}

impl<'a> Registries<'a> {
    /// Reads the certificates to trust. `waiting` is told when and why a request is made again.
    pub(crate) fn new(options: &Options, waiting: &'a (dyn Fn(&str) + Sync)) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(options, waiting)?,
            credentials: Credentials::default(),
            plain_http: Mutex::new(options.plain_http.iter().cloned().collect()),
            authorisations: Mutex::default(),
        })
    }

    /// The digest of a manifest, which the registry has.
    pub(crate) fn digest(&self, manifest: &Manifest) -> Result<String, Error> {
        let key = (manifest.registry.clone(), manifest.repository.clone());
        let accepted = self.authorisations.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let mut answer = self.get(manifest, accepted)?;
        if answer.status == 401 {
            let authorisation = self.authorise(manifest, &answer)?;
            answer = self.get(manifest, Some(authorisation.clone()))?;
            self.authorisations.lock().unwrap_or_else(PoisonError::into_inner).insert(key, authorisation);
        }
        match answer.status.as_u16() {
            200 => verified_digest(manifest, &answer),
            404 => Err(manifest.not_found()),
            401 | 403 => {
                let registry = manifest.registry.clone();
                let credentials = self.credentials.tried(&registry);
                Err(Error::Unauthorised { registry, credentials })
            }
            _ => Err(Error::Status { registry: manifest.registry.clone(), status: answer.status }),
        }
    }

    fn get(&self, manifest: &Manifest, authorisation: Option<String>) -> Result<Answer, Error> {
        let Manifest { registry, repository, reference } = manifest;
        let request = |scheme: &str| Request {
            url: format!("{scheme}://{registry}/v2/{repository}/manifests/{reference}"),
            accept: MANIFESTS.join(", "),
            authorisation: authorisation.clone(),
            ..Request::default()
        };
        let plain = self.is_plain(registry);
        let mut answer = self.client.send(&request(if plain { "http" } else { "https" }));
        // As Docker does, and only on this machine: where no TLS is spoken, plain HTTP is tried.
        if !plain && matches!(answer, Err(Failure::NoTls)) && is_loopback(registry) {
            self.plain_http.lock().unwrap_or_else(PoisonError::into_inner).insert(registry.clone());
            answer = self.client.send(&request("http"));
        }
        answer.map_err(|failure| Error::Failure { registry: registry.clone(), failure })
    }

    fn is_plain(&self, registry: &str) -> bool {
        self.plain_http.lock().unwrap_or_else(PoisonError::into_inner).contains(registry)
    }

    /// What to send as `Authorization`, after a registry has said what it wants.
    fn authorise(&self, manifest: &Manifest, answer: &Answer) -> Result<String, Error> {
        let registry = &manifest.registry;
        let problem = |problem: &str| Error::Challenge { registry: registry.clone(), problem: problem.to_owned() };
        let challenge = Challenge::read(&answer.headers).map_err(problem)?;
        let credential = self.credentials.of(registry)?;
        let refused =
            || Error::Unauthorised { registry: registry.clone(), credentials: self.credentials.tried(registry) };
        match challenge {
            Challenge::Basic => authorisation::basic(credential.as_deref()).ok_or_else(refused),
            Challenge::Bearer { ref realm, .. } if !realm.starts_with("https://") && !self.is_plain(registry) => {
                Err(problem("it would have credentials sent without TLS"))
            }
            Challenge::Bearer { realm, service, scope } => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", manifest.repository));
                let request = authorisation::token_request(realm, service, scope, credential.as_deref());
                let failed = |failure| Error::Failure { registry: registry.clone(), failure };
                let answer = self.client.send(&request).map_err(failed)?;
                match answer.status.as_u16() {
                    200 => authorisation::bearer(&answer.body).ok_or_else(|| problem("it gives no token")),
                    400..=403 => Err(refused()),
                    _ => Err(Error::Status { registry: registry.clone(), status: answer.status }),
                }
            }
        }
    }
}

/// The digest of what came, if it is the one that was asked for and announced.
fn verified_digest(manifest: &Manifest, answer: &Answer) -> Result<String, Error> {
    let registry = || manifest.registry.clone();
    let media_type = answer.header("content-type").unwrap_or("nothing said");
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !MANIFESTS.contains(&media_type) {
        return Err(Error::NotAManifest { registry: registry(), what: media_type.to_owned() });
    }
    let asked = Some(manifest.reference.as_str()).filter(|reference| reference.contains(':'));
    let announced = answer.header("docker-content-digest");
    for claimed in [asked, announced].into_iter().flatten() {
        let actual = digest_like(claimed, &answer.body).ok_or_else(|| Error::Algorithm(claimed.to_owned()))?;
        if actual != claimed {
            return Err(Error::Digest { registry: registry(), actual, claimed: claimed.to_owned() });
        }
    }
    match asked.or(announced) {
        Some(verified) => Ok(verified.to_owned()),
        None => Ok(hashed("sha256", &digest::SHA256, &answer.body)),
    }
}

/// The digest of bytes, by the algorithm of another digest.
fn digest_like(other: &str, bytes: &[u8]) -> Option<String> {
    let (name, _) = other.split_once(':')?;
    let algorithm = match name {
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return None,
    };
    Some(hashed(name, algorithm, bytes))
}

fn hashed(name: &str, algorithm: &'static digest::Algorithm, bytes: &[u8]) -> String {
    use fmt::Write as _;
    let hash = digest::digest(algorithm, bytes);
    hash.as_ref().iter().fold(format!("{name}:"), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a registry is on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => registry,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        for (image, expected) in [
            ("nginx", "registry-1.docker.io/library/nginx:1"),
            ("docker.io/nginx", "registry-1.docker.io/library/nginx:1"),
            ("bitnami/nginx", "registry-1.docker.io/bitnami/nginx:1"),
            ("index.docker.io/a/b/c", "registry-1.docker.io/a/b/c:1"),
            ("localhost:5000/nginx", "localhost:5000/nginx:1"),
        ] {
            assert_eq!(Manifest::of(&ImageReference::parse(image).unwrap(), "1").to_string(), expected);
        }
    }

    #[test]
    fn plain_http_is_tried_on_this_machine_only() {
        for (registry, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("10.0.0.1:5000", false),
            ("127.0.0.1.example.com:80", false),
        ] {
            assert_eq!(is_loopback(registry), expected, "{registry}");
        }
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest_like("sha256:", b"").as_deref(), Some(empty));
        assert_eq!(digest_like("md5:0", b""), None);
    }
}
