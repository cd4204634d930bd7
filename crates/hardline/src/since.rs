//! `--since REV`: only what changed in Git.
//!
//! A resource has changed when no resource of the files that changed had its value before: moving it,
//! or writing it otherwise, changes nothing. What is rendered has changed when anything did that it
//! is made from.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use hardline_core::finding::{Finding, Place};
use hardline_core::inventory::Inventory;
use hardline_core::resource::Resource;
use hardline_core::rules::EXEMPTION_UNUSED;
use hardline_core::source::{Source, Span};
use hardline_core::verdict::Judgement;
use hardline_manifest::git::{Changes, Error};
use hardline_manifest::load::{Input, is_manifest, made_from};
use hardline_manifest::read;

use crate::terminal;

/// With so many manifests or fewer, all are read: rules that need the others see them.
const FEW: usize = 2_000;

/// What is not what it was.
#[derive(Debug)]
pub(crate) struct Since {
    changes: Changes,
    /// Whether nothing is read but what changed, and what lies beside it.
    pub(crate) in_part: bool,
    /// The values of the resources that the changed files held.
    values: HashSet<String>,
    /// What was wrong with their text: rule and text.
    mistakes: HashSet<(&'static str, String)>,
    /// Whether named kustomizations, and whatever values of charts are in files, have changed.
    rendered: bool,
}

impl Since {
    /// Compares with a revision. `values` are files that charts are rendered with; with `all`, all is
    /// read, however much there is.
    pub(crate) fn new(
        revision: &str,
        paths: &[PathBuf],
        values: &[PathBuf],
        all: bool,
        limit: u64,
    ) -> anyhow::Result<Self> {
        let Some(folder) = paths.first().filter(|_| !paths.iter().any(|path| path == Path::new("-"))) else {
            bail!("`--since` compares files: standard input has no history");
        };
        let folder = if folder.is_dir() { folder } else { folder.parent().unwrap_or(folder) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let changes = Changes::since(folder, revision).map_err(with_help)?;
        let mut since = Self {
            in_part: !all && changes.files().iter().filter(|file| is_manifest(file)).count() > FEW,
            values: HashSet::new(),
            mistakes: HashSet::new(),
            rendered: values.iter().any(|file| changes.contains(&real(file)))
                || paths.iter().flat_map(|path| made_from(path)).any(|folder| changes.touches(&folder)),
            changes,
        };
        for source in since.changes.before(is_manifest, limit).map_err(with_help)? {
            let read = read::read(&Arc::new(source));
            since.values.extend(read.resources.iter().map(value));
            since.mistakes.extend(read.findings.iter().filter_map(mistake));
        }
        Ok(since)
    }

    /// What to read of these paths: of folders, where there is much, what changed and what lies beside it.
    pub(crate) fn inputs(&self, paths: &[PathBuf]) -> Vec<Input> {
        let changed: HashSet<&Path> = self.changes.changed().collect();
        let beside: HashSet<&Path> = changed.iter().filter_map(|file| file.parent()).collect();
        let mut inputs = Vec::new();
        for path in paths {
            if !self.in_part || !path.is_dir() || !made_from(path).is_empty() {
                inputs.push(Input::Path(path.clone()));
                continue;
            }
            let folder = real(path);
            let files = self.changes.files().iter().map(PathBuf::as_path);
            let neighbours =
                files.filter(|file| is_manifest(file) && file.parent().is_some_and(|it| beside.contains(it)));
            let mut found: Vec<&Path> = neighbours.chain(changed.iter().copied()).collect();
            found.sort_unstable();
            found.dedup();
            let below = found.into_iter().filter_map(|file| file.strip_prefix(&folder).ok());
            let visible = below.filter(|file| !file.components().any(is_hidden));
            inputs.extend(visible.map(|file| Input::Found(path.join(file))));
        }
        inputs
    }

    /// Leaves what a judgement says about what changed, and counts the resources that did.
    pub(crate) fn keep(&self, judgement: &mut Judgement, inventory: &Inventory) -> usize {
        let judged: HashSet<&str> = inventory.resources().map(|resource| resource.source().name.as_str()).collect();
        let mut sources = HashMap::new();
        let resources: Vec<bool> =
            inventory.resources().map(|resource| self.has_changed(resource, &mut sources)).collect();
        let mut stays = |finding: &Finding| match &finding.place {
            Place::Field { resource, .. } => resources.get(*resource as usize).is_some_and(|&changed| changed),
            // Whether an exemption of hardline.yaml is used shows where all is read.
            Place::Text { source, .. } if self.in_part && !judged.contains(&*source.name) && is_unused(finding) => {
                false
            }
            Place::Text { source, .. } => {
                self.source_has_changed(source, &mut sources)
                    && !mistake(finding).is_some_and(|mistake| self.mistakes.contains(&mistake))
            }
        };
        judgement.findings.retain(|judged| stays(&judged.finding));
        judgement.exempted.retain(|exempted| stays(&exempted.finding));
        resources.into_iter().filter(|&changed| changed).count()
    }

    /// Says what is reported on.
    pub(crate) fn tell(&self, changed: usize, read: usize, revision: &str) {
        let base = self.changes.base.get(..10).unwrap_or(&self.changes.base);
        let are = if changed == 1 { "has" } else { "have" };
        let part = if self.in_part { "; what lies elsewhere is not read" } else { "" };
        terminal::notice(&format!("{changed} of {read} resources {are} changed since {revision} ({base}){part}"));
    }

    fn has_changed(&self, resource: &Resource, sources: &mut HashMap<String, bool>) -> bool {
        let source = resource.source();
        self.source_has_changed(source, sources) && (source.rendered || !self.values.contains(&value(resource)))
    }

    fn source_has_changed(&self, source: &Source, known: &mut HashMap<String, bool>) -> bool {
        if let Some(&changed) = known.get(&source.name) {
            return changed;
        }
        let file = Path::new(&source.name);
        let changed = if source.rendered {
            self.rendered || outermost(file).is_some_and(|folder| self.changes.touches(&folder))
        } else {
            self.changes.contains(&real(file))
        };
        known.insert(source.name.clone(), changed);
        changed
    }
}

fn is_unused(finding: &Finding) -> bool {
    finding.rule.id == EXEMPTION_UNUSED.id
}

/// The outermost chart or kustomization that a file is in.
fn outermost(file: &Path) -> Option<PathBuf> {
    file.ancestors().filter_map(|folder| made_from(folder).into_iter().next()).last()
}

/// What a resource says, however it is written.
fn value(resource: &Resource) -> String {
    resource.value().to_json().to_string()
}

/// What a finding in text is about, wherever that stands.
fn mistake(finding: &Finding) -> Option<(&'static str, String)> {
    match &finding.place {
        Place::Text { source, span: Span { start, end } } => {
            let text = if start == end {
                source.line(source.position(*start).line).0.into_owned()
            } else {
                source.slice(Span::new(*start, *end)).to_owned()
            };
            Some((finding.rule.id, text))
        }
        Place::Field { .. } => None,
    }
}

/// The absolute path without links; of what is gone, as far as it goes.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn is_hidden(component: Component<'_>) -> bool {
    component.as_os_str().as_encoded_bytes().starts_with(b".")
}

/// The error and, on a line of its own, what to do about it.
fn with_help(error: Error) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    }
}
