//! Releases as Helm has written them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::read;
use hardline_manifest::release::{self, Undecodable};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/drift/helm")
}

fn resource(text: String) -> Resource {
    read::read(&Arc::new(Source::new("release.json", text))).resources.remove(0)
}

#[test]
fn releases_of_helm_3_and_4_are_read() {
    for (version, applied) in [("v3", false), ("v4", true)] {
        let revision = |number: u64| {
            let path = fixtures().join(format!("{version}/sh.helm.release.v1.web.v{number}.secret.json"));
            let secret = resource(std::fs::read_to_string(path).unwrap());
            assert!(release::is_release(&secret));
            release::decode(&secret).unwrap()
        };
        let (first, second) = (revision(1), revision(2));
        assert_eq!((first.status.as_str(), second.status.as_str()), ("superseded", "deployed"), "{version}");
        assert_eq!((second.name.as_str(), second.revision, second.applied), ("web", 2, applied), "{version}");
        let decoded = std::fs::read_to_string(fixtures().join(format!("{version}/web.last.release.json"))).unwrap();
        let decoded: serde_json::Value = serde_json::from_str(&decoded).unwrap();
        assert_eq!(decoded["manifest"], second.manifest, "{version}");
        assert!(read::read(&Arc::new(second.source())).resources.len() > 2, "{version}");
        assert_eq!(release::current(vec![first, second.clone()]), [second]);
    }
}

#[test]
fn what_is_no_release_says_why() {
    let secret = |release: &str| {
        let data = STANDARD.encode(release);
        let text = format!("{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, data: {{release: {data}}}}}");
        release::decode(&resource(text)).unwrap_err()
    };
    assert_eq!(secret("*"), Undecodable::Base64);
    assert_eq!(secret(&STANDARD.encode(b"\x1f\x8b\x08broken")), Undecodable::Gzip);
    assert_eq!(secret(&STANDARD.encode("[]")), Undecodable::Json);
    let empty = resource("{apiVersion: v1, kind: Secret, metadata: {name: a}}".to_owned());
    assert_eq!(release::decode(&empty), Err(Undecodable::Empty));
}
