//! Which files the inputs stand for.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hardline_core::pattern;
use ignore::{DirEntry, WalkBuilder};

use crate::load::{Error, Input};
use crate::{helm, kustomize};

/// One thing to read. `named` unless it was only found in a directory.
#[derive(Debug)]
pub(crate) enum Item {
    /// A file.
    File { path: PathBuf, named: bool },
    /// A Helm chart.
    Chart { path: PathBuf, named: bool },
    /// A directory that was named and is a kustomization.
    Kustomization { path: PathBuf },
    /// Text in hand.
    Text { name: String, bytes: Vec<u8> },
    /// Something in a directory that cannot even be looked at.
    Unreadable { path: PathBuf, problem: String },
}

/// What the inputs stand for.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    /// What to read, in the order of the inputs, each file once.
    pub items: Vec<Item>,
    /// Files that are there for a renderer, not for a cluster.
    pub skipped: usize,
    /// The files of kustomizations: those found in directories, and those that a named one is made from.
    pub kustomizations: Vec<PathBuf>,
}

/// The path as people write it: without a leading `./`.
pub(crate) fn name(path: &Path) -> String {
    let short = path.strip_prefix(".").unwrap_or(path);
    if short.as_os_str().is_empty() { ".".to_owned() } else { short.display().to_string() }
}

/// What the inputs stand for.
pub(crate) fn expand(inputs: Vec<Input>, exclude: &[String]) -> Result<Expanded, Error> {
    let mut walk = Walk { exclude: exclude.to_vec(), ..Walk::default() };
    for input in inputs {
        match input {
            Input::Text { name, bytes } => walk.expanded.items.push(Item::Text { name, bytes }),
            Input::Found(path) => walk.add_listed(&path),
            Input::Path(path) if path.exists() => walk.add_named(path),
            Input::Path(path) => {
                for path in glob(path)? {
                    walk.add_named(path);
                }
            }
        }
    }
    Ok(walk.finish())
}

/// The paths that a glob matches, as a shell would expand it.
fn glob(pattern: PathBuf) -> Result<Vec<PathBuf>, Error> {
    let Some(text) = pattern.to_str().filter(|text| text.contains(['*', '?', '['])) else {
        return Err(Error::Missing(pattern));
    };
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let paths =
        glob::glob_with(text, options).map_err(|error| Error::Glob { pattern: text.to_owned(), message: error.msg })?;
    let paths: Vec<PathBuf> = paths.filter_map(Result::ok).collect();
    if paths.is_empty() {
        return Err(Error::NoMatch(text.to_owned()));
    }
    Ok(paths)
}

#[derive(Default)]
struct Walk {
    expanded: Expanded,
    /// What is not read, by absolute path.
    exclude: Vec<String>,
    /// What is in `expanded`, so that overlapping inputs and links do not double resources.
    seen: HashSet<OsString>,
    /// Directories by the names they were reached under, links resolved.
    real: HashMap<OsString, PathBuf>,
    /// Files that kustomizations found in directories use as patches or settings.
    parts: HashSet<PathBuf>,
    /// Folders whose kustomizations are known, if they have any.
    kustomized: HashSet<PathBuf>,
}

impl Walk {
    fn add_named(&mut self, path: PathBuf) {
        // The file that makes a directory a chart or a kustomization stands for the directory.
        let stands_for_directory = path.ends_with(helm::CHART_FILE) || kustomize::is_kustomization(&path);
        let path = match path.parent() {
            Some(parent) if stands_for_directory && path.is_file() => Path::new(".").join(parent),
            _ => path,
        };
        let is_link = path.is_symlink();
        if helm::is_chart(&path) {
            self.add(Item::Chart { path, named: true }, is_link);
        } else if kustomize::file_in(&path).is_some() {
            for file in kustomize::files(&path) {
                self.add_kustomization(file);
            }
            self.add(Item::Kustomization { path }, is_link);
        } else if path.is_dir() {
            self.add_directory(&path);
        } else {
            self.add(Item::File { path, named: true }, is_link);
        }
    }

    fn add(&mut self, item: Item, is_link: bool) {
        let (Item::File { path, .. } | Item::Chart { path, .. } | Item::Kustomization { path }) = &item else { return };
        let identity = self.identity(path, is_link);
        let is_found = matches!(item, Item::File { named: false, .. } | Item::Chart { named: false, .. });
        if is_found && self.is_excluded(&identity) {
            return;
        }
        if self.seen.insert(identity.into_os_string()) {
            self.expanded.items.push(item);
        }
    }

    /// The manifests below a directory: `.gitignore` holds, hidden files are left out. A chart is one
    /// item, and nothing in it is read as it is.
    ///
    /// As with `kubectl apply --recursive`, links to files are followed and links to directories are
    /// not: they may lead out of the tree, or in a circle.
    fn add_directory(&mut self, directory: &Path) {
        let mut builder = WalkBuilder::new(directory);
        // What one person's global configuration ignores must not change the verdict.
        builder.git_global(false).sort_by_file_name(|one, other| {
            // A folder says first whether it is a chart, so that the file system need not be asked.
            let is_other = |name: &OsStr| name != helm::CHART_FILE;
            (is_other(one), one).cmp(&(is_other(other), other))
        });
        // How deep what a chart holds lies, while the walk is in one.
        let chart = AtomicUsize::new(usize::MAX);
        builder.filter_entry(move |entry| {
            if entry.depth() >= chart.load(Ordering::Relaxed) {
                return false;
            }
            let here = if is_chart_file(entry) { entry.depth() } else { usize::MAX };
            chart.store(here, Ordering::Relaxed);
            true
        });
        if let Ok(real) = directory.canonicalize() {
            self.real.insert(directory.into(), real);
        }
        for entry in builder.build() {
            match entry {
                Ok(entry) => self.add_found(entry),
                Err(error) => self.expanded.items.extend(unreadable(&error, None)),
            }
        }
    }

    fn add_found(&mut self, entry: DirEntry) {
        let Some(file_type) = entry.file_type() else { return };
        let (is_link, is_chart) = (entry.path_is_symlink(), is_chart_file(&entry));
        let path = entry.into_path();
        if file_type.is_dir() {
            self.add_real(&path, is_link);
        } else if let (true, Some(chart)) = (is_chart, path.parent()) {
            self.add(Item::Chart { path: chart.to_owned(), named: false }, false);
        } else if kustomize::is_kustomization(&path) {
            self.expanded.skipped += 1;
            self.add_parts(&path);
            self.add_kustomization(path);
        } else if is_manifest(&path) {
            // Pipes and sockets would wait for somebody to write. A link to nowhere is left to be
            // stumbled over when it is read.
            if file_type.is_file() || path.metadata().ok().is_none_or(|target| target.is_file()) {
                self.add(Item::File { path, named: false }, is_link);
            }
        }
    }

    /// A file of a directory that somebody else went through, or the chart that it belongs to.
    fn add_listed(&mut self, path: &Path) {
        let folders: Vec<&Path> = path.ancestors().collect();
        if let Some(chart) = folders.iter().rev().find(|folder| helm::is_chart(folder)) {
            return self.add(Item::Chart { path: chart.to_path_buf(), named: false }, false);
        }
        for folder in folders.into_iter().skip(1) {
            if self.kustomized.insert(folder.to_owned())
                && let Some(kustomization) = kustomize::file_in(folder)
            {
                self.add_parts(&kustomization);
            }
        }
        if kustomize::is_kustomization(path) {
            self.expanded.skipped += 1;
        } else if is_manifest(path) && path.is_file() {
            self.add(Item::File { path: path.to_owned(), named: false }, path.is_symlink());
        }
    }

    fn add_parts(&mut self, kustomization: &Path) {
        let parts: Vec<PathBuf> =
            kustomize::parts(kustomization).iter().map(|part| self.identity(part, part.is_symlink())).collect();
        self.parts.extend(parts);
    }

    fn add_kustomization(&mut self, file: PathBuf) {
        let identity = self.identity(&file, file.is_symlink());
        if !self.is_excluded(&identity) && self.seen.insert(identity.into_os_string()) {
            self.expanded.kustomizations.push(file);
        }
    }

    fn is_excluded(&self, identity: &Path) -> bool {
        !self.exclude.is_empty() && {
            let full = identity.to_string_lossy();
            self.exclude.iter().any(|pattern| pattern::matches(pattern, &full))
        }
    }

    /// Leaves out the parts of kustomizations, which may lie in other directories than these.
    fn finish(mut self) -> Expanded {
        if self.parts.is_empty() {
            return self.expanded;
        }
        let items = std::mem::take(&mut self.expanded.items);
        for item in items {
            let is_part = match &item {
                Item::File { path, named: false } => {
                    let identity = self.identity(path, path.is_symlink());
                    self.parts.contains(&identity)
                }
                _ => false,
            };
            if is_part {
                self.expanded.skipped += 1;
            } else {
                self.expanded.items.push(item);
            }
        }
        self.expanded
    }

    /// Notes where a directory really is. A walk comes to a directory by the one that holds it, so
    /// that the file system need not be asked again.
    fn add_real(&mut self, directory: &Path, is_link: bool) {
        let holder = directory.parent().and_then(|parent| self.real.get(parent.as_os_str()));
        if let (Some(holder), Some(name), false) = (holder, directory.file_name(), is_link) {
            let real = holder.join(name);
            self.real.insert(directory.into(), real);
        }
    }

    /// The file that a path leads to, as links in its directory and the file itself have it.
    fn identity(&mut self, path: &Path, is_link: bool) -> PathBuf {
        let (Some(parent), Some(file), false) = (path.parent(), path.file_name(), is_link) else {
            return path.canonicalize().unwrap_or_else(|_| path.to_owned());
        };
        if let Some(real) = self.real.get(parent.as_os_str()) {
            return real.join(file);
        }
        let nearest = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let real = nearest.canonicalize().unwrap_or_else(|_| nearest.to_owned());
        let identity = real.join(file);
        self.real.insert(parent.into(), real);
        identity
    }
}

/// Whether an entry is the file that makes its folder a chart.
fn is_chart_file(entry: &DirEntry) -> bool {
    entry.file_name() == helm::CHART_FILE
        && (entry.file_type().is_some_and(|it| it.is_file()) || (entry.path_is_symlink() && entry.path().is_file()))
}

/// Whether a file is read when a folder is: by its name.
pub fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].contains(&extension)
}

/// What a directory holds and cannot be looked at.
fn unreadable(error: &ignore::Error, path: Option<&Path>) -> Option<Item> {
    use ignore::Error::{Io, WithDepth, WithPath};
    match error {
        WithPath { path, err } => unreadable(err, Some(path)),
        WithDepth { err, .. } => unreadable(err, path),
        Io(error) => {
            Some(Item::Unreadable { path: path?.to_owned(), problem: format!("cannot be read: {}", cause(error)) })
        }
        _ => None,
    }
}

/// What lies at the bottom of an error, without the path that its wrappers repeat.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}
