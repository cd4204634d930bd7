//! Credentials as Docker keeps them: in its configuration, or in a helper that this names.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use docker_credential::{CredentialRetrievalError as Problem, DockerCredential, get_credential};

use super::Error;

/// The registry behind Docker Hub.
pub(super) const DOCKER_HUB: &str = "registry-1.docker.io";
/// What Docker calls Docker Hub in its configuration.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The credentials found so far, by registry: a helper may ask its user, so it runs once.
#[derive(Default)]
pub(super) struct Credentials {
    found: Mutex<HashMap<String, Option<Arc<DockerCredential>>>>,
}

impl Credentials {
    /// The credential for a registry; `None` where there is none.
    pub(super) fn of(&self, registry: &str) -> Result<Option<Arc<DockerCredential>>, Error> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = found.get(registry) {
            return Ok(credential.clone());
        }
        let credential = look_up(registry)?.map(Arc::new);
        found.insert(registry.to_owned(), credential.clone());
        Ok(credential)
    }

    /// Which credentials were tried, without their values.
    pub(super) fn tried(&self, registry: &str) -> String {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match (found.get(registry), config_file()) {
            (Some(Some(_)), Some(file)) => format!("the credentials by {} do not suffice", file.display()),
            (_, Some(file)) if file.exists() => format!("{} has no credentials for it", file.display()),
            (_, Some(file)) => format!("no credentials, for {} does not exist", file.display()),
            (_, None) => "no credentials, for neither `DOCKER_CONFIG` nor `HOME` is set".to_owned(),
        }
    }
}

fn look_up(registry: &str) -> Result<Option<DockerCredential>, Error> {
    let Some(file) = config_file().filter(|file| file.exists()) else { return Ok(None) };
    let file = file.display();
    let key = if registry == DOCKER_HUB { DOCKER_HUB_KEY } else { registry };
    // What a helper prints may hold secrets: it is read, and never shown.
    let problem = match get_credential(key) {
        Ok(credential) => return Ok(Some(credential)),
        Err(Problem::NoCredentialConfigured | Problem::ConfigNotFound) => return Ok(None),
        // The words that helpers share: docker/docker-credential-helpers, credentials/error.go.
        Err(Problem::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => return Ok(None),
        Err(Problem::HelperFailure { helper, .. }) => format!("`{helper}`, which {file} names for {registry}, fails"),
        Err(Problem::HelperCommunicationError) => {
            format!("the credential helper that {file} names for {registry} cannot be run")
        }
        Err(Problem::MalformedHelperResponse) => {
            format!("the credential helper that {file} names for {registry} gives no credentials")
        }
        Err(Problem::ConfigReadError) => format!("{file} cannot be read as Docker's configuration"),
        Err(Problem::CredentialDecodingError | Problem::CredentialMismatchError) => {
            format!("the credentials for {registry} in {file} are malformed")
        }
    };
    Err(Error::Credentials(problem))
}

/// Where Docker keeps its configuration.
fn config_file() -> Option<PathBuf> {
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".docker")))?;
    Some(folder.join("config.json"))
}
