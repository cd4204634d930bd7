//! A large corpus for benchmarks: real manifests, repeated under other namespaces.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::{Source, Span};
use hardline_core::tree::Value;
use hardline_core::workload::Workload;

/// One file of the corpus, and where its names are.
struct Template {
    name: String,
    source: Arc<Source>,
    workloads: usize,
    /// Insertions, by offset: `{}` stands for the replica's number.
    edits: Vec<(u32, String)>,
}

/// Writes at least this many workloads below `out`.
pub(crate) fn write(workloads: usize, out: &Path, from: &Path) -> anyhow::Result<()> {
    let templates = templates(from)?;
    let per_replica: usize = templates.iter().map(|template| template.workloads).sum();
    ensure!(per_replica > 0, "{} holds no workloads", from.display());
    let (mut written, mut files, mut bytes) = (0, 0, 0);
    for replica in 0.. {
        for template in &templates {
            if written >= workloads {
                println!("wrote {files} files, {written} workloads, {bytes} bytes to {}", out.display());
                return Ok(());
            }
            let path = out.join(format!("{replica:03}")).join(&template.name);
            let text = template.fill(replica);
            fs::create_dir_all(path.parent().expect("files lie in folders"))?;
            fs::write(&path, &text).with_context(|| format!("writing {}", path.display()))?;
            written += template.workloads;
            files += 1;
            bytes += text.len();
        }
    }
    Ok(())
}

/// The files of a folder that hold Kubernetes objects other than custom resource definitions,
/// which would outweigh everything else.
fn templates(from: &Path) -> anyhow::Result<Vec<Template>> {
    let mut templates = Vec::new();
    for entry in ignore::WalkBuilder::new(from).sort_by_file_path(Ord::cmp).build() {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let path = entry.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let Some(text) = yaml.then(|| fs::read_to_string(path).ok()).flatten() else { continue };
        let name = path.strip_prefix(from)?.display().to_string();
        let source = Arc::new(Source::new(name.clone(), text));
        let read = hardline_manifest::read::read(&source);
        let crd = read.resources.iter().any(|resource| resource.kind() == Kind::CustomResourceDefinition);
        if read.resources.is_empty() || !read.findings.is_empty() || crd {
            continue;
        }
        let mut edits: Vec<_> = read.resources.iter().filter_map(edit).collect();
        edits.sort();
        let workloads = read.resources.iter().filter_map(Workload::of).count();
        templates.push(Template { name, source, workloads, edits });
    }
    Ok(templates)
}

/// The insertion that moves a resource into a replica's namespace.
fn edit(resource: &Resource) -> Option<(u32, String)> {
    let metadata = resource.value().get("metadata")?;
    let end = |value: Value<'_>| {
        let span = value.span();
        let quoted = resource.source().slice(Span::new(span.start, span.start + 1)).starts_with(['"', '\'']);
        span.end - u32::from(quoted)
    };
    let renamed = if resource.kind().is_namespaced() { metadata.get("namespace") } else { metadata.get("name") };
    if let Some(value) = renamed {
        return Some((end(value), "-r{}".to_owned()));
    }
    if metadata.is_flow() || !resource.kind().is_namespaced() {
        return None;
    }
    let first = metadata.entries().next()?.key.span().start;
    let indent = resource.source().position(first).column as usize - 1;
    Some((first, format!("namespace: default-r{{}}\n{}", " ".repeat(indent))))
}

impl Template {
    fn fill(&self, replica: usize) -> String {
        let text = &self.source.text;
        let mut filled = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (offset, insertion) in &self.edits {
            filled.push_str(&text[at..*offset as usize]);
            filled.push_str(&insertion.replace("{}", &replica.to_string()));
            at = *offset as usize;
        }
        filled.push_str(&text[at..]);
        filled
    }
}
