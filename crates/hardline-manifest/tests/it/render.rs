//! Charts and kustomizations, rendered by the real Helm and Kustomize.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hardline_controlplane::tool;
use hardline_core::resource::Resource;
use hardline_core::tree::Value;
use hardline_manifest::load::{Error, Loaded, Options};
use hardline_manifest::{helm, renderer::RenderError};
use serde_json::Value as Json;

use crate::inputs::{config_map, directory, names, try_read};
use crate::support::shared;

fn helm() -> OsString {
    tool("helm").unwrap().into()
}

fn kustomize() -> OsString {
    tool("kustomize").unwrap().into()
}

fn options() -> Options {
    let helm = helm::Options { program: helm(), release: "r".to_owned(), ..helm::Options::default() };
    Options { helm, kustomize: Some(kustomize()), ..Options::default() }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// `file: Kind namespace/name`, with files relative to a fixture.
fn described(loaded: &Loaded, fixture: &Path) -> Vec<String> {
    let describe = |resource: &Resource| {
        let file = Path::new(&resource.source().name).strip_prefix(fixture).unwrap().display();
        format!("{file}: {}", resource.id())
    };
    loaded.resources.iter().map(describe).collect()
}

fn spec<'l>(loaded: &'l Loaded, kind: &str, field: &str) -> Option<&'l str> {
    let resource = loaded.resources.iter().find(|resource| resource.kind_name() == kind).unwrap();
    resource.spec(field).map(Value::raw)
}

#[test]
fn a_chart_gives_the_objects_of_each_template_under_the_name_of_its_file() {
    let chart = fixture("shop");
    let loaded = try_read(&[&chart], &options()).unwrap();
    assert_eq!(
        described(&loaded, &chart),
        [
            "charts/database/templates/database.yaml: StatefulSet default/r-database",
            "crds/orders.yaml: CustomResourceDefinition orders.shop.example",
            "templates/migrate.yaml: Job default/r-migrate",
            "templates/notes.yaml: ConfigMap default/notes",
            "templates/shop.yaml: Service default/r-shop",
            "templates/shop.yaml: Deployment default/r-shop",
        ]
    );
    assert!(loaded.resources.iter().all(|resource| resource.source().rendered));
    assert!(loaded.findings.is_empty() && loaded.notices.is_empty(), "{loaded:?}");
    for resource in &loaded.resources {
        assert!(Path::new(&resource.source().name).is_file(), "{} is no file", resource.source().name);
    }
}

#[test]
fn sources_are_all_that_helm_prints_and_each_object_as_it_prints_it() {
    let chart = fixture("shop");
    let loaded = try_read(&[&chart], &options()).unwrap();
    let printed = Command::new(helm())
        .args(["template", "r", "--include-crds", "--skip-tests", "--namespace", "default"])
        .arg(&chart)
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let mut texts: Vec<&str> = loaded.resources.iter().map(|resource| resource.source().text.as_str()).collect();
    texts.dedup();
    assert_eq!(texts.iter().map(|text| text.len()).sum::<usize>(), printed.len());
    for object in texts.iter().flat_map(|text| text.split("\n---\n")) {
        assert!(printed.contains(object), "Helm does not print\n{object}");
    }
}

#[test]
fn tests_of_charts_are_left_out_also_when_somebody_else_rendered_them() {
    let printed = Command::new(helm()).args(["template", "r"]).arg(fixture("shop")).output().unwrap();
    let printed = directory(&[("rendered.yaml", std::str::from_utf8(&printed.stdout).unwrap())]);
    let loaded = try_read(&[printed.path()], &options()).unwrap();
    assert_eq!(names(&loaded), ["notes", "r-shop", "r-shop", "r-database", "r-migrate"]);
    assert_eq!(loaded.read.skipped, 1);
}

#[test]
fn a_folder_in_a_chart_that_is_named_is_read_as_it_is() {
    let loaded = try_read(&[fixture("shop/crds")], &options()).unwrap();
    assert_eq!(names(&loaded), ["orders.shop.example"]);
    assert!(!loaded.resources[0].source().rendered);
}

#[test]
fn values_release_namespace_and_versions_reach_the_chart() {
    let chart = fixture("shop");
    let mut options = options();
    options.namespace = Some("prod".to_owned());
    options.helm.values = vec![chart.join("values-production.yaml")];
    let loaded = try_read(&[&chart], &options).unwrap();
    assert_eq!(spec(&loaded, "Deployment", "replicas"), Some("5"));
    assert!(!names(&loaded).is_empty() && !described(&loaded, &chart).iter().any(|id| id.contains("ServiceMonitor")));
    assert!(loaded.resources.iter().all(|resource| [None, Some("prod")].contains(&resource.namespace())));

    options.helm.set = vec!["replicas=9".to_owned(), "database.enabled=false".to_owned()];
    options.helm.api_versions = vec!["monitoring.coreos.com/v1".to_owned()];
    let loaded = try_read(&[&chart], &options).unwrap();
    assert_eq!(spec(&loaded, "Deployment", "replicas"), Some("9"));
    assert!(described(&loaded, &chart).contains(&"templates/monitor.yaml: ServiceMonitor prod/r-shop".to_owned()));
    assert!(!described(&loaded, &chart).iter().any(|id| id.contains("StatefulSet")));
}

#[test]
fn a_packed_chart_is_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    let packed = Command::new(helm()).arg("package").arg(fixture("shop")).current_dir(&folder).output().unwrap();
    assert!(packed.status.success());
    let chart = folder.path().join("webshop-1.2.0.tgz");
    let loaded = try_read(&[&chart], &options()).unwrap();
    assert!(described(&loaded, &chart).contains(&"templates/shop.yaml: Deployment default/r-shop".to_owned()));
    assert_eq!(loaded.resources.len(), 6);
}

#[test]
fn charts_found_in_a_directory_are_rendered_and_those_that_cannot_be_are_said() {
    let fixtures = fixture("");
    let loaded = try_read(&[&fixtures], &options()).unwrap();
    assert!(described(&loaded, &fixtures).contains(&"shop/templates/shop.yaml: Deployment default/r-shop".to_owned()));
    assert!(loaded.findings.is_empty(), "no template is read as it is: {:?}", loaded.findings);
    assert_eq!(loaded.notices.len(), 1, "{:?}", loaded.notices);
    let notice = &loaded.notices[0];
    assert!(notice.starts_with(&format!("chart {} skipped: ", fixtures.join("broken-chart").display())), "{notice}");
    assert!(notice.contains("name the secret"), "{notice}");
}

#[test]
fn a_library_chart_renders_to_nothing_and_is_skipped() {
    let folder = directory(&[
        ("a.yaml", &config_map("a")),
        ("lib/Chart.yaml", "apiVersion: v2\nname: lib\ntype: library\nversion: 0.1.0\n"),
        ("lib/templates/_x.yaml", "{{ define \"x\" }}apiVersion: v1{{ end }}"),
    ]);
    let loaded = try_read(&[folder.path()], &options()).unwrap();
    assert_eq!((names(&loaded), loaded.read.skipped, loaded.notices.len()), (vec!["a"], 1, 0));
}

#[test]
fn a_named_chart_that_does_not_render_is_an_error_in_helm_s_words() {
    let error = try_read(&[fixture("broken-chart")], &options()).unwrap_err();
    assert!(matches!(&error, Error::Chart { error: RenderError::Failed(_), .. }), "{error:?}");
    assert!(error.to_string().contains("name the secret"), "{error}");
}

#[test]
fn without_helm_a_named_chart_is_an_error_that_says_what_to_install() {
    let mut options = options();
    options.helm.program = "/nowhere/helm".into();
    let error = try_read(&[fixture("shop")], &options).unwrap_err();
    let expected = format!("chart {} cannot be rendered: /nowhere/helm is not installed", fixture("shop").display());
    assert_eq!(error.to_string(), expected);
    assert!(error.help().unwrap().contains("hardline check RENDERED.yaml"));

    let folder = directory(&[("a.yaml", &config_map("a")), ("chart/Chart.yaml", "name: c\n"), ("chart/x.yaml", "{{")]);
    let loaded = try_read(&[folder.path()], &options).unwrap();
    let expected = format!("chart {}/chart skipped: /nowhere/helm is not installed", folder.path().display());
    assert_eq!((names(&loaded), &loaded.notices, loaded.findings.len()), (vec!["a"], &vec![expected], 0));

    let error = try_read(&[fixture("../fixtures").join("shop/Chart.yaml")], &options).unwrap_err();
    assert!(matches!(error, Error::Chart { .. }), "a chart may also be named by its file: {error}");
}

#[test]
fn no_more_of_a_chart_is_held_than_of_a_file() {
    let options = Options { max_file_size: 100, ..options() };
    let error = try_read(&[fixture("shop")], &options).unwrap_err();
    assert!(matches!(error, Error::Chart { error: RenderError::TooLong(100), .. }), "{error}");
}

#[test]
fn a_kustomization_is_built_and_its_objects_named_by_the_files_they_come_from() {
    let overlay = fixture("overlay");
    for name in ["production", "production/kustomization.yaml"] {
        let loaded = try_read(&[overlay.join(name)], &options()).unwrap();
        let described = described(&loaded, &overlay);
        assert_eq!(
            described[..3],
            [
                "base/shop.yaml: Service shop/shop",
                "base/shop.yaml: Deployment shop/shop",
                "production/kustomization.yaml: ConfigMap shop/settings-6f6ff49c42",
            ]
        );
        assert_eq!(described[3..], ["production/quota.yaml: ResourceQuota shop/quota"]);
        assert_eq!(spec(&loaded, "Deployment", "replicas"), Some("5"), "patches hold");
        assert!(loaded.resources.iter().all(|resource| resource.source().rendered));
    }
}

/// Objects without the annotation that says where they come from, by name.
fn plain(loaded: &Loaded) -> Vec<Json> {
    let mut objects: Vec<Json> = loaded.resources.iter().map(|resource| resource.value().to_json()).collect();
    for object in &mut objects {
        let metadata = object["metadata"].as_object_mut().unwrap();
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.remove("config.kubernetes.io/origin");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    objects.sort_by_key(Json::to_string);
    objects
}

#[test]
fn asking_for_origins_changes_nothing_else() {
    let folders = [
        fixture("overlay/production"),
        shared("fixtures/kube-linter/tests/testdata/mykustomize"),
        shared("fixtures/kube-linter/tests/testdata/mykustomize-deprecated"),
        shared("fixtures/incident/kubetective/oom-after-deploy/manifests"),
        shared("fixtures/kyverno-policies/pod-security"),
        shared("fixtures/network-policy-api/crd/experimental"),
    ];
    for folder in folders {
        let built = Command::new(kustomize()).arg("build").arg(&folder).output().unwrap();
        assert!(built.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&built.stderr));
        let file = directory(&[]);
        let file = file.path().join("built.yaml");
        fs::write(&file, built.stdout).unwrap();
        let expected = plain(&try_read(&[&file], &options()).unwrap());
        let loaded = try_read(&[&folder], &options()).unwrap();
        assert_eq!(plain(&loaded), expected, "{}", folder.display());
        assert!(
            loaded.resources.iter().all(|resource| Path::new(&resource.source().name).is_file()),
            "{}: objects are not named by files",
            folder.display()
        );
    }
}

#[test]
fn kustomizations_found_in_a_directory_are_not_built_but_their_parts_are_left_out() {
    let overlay = fixture("overlay");
    let loaded = try_read(&[&overlay], &options()).unwrap();
    assert_eq!(
        described(&loaded, &overlay),
        [
            "base/shop.yaml: Deployment shop",
            "base/shop.yaml: Service shop",
            "production/quota.yaml: ResourceQuota quota"
        ]
    );
    assert_eq!(loaded.read.skipped, 4, "two kustomizations, a patch and the data of a ConfigMap");
    let loaded = try_read(&[overlay.join("production/replicas.yaml")], &options()).unwrap();
    assert_eq!(names(&loaded), ["shop"], "a patch that is named is read");
}

#[test]
fn a_named_kustomization_that_does_not_build_is_an_error_in_kustomize_s_words() {
    let folder = directory(&[("kustomization.yaml", "resources: [missing.yaml]\n")]);
    let error = try_read(&[folder.path()], &options()).unwrap_err();
    assert!(error.to_string().contains("missing.yaml"), "{error}");
    assert!(error.to_string().starts_with(&format!("kustomization {} cannot be built", folder.path().display())));

    let options = Options { kustomize: Some("/nowhere/kustomize".into()), ..options() };
    let error = try_read(&[folder.path()], &options).unwrap_err();
    assert!(matches!(error, Error::Kustomization { error: RenderError::Missing(_), .. }), "{error}");
    assert!(error.help().unwrap().contains("install kubectl or kustomize"));
}
