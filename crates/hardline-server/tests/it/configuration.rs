//! Another configuration, while the server runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardline_core::config::Config;
use hardline_core::rule::Rule;
use hardline_server::admission::Admission;
use hardline_server::auditor::Auditor;
use hardline_server::clock::date;
use hardline_server::configuration::File;
use hardline_server::metrics::Metrics;
use hardline_server::snapshot::Snapshot;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{NOW, cluster, object, observed, options, request, review};

const PRIVILEGED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
    - {name: web, image: registry.example.com/web:1.4, securityContext: {privileged: true}}
";

/// Ignores the rules that the text names, one a line.
fn parse(text: &str) -> Result<Config, String> {
    let find = |id: &str| Rule::find(id).ok_or_else(|| format!("no rule is called `{id}`"));
    let ignore = text.lines().map(find).collect::<Result<_, _>>()?;
    Ok(Config { ignore, ..Config::new(date(NOW)) })
}

/// Puts a text where the kubelet puts that of a `ConfigMap`: in a folder of its own, which a link is moved to.
fn mount(volume: &Path, version: usize, text: &str) {
    let folder = volume.join(format!("..{version}"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("hardline.yaml"), text).unwrap();
    symlink(&folder, volume.join("..next")).unwrap();
    fs::rename(volume.join("..next"), volume.join("..data")).unwrap();
    if version == 0 {
        symlink("..data/hardline.yaml", volume.join("hardline.yaml")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_file_is_read_again_and_everybody_judges_by_it() {
    let volume = tempfile::tempdir().unwrap();
    mount(volume.path(), 0, "");
    let path = volume.path().join("hardline.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let file = File { config: parse(&text).unwrap(), read: Some((path, text)), parse: Box::new(parse) };
    let (configuration, follower) = file.open();
    let metrics = Arc::new(Metrics::default());
    let following = tokio::spawn(follower.run(Duration::from_millis(5), metrics.clone()));

    let holds = || cluster(PRIVILEGED);
    let admission = Admission::new(options(), configuration.clone(), observed(holds()));
    let request = review(&request("CREATE", &object(PRIVILEGED), &Json::Null));
    let id = "container-privileged";
    let is_refused = || admission.decide(&request, NOW).findings.iter().any(|judged| judged.finding.rule.id == id);
    let (publish, mut snapshots) = watch::channel(None);
    let auditor = Auditor::new("test", configuration.clone(), None, || NOW);
    let observed = observed(holds()).borrow().clone();
    let (_cluster, observed) = watch::channel(observed);
    let auditing = tokio::spawn(auditor.run(observed, publish));
    let mut until_found = async |found: bool| {
        let is = |snapshot: &Option<Arc<Snapshot>>| {
            let findings = snapshot.iter().flat_map(|snapshot| &snapshot.report.findings);
            snapshot.is_some() && findings.into_iter().any(|finding| finding.rule.id == id) == found
        };
        timeout(Duration::from_secs(30), snapshots.wait_for(is)).await.unwrap().unwrap();
    };
    until_found(true).await;
    assert!(is_refused());

    // What cannot be read changes nothing, and is told.
    mount(volume.path(), 1, "no-such-rule");
    let says = |value: &str| {
        let text = metrics.text();
        text.lines().any(|line| line == format!("hardline_configuration_last_reload_successful {value}"))
    };
    let told = async {
        while !says("0") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), told).await.unwrap();
    assert!(is_refused());

    mount(volume.path(), 2, id);
    until_found(false).await;
    assert!(!is_refused() && says("1"));
    mount(volume.path(), 3, "");
    until_found(true).await;
    assert!(is_refused());
    following.abort();
    auditing.abort();
}
