//! Helm charts: rendered by Helm itself, one source for each template.
//!
//! What is judged is what `helm install` applies: templates, hooks and `crds/`. Tests are left out,
//! for they run only when somebody says `helm test`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_core::tree::Value;

use crate::document;
use crate::renderer::{self, RenderError};
use crate::walk;

/// How charts are rendered.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program, `helm` by default.
    pub program: OsString,
    /// The name of the release, `release-name` by default as with `helm template`.
    pub release: String,
    /// Files of values, the last one wins.
    pub values: Vec<PathBuf>,
    /// Single values such as `image.tag=1.2`, which win over files.
    pub set: Vec<String>,
    /// The version of Kubernetes that the chart is told, such as `v1.37.0`.
    pub kube_version: Option<String>,
    /// What the chart is told the cluster serves beside Kubernetes' own, such as
    /// `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: "helm".into(),
            release: "release-name".to_owned(),
            values: Vec::new(),
            set: Vec::new(),
            kube_version: None,
            api_versions: Vec::new(),
        }
    }
}

/// The file that makes a directory a chart.
pub(crate) const CHART_FILE: &str = "Chart.yaml";

/// Whether a path is a chart: a directory with a [`CHART_FILE`], or a packed one.
pub fn is_chart(path: &Path) -> bool {
    path.join(CHART_FILE).is_file() || (path.extension().is_some_and(|extension| extension == "tgz") && path.is_file())
}

/// Whether a chart has only definitions for other charts and renders to nothing by itself.
pub(crate) fn is_library(chart: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(chart.join(CHART_FILE)) else { return false };
    let documents = document::parse(&Arc::new(Source::new(CHART_FILE, text)));
    let library = |root: Value<'_>| root.get("type").and_then(Value::str) == Some("library");
    documents.tree.roots().any(library)
}

/// Whether an object is a test of a chart: `helm.sh/hook: test`, or `test-success` as it once was.
pub(crate) fn is_test(resource: &Resource) -> bool {
    resource.annotation("helm.sh/hook").is_some_and(|hooks| {
        hooks.split(',').all(|hook| ["test", "test-success", "test-failure"].contains(&hook.trim()))
    })
}

/// What a chart renders to: one source for each template, named by the template's file. Its text is
/// what `helm template` prints of that template, object after object.
pub(crate) fn render(chart: &Path, namespace: &str, options: &Options, limit: u64) -> Result<Vec<Source>, RenderError> {
    let mut command = Command::new(&options.program);
    command.args(["template", "--include-crds", "--namespace", namespace]);
    for file in &options.values {
        command.arg("--values").arg(file);
    }
    for value in &options.set {
        command.arg("--set").arg(value);
    }
    if let Some(version) = &options.kube_version {
        command.arg("--kube-version").arg(version);
    }
    for version in &options.api_versions {
        command.arg("--api-versions").arg(version);
    }
    command.arg("--").arg(&options.release).arg(chart);
    let rendered = renderer::run(&mut command, limit)?;
    let sources = split(&rendered).into_iter().map(|(template, text)| {
        // Helm names templates by the chart's name, people by the directory that holds it.
        let inner = template.split_once('/').map_or(template, |(_, inner)| inner);
        Source::rendered(walk::name(&chart.join(inner)), text)
    });
    Ok(sources.collect())
}

/// The line that begins every object that Helm prints.
const MARK: &str = "---\n# Source: ";

/// The templates, as Helm names them, and what each renders to.
fn split(rendered: &str) -> BTreeMap<&str, String> {
    let mut templates: BTreeMap<&str, String> = BTreeMap::new();
    let starts: Vec<usize> = rendered
        .match_indices(MARK)
        .map(|(at, _)| at)
        .filter(|&at| at == 0 || rendered.as_bytes()[at - 1] == b'\n')
        .collect();
    let ends = starts.iter().skip(1).copied().chain([rendered.len()]);
    for (&start, end) in starts.iter().zip(ends) {
        let object = &rendered[start..end];
        let template = object[MARK.len()..].lines().next().unwrap_or_default();
        templates.entry(template).or_default().push_str(object);
    }
    templates
}
