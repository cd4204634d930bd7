//! What was saved of a cluster.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use hardline_cluster::dump::{Error, Limits, read, read_archive, read_texts};
use hardline_cluster::observed::Observed;
use hardline_core::resource::{Kind, Resource};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::{deployment, pod, replica_set};

fn typed(mut object: Json, api_version: &str, kind: &str) -> Json {
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    object
}

fn shop() -> Vec<Json> {
    let deployment = typed(deployment("web"), "apps/v1", "Deployment");
    let replica_set = typed(replica_set("web", "abc"), "apps/v1", "ReplicaSet");
    let pods = (0..3).map(|number| typed(pod("web", "abc", number), "v1", "Pod"));
    [deployment, replica_set].into_iter().chain(pods).collect()
}

fn names(observed: &Observed) -> Vec<String> {
    observed.inventory.resources().map(|resource| resource.id().to_string()).collect()
}

/// The entries of a folder, packed.
fn packed(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in entries {
        let mut header = tar::Header::new_gnu();
        // Names that the builder would not take.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn unpacked(archive: &[u8], limits: &Limits) -> Result<Observed, Error> {
    read_archive(flate2::read::MultiGzDecoder::new(archive), limits)
}

#[test]
fn what_kubectl_prints_is_read_alike_as_yaml_and_json() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": shop()});
    let json = list.to_string();
    let yaml = hardline_manifest::edit::document(&list);
    for (name, text) in [("dump.json", &json), ("dump.yaml", &yaml)] {
        let observed = read_texts([(name, text.as_str())]).unwrap();
        assert_eq!(names(&observed), ["Deployment shop/web"], "{name}");
        assert_eq!(observed.origins[0].pods, 3);
        let covers = |kind| observed.inventory.covers(kind, Some("shop"));
        assert!(covers(Kind::Pod) && covers(Kind::Deployment), "{name}");
        assert!(!covers(Kind::PodDisruptionBudget), "budgets were not asked for");
    }
    let stream: String = shop().iter().map(Json::to_string).collect();
    let observed = read_texts([("dump.json", stream.as_str())]).unwrap();
    assert_eq!(names(&observed), ["Deployment shop/web"]);
    assert!(!observed.inventory.covers(Kind::Pod, Some("shop")), "single objects are no list");
}

#[test]
fn lists_of_the_api_cover_the_namespace_that_they_lie_in() {
    let list = |kind: &str, items: Vec<Json>| json!({"apiVersion": "v1", "kind": kind, "items": items}).to_string();
    let pods = list("PodList", vec![pod("web", "abc", 0)]);
    let none = list("ServiceList", Vec::new());
    let budgets = json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudgetList", "items": []}).to_string();
    let nodes = list("NodeList", vec![json!({"metadata": {"name": "node-0"}})]);
    let texts = [
        ("shop/pods.json", pods.as_str()),
        ("shop/services.json", none.as_str()),
        ("cluster-resources/pod-disruption-budgets/shop.json", budgets.as_str()),
        ("nodes.json", nodes.as_str()),
    ];
    let observed = read_texts(texts).unwrap();
    for kind in [Kind::Pod, Kind::Service, Kind::PodDisruptionBudget] {
        assert!(observed.inventory.covers(kind, Some("shop")), "{kind}");
        assert!(!observed.inventory.covers(kind, Some("elsewhere")), "{kind}");
    }
    assert!(observed.inventory.covers(Kind::Node, None));
    assert!(!observed.inventory.covers(Kind::Secret, Some("shop")));
}

#[test]
fn what_is_withheld_is_a_gap() {
    let cut = r#"{"apiVersion": "v1", "kind": "PodList", "items": [{"metadata"#;
    let paged = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"continue": "abc"},
        "items": [typed(pod("web", "abc", 0), "v1", "Pod")]});
    let paged = paged.to_string();
    let bad = "apiVersion: v1\nkind: [\n";
    let observed = read_texts([("a/pods.json", cut), ("b/pods.json", &paged), ("c.yaml", bad)]).unwrap();
    let gaps: Vec<_> = observed.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(gaps, ["a/pods.json", "b/pods.json", "c.yaml"]);
    assert!(!observed.inventory.covers(Kind::Pod, Some("shop")));
    assert!(matches!(read_texts([("a.json", "[1, null, {}]"), ("b.yaml", "")]), Err(Error::Nothing)));
}

#[test]
fn values_of_secrets_do_not_outlive_the_reading() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\ndata: {password: aHVudGVyMg==}\n";
    let observed = read_texts([("dump.yaml", secret)]).unwrap();
    let secret = observed.inventory.find(Kind::Secret, Some("shop"), "db").unwrap();
    assert!(secret.value().at(&["data", "password"]).is_some());
    assert!(!secret.source().text.contains("aHVudGVyMg"));
}

#[test]
fn folders_and_archives_are_read_alike() {
    let folder = TempDir::new().unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": shop()}).to_string();
    fs::create_dir_all(folder.path().join("shop/logs")).unwrap();
    fs::write(folder.path().join("shop/all.json"), &list).unwrap();
    fs::write(folder.path().join("shop/logs/pod.log"), "not: [ read").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", folder.path().join("shop/loop")).unwrap();
    let of_folder = read(folder.path(), &Limits::default(), &|_| {}).unwrap();
    let archive = folder.path().join("dump.tar.gz");
    fs::File::create(&archive).unwrap().write_all(&packed(&[("shop/all.json", &list)])).unwrap();
    let of_archive = read(&archive, &Limits::default(), &|_| {}).unwrap();
    assert_eq!(names(&of_folder), ["Deployment shop/web"]);
    assert_eq!(names(&of_folder), names(&of_archive));
    assert_eq!((of_folder.gaps, of_archive.gaps), (Vec::new(), Vec::new()));
}

#[test]
fn archives_cannot_do_harm() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": shop()}).to_string();
    // Names that lead elsewhere are names only.
    let observed = unpacked(&packed(&[("../../../tmp/escape.json", &list)]), &Limits::default()).unwrap();
    assert_eq!(names(&observed), ["Deployment shop/web"]);
    assert!(!Path::new("/tmp/escape.json").exists());
    // A megabyte of zeros packs to a kilobyte.
    let bomb = packed(&[("bomb.log", &"0".repeat(1 << 20)), ("all.json", &list)]);
    assert!(bomb.len() < 1 << 14);
    let small = Limits { total: 1 << 19, ..Limits::default() };
    assert!(matches!(unpacked(&bomb, &small), Err(Error::TooLarge(_))));
    let few = Limits { entries: 1, ..Limits::default() };
    assert!(matches!(unpacked(&bomb, &few), Err(Error::TooLarge(_))));
    let short = Limits { file: 1 << 9, ..Limits::default() };
    assert!(matches!(unpacked(&packed(&[("all.json", &list)]), &short), Err(Error::Nothing)));
    let cut = packed(&[("all.json", &list)]);
    assert!(matches!(unpacked(&cut[..cut.len() / 2], &Limits::default()), Err(Error::Archive(_))));
    assert!(matches!(unpacked(b"no archive", &Limits::default()), Err(Error::Archive(_))));
}

/// A real bundle of troubleshoot.sh, of a k3s with one deployment by hand.
#[test]
fn a_support_bundle_is_read() {
    let fixtures =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/incident/troubleshoot"));
    let observed = read(&fixtures.join("support-bundle.tar.gz"), &Limits::default(), &|_| {}).unwrap();
    let find = |kind, namespace, name| observed.inventory.find(kind, namespace, name);
    assert!(find(Kind::Deployment, Some("default"), "nginx-deployment").is_some());
    assert!(find(Kind::DaemonSet, Some("kube-system"), "svclb-traefik-8ea5448e").is_none(), "the bundle has none");
    // Its pods are there, once for all nodes, although their owner is not.
    let pods: Vec<_> = observed.inventory.of_kind(Kind::Pod, Some("kube-system")).map(Resource::name).collect();
    assert_eq!(pods, ["svclb-traefik-8ea5448e-d2m74"]);
    for kind in [Kind::NetworkPolicy, Kind::PodDisruptionBudget, Kind::ResourceQuota, Kind::Pod] {
        assert!(observed.inventory.covers(kind, Some("kube-system")), "{kind}");
    }
    assert!(observed.inventory.covers(Kind::ClusterRole, None));
    // What bundles withhold.
    assert!(!observed.inventory.covers(Kind::Secret, Some("default")));
    assert!(!observed.inventory.covers(Kind::ConfigMap, Some("default")));
}
