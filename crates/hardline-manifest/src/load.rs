//! From what people name on a command line to the resources in it.
//!
//! [`load`] turns files, directories, globs, text in hand, Helm charts and kustomizations into one
//! list of resources. Files are read in parallel; the result does not depend on the order in which
//! they finish.
//!
//! ## Bounds
//! No text longer than [`Options::max_file_size`] is held in memory, whether it comes from a file,
//! a pipe or a renderer. Texts stay in memory as long as the resources read from them, so a run
//! holds about as many bytes as its inputs have, plus their trees.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hardline_core::finding::{Finding, Place};
use hardline_core::report;
use hardline_core::resource::Resource;
use hardline_core::rules::MANIFEST_MALFORMED;
use hardline_core::source::{Source, Span};
use rayon::prelude::*;

use crate::helm;
use crate::kustomize;
use crate::read;
use crate::renderer::RenderError;
use crate::walk::{self, Expanded, Item};

pub use crate::helm::is_chart;
pub use crate::kustomize::file_in as kustomization_in;
pub use crate::walk::is_manifest;

/// Something to read.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file, a directory, a Helm chart, a kustomization, or a glob of these.
    Path(PathBuf),
    /// A file that is known to be in a directory, read as it is when the directory is named.
    Found(PathBuf),
    /// Text in hand, such as standard input.
    Text {
        /// What people call it; `-` is standard input.
        name: String,
        /// The text, not yet known to be UTF-8.
        bytes: Vec<u8>,
    },
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace of objects that name none, as with `kubectl apply --namespace`. Charts are
    /// rendered for it, or for `default`.
    pub namespace: Option<String>,
    /// Files and charts in directories that are not read, by their absolute paths, where `*` stands
    /// for any characters. What is named itself is read all the same.
    pub exclude: Vec<String>,
    /// How charts are rendered.
    pub helm: helm::Options,
    /// The program that builds kustomizations. Without one, `kustomize` and then `kubectl` are
    /// looked for on `PATH`.
    pub kustomize: Option<OsString>,
    /// The longest text to read, in bytes; more than 4 GiB is never read.
    pub max_file_size: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: None,
            exclude: Vec::new(),
            helm: helm::Options::default(),
            kustomize: None,
            max_file_size: 64 << 20,
        }
    }
}

impl Options {
    /// The longest text to read. Positions in a text are 32 bits wide.
    fn limit(&self) -> u64 {
        self.max_file_size.min(u32::MAX.into())
    }
}

/// What the inputs hold.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The resources, in the order of the inputs, those of a directory by path.
    pub resources: Vec<Resource>,
    /// What could not be read.
    pub findings: Vec<Finding>,
    /// Counts.
    pub read: report::Read,
    /// What was left out although it may hold resources, one sentence each.
    pub notices: Vec<String>,
    /// The files of kustomizations: those found in folders, and those that a named one is made from.
    pub kustomizations: Vec<PathBuf>,
}

/// Why nothing can be judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that was named does not exist.
    #[error("{}: no such file or directory", .0.display())]
    Missing(PathBuf),
    /// A glob that matches nothing.
    #[error("{0}: no file matches")]
    NoMatch(String),
    /// A glob that is none.
    #[error("{pattern}: {message}")]
    Glob {
        /// The glob.
        pattern: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The inputs hold nothing that is an object, nor anything that should be one.
    #[error("nothing to judge: {0}")]
    Nothing(String),
    /// A chart that was named cannot be rendered.
    #[error("chart {} cannot be rendered: {error}", path.display())]
    Chart {
        /// The chart.
        path: PathBuf,
        /// Why.
        error: RenderError,
    },
    /// A kustomization that was named cannot be built.
    #[error("kustomization {} cannot be built: {error}", path.display())]
    Kustomization {
        /// Its directory.
        path: PathBuf,
        /// Why.
        error: RenderError,
    },
}

impl Error {
    /// What to do about it, where that is more than the error says.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Chart { error: RenderError::Missing(_), .. } => Some(
                "install Helm, https://helm.sh/docs/intro/install, or render the chart elsewhere and name the output: \
                 `hardline check RENDERED.yaml`",
            ),
            Self::Kustomization { error: RenderError::Missing(_), .. } => Some(
                "install kubectl or kustomize, https://kubectl.docs.kubernetes.io/installation/kustomize, or build \
                 elsewhere and name the output: `hardline check BUILT.yaml`",
            ),
            Self::Nothing(_) => Some("name the file or folder that holds the manifests"),
            Self::Chart { .. } => Some(
                "where it needs options that hardline does not have, render it with Helm and pipe the output: \
                 `helm template .. | hardline check -`",
            ),
            Self::Kustomization { .. } => Some(
                "where it needs options that hardline does not have, build it with Kustomize and pipe the output: \
                 `kustomize build .. | hardline check -`",
            ),
            _ => None,
        }
    }
}

/// Reads the resources of all inputs.
///
/// `progress` is told how many sources are done, from several threads.
///
/// What is found in a directory and cannot be read becomes a finding, and the rest is read all the
/// same. What was named and does not exist, or cannot be rendered, is an error: a mistake on the
/// command line must not pass as a verdict.
pub fn load(inputs: Vec<Input>, options: &Options, progress: &(dyn Fn(usize) + Sync)) -> Result<Loaded, Error> {
    let mut loaded = load_any(inputs, options, progress)?;
    if loaded.resources.is_empty() && loaded.findings.is_empty() {
        if loaded.notices.is_empty() {
            loaded.notices.push("no Kubernetes object in the input".to_owned());
        }
        return Err(Error::Nothing(loaded.notices.join(", ")));
    }
    Ok(loaded)
}

/// Reads as [`load`] does; inputs that hold nothing are no error.
pub fn load_any(inputs: Vec<Input>, options: &Options, progress: &(dyn Fn(usize) + Sync)) -> Result<Loaded, Error> {
    let Expanded { items, skipped, kustomizations } = walk::expand(inputs, &options.exclude)?;
    let done = AtomicUsize::new(0);
    let parts: Vec<Result<Loaded, Error>> = items
        .into_par_iter()
        .map(|item| {
            let part = load_item(item, options);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            part
        })
        .collect();
    let mut loaded = Loaded { kustomizations, ..Loaded::default() };
    loaded.read.skipped = skipped;
    for part in parts {
        loaded.append(part?);
    }
    Ok(loaded)
}

/// The folders, absolute and without links, that a chart or a kustomization is made from. Anything
/// else is made from none.
pub fn made_from(path: &Path) -> Vec<PathBuf> {
    if helm::is_chart(path) { path.canonicalize().into_iter().collect() } else { kustomize::folders(path) }
}

fn load_item(item: Item, options: &Options) -> Result<Loaded, Error> {
    let namespace = options.namespace.as_deref();
    let mut loaded = Loaded::default();
    match item {
        Item::File { path, named } => match read_file(&path, options.limit()) {
            Ok(bytes) => loaded.add_bytes(walk::name(&path), bytes, named, namespace),
            Err(problem) => loaded.malformed(Source::new(walk::name(&path), ""), problem),
        },
        Item::Text { name, bytes } if bytes.len() as u64 > options.limit() => {
            loaded.malformed(Source::new(name, ""), too_long(bytes.len() as u64, options.limit()));
        }
        Item::Text { name, bytes } => loaded.add_bytes(name, bytes, true, namespace),
        Item::Chart { path, named } => {
            if !named && helm::is_library(&path) {
                loaded.read.skipped += 1;
                return Ok(loaded);
            }
            // Without a namespace Helm takes the one of the current context, which differs from
            // machine to machine.
            let namespace = namespace.unwrap_or("default");
            match helm::render(&path, namespace, &options.helm, options.limit()) {
                Ok(sources) => sources.into_iter().for_each(|source| loaded.add_source(source, Some(namespace))),
                Err(error) if named => return Err(Error::Chart { path, error }),
                Err(error) => loaded.notices.push(format!("chart {} skipped: {error}", walk::name(&path))),
            }
        }
        Item::Kustomization { path } => match kustomize::build(&path, options.kustomize.as_ref(), options.limit()) {
            Ok(sources) => sources.into_iter().for_each(|source| loaded.add_source(source, namespace)),
            Err(error) => return Err(Error::Kustomization { path, error }),
        },
        Item::Unreadable { path, problem } => loaded.malformed(Source::new(walk::name(&path), ""), problem),
    }
    Ok(loaded)
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > limit {
        return Err(too_long(length, limit));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // Pipes and what the kernel makes up have no length; of a file, all that there was is enough.
    let most = if length > 0 { length } else { limit + 1 };
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 {
        length if length > limit => Err(too_long(length, limit)),
        _ => Ok(bytes),
    }
}

fn too_long(length: u64, limit: u64) -> String {
    format!("{length} bytes are more than the {limit} that are read of one file")
}

/// The text, or the part of it before the first byte that is none, and what that byte is.
fn decode(bytes: Vec<u8>) -> Result<String, (String, &'static str)> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err((String::new(), "text is UTF-16, not UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let binary = error.as_bytes().contains(&0);
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        (text, if binary { "file is binary" } else { "text is not UTF-8" })
    })?;
    match memchr::memchr(0, text.as_bytes()) {
        Some(at) => Err((text[..at].to_owned(), "file is binary")),
        None => Ok(text),
    }
}

/// Whether a text that nobody named may hold Kubernetes objects. Configuration of other tools is
/// not even parsed, so that their dialects of YAML and JSON are nobody's problem.
fn looks_like_manifest(text: &str) -> bool {
    text.contains("apiVersion") || (text.contains("kind") && text.contains("metadata"))
}

impl Loaded {
    /// Adds what one text holds. Text that was not named is read only when it looks like a manifest.
    fn add_bytes(&mut self, name: String, bytes: Vec<u8>, named: bool, namespace: Option<&str>) {
        match decode(bytes) {
            Ok(text) if named || looks_like_manifest(&text) => self.add_source(Source::new(name, text), namespace),
            Ok(text) => self.read.skipped += usize::from(!text.trim().is_empty()),
            Err((text, problem)) => self.malformed(Source::new(name, text), problem),
        }
    }

    /// Adds what a source holds. Objects that name no namespace are in the given one.
    pub fn add_source(&mut self, source: Source, namespace: Option<&str>) {
        let mut read = read::read(&Arc::new(source));
        let (tests, resources) = std::mem::take(&mut read.resources).into_iter().partition::<Vec<_>, _>(helm::is_test);
        self.resources.extend(in_namespace(resources, namespace));
        self.findings.extend(read.findings);
        self.read.files += 1;
        self.read.documents += read.documents;
        self.read.skipped += read.skipped + tests.len();
    }

    /// Puts another text in the place of one that resources were read from; they are read anew.
    pub fn replace_source(&mut self, old: &Arc<Source>, text: String) {
        let is_old = |source: &Arc<Source>| Arc::ptr_eq(source, old);
        let Some(at) = self.resources.iter().position(|resource| is_old(resource.source())) else { return };
        let namespace = self.resources[at].default_namespace().map(str::to_owned);
        self.resources.retain(|resource| !is_old(resource.source()));
        self.findings.retain(|finding| !matches!(&finding.place, Place::Text { source, .. } if is_old(source)));
        let read = read::read(&Arc::new(Source::new(old.name.clone(), text)));
        let resources = read.resources.into_iter().filter(|resource| !helm::is_test(resource)).collect();
        self.resources.splice(at..at, in_namespace(resources, namespace.as_deref()));
        self.findings.extend(read.findings);
    }

    /// Writes down that a source cannot be read from the end of its text on.
    fn malformed(&mut self, source: Source, problem: impl Into<Arc<str>>) {
        let end = source.text.len() as u32;
        let span = Span::new(end, end);
        self.read.files += 1;
        self.findings.push(Finding::in_text(&MANIFEST_MALFORMED, Arc::new(source), span, problem));
    }

    /// Adds what other inputs hold.
    pub fn append(&mut self, part: Self) {
        self.resources.extend(part.resources);
        self.findings.extend(part.findings);
        self.notices.extend(part.notices);
        self.read.files += part.read.files;
        self.read.documents += part.read.documents;
        self.read.skipped += part.read.skipped;
    }
}

/// The resources, those that name no namespace in the given one.
fn in_namespace(resources: Vec<Resource>, namespace: Option<&str>) -> impl Iterator<Item = Resource> {
    let namespace: Option<Arc<str>> = namespace.map(Into::into);
    resources.into_iter().map(move |resource| resource.with_default_namespace(namespace.clone()))
}
