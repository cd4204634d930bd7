//! Helm releases: what Helm has written down about the last time it deployed a chart.
//!
//! Helm 3 and 4 keep each revision in a Secret, or a `ConfigMap`, of type `helm.sh/release.v1`: JSON,
//! compressed by gzip, in Base64. A Secret is in Base64 once more, as all Secrets are. Releases hold
//! rendered Secrets and values in clear text.
//!
//! <https://github.com/helm/helm/tree/main/pkg/storage/driver>

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::tree::Value;
use serde_json::Value as Json;

/// The type of the Secrets that hold releases.
const TYPE: &str = "helm.sh/release.v1";
/// What compressed data begins with; very old releases are not compressed.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// No release is longer when decompressed: etcd holds less than 2 MiB of it compressed.
const LONGEST: u64 = 64 << 20;

/// One revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// The namespace that it is deployed to.
    pub namespace: String,
    /// The revision, from 1.
    pub revision: u64,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade`, …
    pub status: String,
    /// Name and version of the chart, such as `web-0.1.0`.
    pub chart: String,
    /// When it was deployed last, by RFC 3339.
    pub deployed: Option<String>,
    /// Whether Helm applied it on the server's side, so that it holds on to its fields.
    pub applied: bool,
    /// The objects, without hooks and without the chart's `crds/`.
    pub manifest: String,
}

/// Why a release cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// The object has no `data.release`.
    #[error("it has no `data.release`")]
    Empty,
    /// The data is not Base64.
    #[error("`data.release` is not in Base64")]
    Base64,
    /// The data does not decompress.
    #[error("`data.release` does not decompress, or to more than 64 MiB")]
    Gzip,
    /// The data is not the JSON of a release.
    #[error("`data.release` holds no JSON of a release")]
    Json,
}

/// Whether an object holds a revision of a release.
pub fn is_release(resource: &Resource) -> bool {
    match resource.kind() {
        Kind::Secret => resource.value().get("type").and_then(Value::str) == Some(TYPE),
        Kind::ConfigMap => {
            resource.label("owner").is_some_and(|owner| owner.eq_ignore_ascii_case("helm"))
                && resource.name().starts_with("sh.helm.release.v1.")
        }
        _ => false,
    }
}

/// Reads the revision that an object holds.
pub fn decode(resource: &Resource) -> Result<Release, Undecodable> {
    let data = resource.value().at(&["data", "release"]).and_then(Value::str).ok_or(Undecodable::Empty)?;
    let mut bytes = STANDARD.decode(data.trim()).map_err(|_| Undecodable::Base64)?;
    if resource.kind() == Kind::Secret {
        bytes = STANDARD.decode(bytes.trim_ascii()).map_err(|_| Undecodable::Base64)?;
    }
    if bytes.starts_with(&GZIP) {
        let mut text = Vec::new();
        GzDecoder::new(&bytes[..]).take(LONGEST + 1).read_to_end(&mut text).map_err(|_| Undecodable::Gzip)?;
        if text.len() as u64 > LONGEST {
            return Err(Undecodable::Gzip);
        }
        bytes = text;
    }
    let json: Json = serde_json::from_slice(&bytes).map_err(|_| Undecodable::Json)?;
    let text = |path: &str| json.pointer(path).and_then(Json::as_str).map(str::to_owned);
    let chart = [text("/chart/metadata/name"), text("/chart/metadata/version")];
    Ok(Release {
        name: text("/name").ok_or(Undecodable::Json)?,
        namespace: text("/namespace").unwrap_or_default(),
        revision: json.get("version").and_then(Json::as_u64).ok_or(Undecodable::Json)?,
        status: text("/info/status").unwrap_or_default(),
        chart: chart.into_iter().flatten().collect::<Vec<_>>().join("-"),
        deployed: text("/info/last_deployed"),
        applied: text("/apply_method").as_deref() == Some("ssa"),
        manifest: text("/manifest").unwrap_or_default(),
    })
}

impl Release {
    /// The text of its objects.
    pub fn source(&self) -> Source {
        Source::rendered(
            format!("release {}/{} revision {}", self.namespace, self.name, self.revision),
            &*self.manifest,
        )
    }
}

/// Of each release the revision that is deployed: the newest that says so, else the newest of all.
pub fn current(releases: Vec<Release>) -> Vec<Release> {
    let mut current: Vec<Release> = Vec::new();
    for release in releases {
        let same = current.iter_mut().find(|it| it.name == release.name && it.namespace == release.namespace);
        let rank = |it: &Release| (it.status == "deployed", it.revision);
        match same {
            Some(known) if rank(known) < rank(&release) => *known = release,
            Some(_) => {}
            None => current.push(release),
        }
    }
    current
}
