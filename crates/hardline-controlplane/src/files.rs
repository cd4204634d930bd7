//! The files that the programs of a control plane read: certificates, keys, tokens, kubeconfigs, kwok's stages.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;

use crate::random;

/// Somebody whom the API server knows, by a token.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
    groups: Vec<String>,
}

impl User {
    pub(crate) fn new(name: &str, groups: &[String]) -> Self {
        let token = format!("{:016x}{:016x}", random(), random());
        Self { name: name.to_owned(), token, groups: groups.to_vec() }
    }

    /// Where [`write`] puts the user's kubeconfig.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.kubeconfig", self.name.replace([':', '/'], "-")))
    }
}

/// Writes all of them. Returns the certificate of the authority that signs the server's, as DER.
pub(crate) fn write(folder: &Path, server: &str, users: &[User]) -> anyhow::Result<Vec<u8>> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, "control plane for tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.crt"), authority.pem())?;

    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    let key = KeyPair::generate()?;
    fs::write(folder.join("apiserver.crt"), params.signed_by(&key, &authority)?.pem())?;
    fs::write(folder.join("apiserver.key"), key.serialize_pem())?;
    let key = KeyPair::generate()?;
    fs::write(folder.join("serviceaccounts.key"), key.serialize_pem())?;
    fs::write(folder.join("serviceaccounts.pub"), key.public_key_pem())?;

    let line = |user: &User| format!("{},{},{},\"{}\"\n", user.token, user.name, user.name, user.groups.join(","));
    fs::write(folder.join("tokens.csv"), users.iter().map(line).collect::<String>())?;
    fs::write(folder.join("stages.yaml"), include_str!("stages.yaml"))?;
    for user in users {
        // JSON is YAML.
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user.name}}],
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": folder.join("ca.crt")}}],
            "users": [{"name": user.name, "user": {"token": user.token}}],
        });
        fs::write(user.kubeconfig(folder), format!("{kubeconfig:#}\n"))?;
    }
    Ok(authority.der().to_vec())
}
