//! A real registry for one test: Debian's `docker-registry` on a free port of this machine.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ring::digest;
use tempfile::TempDir;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that ends with its test.
pub(super) struct Registry {
    /// Host and port.
    pub(super) address: String,
    process: Child,
    folder: TempDir,
    scheme: &'static str,
    authorisation: Option<String>,
    agent: Agent,
}

/// The configuration of an image; its text makes one image differ from another.
pub(super) fn image(text: &str) -> String {
    format!(r#"{{"architecture":"{text}","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}}}}"#)
}

impl Registry {
    /// Anybody may read and write; plain HTTP.
    pub(super) fn start() -> Self {
        Self::run(tempfile::tempdir().unwrap(), "", "")
    }

    /// As [`start`](Self::start), for one user.
    pub(super) fn start_with_password(user: &str, password: &str) -> Self {
        use base64::Engine as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("htpasswd");
        fs::write(&file, format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())).unwrap();
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display());
        let mut registry = Self::run(folder, &auth, "");
        let login = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        registry.authorisation = Some(format!("Basic {login}"));
        registry
    }

    /// With a certificate of an authority that nobody knows.
    pub(super) fn start_with_tls() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        write("ca.pem", authority.pem());
        let (certificate, key) = (write("tls.pem", certificate.pem()), write("key.pem", key.serialize_pem()));
        let trusted = RootCerts::Specific(Arc::new(vec![Certificate::from_der(authority.der()).to_owned()]));
        let mut registry = Self::run(folder, "", &format!("  tls:\n    certificate: {certificate}\n    key: {key}\n"));
        registry.scheme = "https";
        let tls = TlsConfig::builder()
            .root_certs(trusted)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        registry.agent = Agent::config_builder().proxy(None).tls_config(tls.build()).build().into();
        registry
    }

    fn run(folder: TempDir, auth: &str, tls: &str) -> Self {
        // Another process may take the port before the registry does: then another is tried.
        let started = (0..5).find_map(|_| launch(&folder, auth, tls));
        let (process, address) = started.unwrap_or_else(|| {
            panic!("docker-registry does not start: {}", fs::read_to_string(folder.path().join("log")).unwrap())
        });
        let agent = Agent::config_builder().proxy(None).build().into();
        Self { address, process, folder, scheme: "http", authorisation: None, agent }
    }

    /// Where the certificate of the authority is.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Pushes an image of one platform, and tells its digest.
    pub(super) fn push(&self, repository: &str, tag: &str, config: &str) -> String {
        let manifest = self.push_config(repository, config);
        self.put_manifest(repository, tag, MANIFEST, &manifest)
    }

    /// Pushes an image of several platforms, and tells the digest of its index.
    pub(super) fn push_index(&self, repository: &str, tag: &str, configs: &[String]) -> String {
        let manifests = configs.iter().enumerate().map(|(index, config)| {
            let manifest = self.push_config(repository, config);
            let digest = self.put_manifest(repository, &digest(&manifest), MANIFEST, &manifest);
            let platform = serde_json::json!({"os": "linux", "architecture": format!("a{index}")});
            serde_json::json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len(), "platform": platform})
        });
        let manifests: Vec<_> = manifests.collect();
        let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.put_manifest(repository, tag, INDEX, &index.to_string())
    }

    /// Deletes a manifest and its tags.
    pub(super) fn delete(&self, repository: &str, digest: &str) {
        let request = self.agent.delete(self.url(&format!("{repository}/manifests/{digest}")));
        assert_eq!(request.call().unwrap().status(), 202);
    }

    /// Pushes the configuration of an image without layers, and gives its manifest.
    fn push_config(&self, repository: &str, config: &str) -> String {
        let mut begin = self.agent.post(self.url(&format!("{repository}/blobs/uploads/")));
        if let Some(authorisation) = &self.authorisation {
            begin = begin.header("authorization", authorisation);
        }
        let upload = begin.send_empty().unwrap();
        let location = upload.headers()["location"].to_str().unwrap();
        let mut put = self.agent.put(location).query("digest", digest(config));
        if let Some(authorisation) = &self.authorisation {
            put = put.header("authorization", authorisation);
        }
        assert_eq!(put.send(config).unwrap().status(), 201);
        let config = serde_json::json!({
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": config.len(),
        });
        serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}).to_string()
    }

    fn put_manifest(&self, repository: &str, reference: &str, media_type: &str, manifest: &str) -> String {
        let mut put = self.agent.put(self.url(&format!("{repository}/manifests/{reference}")));
        if let Some(authorisation) = &self.authorisation {
            put = put.header("authorization", authorisation);
        }
        assert_eq!(put.header("content-type", media_type).send(manifest).unwrap().status(), 201);
        digest(manifest)
    }

    fn url(&self, path: &str) -> String {
        format!("{}://{}/v2/{path}", self.scheme, self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the registry, and waits until it listens; `None` if it ends instead.
fn launch(folder: &TempDir, auth: &str, tls: &str) -> Option<(Child, String)> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (config, storage) = (folder.path().join("config.yml"), folder.path().join("storage"));
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  delete: {{enabled: true}}\n  filesystem: \
         {{rootdirectory: {}}}\n{auth}http:\n  addr: {address}\n{tls}",
        storage.display()
    );
    fs::write(&config, text).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new("docker-registry");
    let command = command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut process = command.spawn().expect("these tests need docker-registry: `apt-get install docker-registry`");
    let deadline = Instant::now() + Duration::from_mins(1);
    while process.try_wait().unwrap().is_none() {
        if TcpStream::connect(address).is_ok() {
            return Some((process, address.to_string()));
        }
        assert!(Instant::now() < deadline, "docker-registry does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The digest of a text.
pub(super) fn digest(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
