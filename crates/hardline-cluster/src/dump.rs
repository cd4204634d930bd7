//! Reads what somebody has saved of a cluster.
//!
//! - The output of `kubectl get -o yaml` or `-o json`, one file or many.
//! - The folder of `kubectl cluster-info dump`, of `oc adm must-gather`, or of a support bundle of
//!   troubleshoot.sh; packed as `.tar` or `.tar.gz` as well.
//!
//! Every YAML and JSON file is read for what it holds, not for where it lies, so that other layouts
//! work too. Nothing is ever unpacked to disk, and everything is read within [`Limits`].
//!
//! ## What a dump covers
//! A list of the API, such as a `PodList`, has all objects of its kind in the namespace that its file
//! or folder is named after, or else in the namespaces of its members. The `List` that `kubectl get`
//! makes of several kinds has all objects of the kinds that are in it; a kind that is not in it was
//! not asked for. Labels and fields that a dump was selected by leave no trace: such a dump claims
//! too much.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use hardline_core::inventory::Coverage;
use hardline_core::resource::Kind;
use hardline_core::source::Source;
use hardline_manifest::document;
use serde_json::value::{RawValue, to_raw_value};

use crate::kinds::{OBSERVED, ObservedKind};
use crate::lean::{Entries, Lean, items};
use crate::observed::{Gap, Observed, Scope};
use crate::store::Store;

/// Bounds on what is read, so that a dump from anywhere is safe to read.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest file, in bytes. Longer ones are gaps.
    pub file: u64,
    /// All that is read or unpacked, in bytes.
    pub total: u64,
    /// How many files and folders are looked at.
    pub entries: usize,
    /// How deep folders may nest.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 1 << 30, total: 16 << 30, entries: 1_000_000, depth: 32 }
    }
}

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or not permitted.
    #[error("cannot read `{}`: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        error: io::Error,
    },
    /// An archive is no archive, or is cut short.
    #[error("the archive cannot be read: {0}")]
    Archive(io::Error),
    /// It is larger than [`Limits`] allow.
    #[error("the dump has more than {0}")]
    TooLarge(String),
    /// There is no object in it that hardline knows.
    #[error("no Kubernetes object in the dump")]
    Nothing,
}

/// Reads a dump, and leaves out what another resource stands for, such as the pods of a deployment.
/// `progress` is told how many objects are read.
pub fn read(path: &Path, limits: &Limits, progress: &dyn Fn(usize)) -> Result<Observed, Error> {
    Reading::new(limits, true, progress).path(path)
}

/// Reads a dump with every pod in it.
pub fn read_all(path: &Path, limits: &Limits, progress: &dyn Fn(usize)) -> Result<Observed, Error> {
    Reading::new(limits, false, progress).path(path)
}

/// Reads a dump that is a packed folder, from any reader.
pub fn read_archive(archive: impl Read, limits: &Limits) -> Result<Observed, Error> {
    let mut reading = Reading::new(limits, true, &|_| {});
    reading.archive(archive)?;
    reading.finish()
}

/// Reads a dump that is texts in hand, each with its name.
pub fn read_texts<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Observed, Error> {
    let limits = Limits::default();
    let mut reading = Reading::new(&limits, true, &|_| {});
    for (name, text) in texts {
        reading.text(name, text);
    }
    reading.finish()
}

/// What is read so far.
struct Reading<'r> {
    limits: &'r Limits,
    progress: &'r dyn Fn(usize),
    store: Store,
    /// Bytes and entries that are left.
    bytes: u64,
    entries: usize,
    lists: Vec<List>,
    namespaces: BTreeSet<Box<str>>,
}

/// A list, and what it claims to hold completely.
struct List {
    name: String,
    /// The kinds, each with the namespaces of its members.
    kinds: HashMap<usize, BTreeSet<Box<str>>>,
    /// It is of several kinds, as `kubectl get` makes it.
    mixed: bool,
}

impl<'r> Reading<'r> {
    fn new(limits: &'r Limits, grouped: bool, progress: &'r dyn Fn(usize)) -> Self {
        Self {
            limits,
            progress,
            store: Store::new(Scope::Everything, grouped),
            bytes: limits.total,
            entries: limits.entries,
            lists: Vec::new(),
            namespaces: BTreeSet::new(),
        }
    }

    /// Reads a file, an archive or a folder.
    fn path(mut self, path: &Path) -> Result<Observed, Error> {
        let io = |error| Error::Io { path: path.to_owned(), error };
        let is_folder = fs::metadata(path).map_err(io)?.is_dir();
        if is_folder {
            self.folder(path)?;
        } else {
            let file = File::open(path).map_err(io)?;
            let name = path.to_string_lossy();
            if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
                self.archive(MultiGzDecoder::new(io::BufReader::new(file)))?;
            } else if name.ends_with(".tar") {
                self.archive(io::BufReader::new(file))?;
            } else {
                self.file(&name, file)?;
            }
        }
        self.finish()
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.entries = self.entries.checked_sub(1).ok_or_else(|| self.too_many())?;
        Ok(())
    }

    fn too_many(&self) -> Error {
        Error::TooLarge(format!("{} files", self.limits.entries))
    }

    /// Reads the files below a folder, in the order of their names. Links are not followed.
    fn folder(&mut self, root: &Path) -> Result<(), Error> {
        let mut left = vec![(root.to_owned(), 0)];
        while let Some((path, depth)) = left.pop() {
            let io = |error| Error::Io { path: path.clone(), error };
            let kind = fs::symlink_metadata(&path).map_err(io)?.file_type();
            self.enter()?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if path == root || kind.is_dir() {
                if depth > self.limits.depth {
                    self.lacks(&name, format!("folders nest deeper than {}", self.limits.depth));
                    continue;
                }
                let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(io)?;
                let mut below: Vec<_> = entries.into_iter().map(|entry| (entry.path(), depth + 1)).collect();
                below.sort();
                left.extend(below.into_iter().rev());
            } else if kind.is_file() && is_text(&name) {
                self.file(&name, File::open(&path).map_err(io)?)?;
            }
        }
        Ok(())
    }

    /// Reads the files of an archive. Their names say what they are, never where to write.
    fn archive(&mut self, archive: impl Read) -> Result<(), Error> {
        let limit = self.limits.total;
        // What is skipped is unpacked as well.
        let mut archive = tar::Archive::new(Bounded { reader: archive, left: limit });
        for entry in archive.entries().map_err(|error| self.archive_error(error))? {
            let mut entry = entry.map_err(|error| self.archive_error(error))?;
            self.enter()?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if entry.header().entry_type().is_file() && is_text(&name) {
                let bytes = self.bounded(&name, &mut entry).map_err(|error| self.archive_error(error))?;
                self.bytes(&name, bytes)?;
            }
        }
        Ok(())
    }

    fn archive_error(&self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::FileTooLarge { self.too_long() } else { Error::Archive(error) }
    }

    fn too_long(&self) -> Error {
        Error::TooLarge(format!("{} bytes", self.limits.total))
    }

    fn file(&mut self, name: &str, file: impl Read) -> Result<(), Error> {
        match self.bounded(name, file) {
            Ok(bytes) => self.bytes(name, bytes)?,
            Err(error) => self.lacks(name, error.to_string()),
        }
        Ok(())
    }

    /// The bytes of a file, unless it is too long, which is a gap.
    fn bounded(&mut self, name: &str, file: impl Read) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        // One byte more than is read shows that there are too many.
        file.take(self.limits.file.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.limits.file {
            self.lacks(name, format!("it has more than {} bytes", self.limits.file));
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    fn bytes(&mut self, name: &str, bytes: Option<Vec<u8>>) -> Result<(), Error> {
        let Some(bytes) = bytes else { return Ok(()) };
        self.bytes = self.bytes.checked_sub(bytes.len() as u64).ok_or_else(|| self.too_long())?;
        match String::from_utf8(bytes) {
            Ok(text) => self.text(name, &text),
            Err(_) => self.lacks(name, "it is not UTF-8"),
        }
        Ok(())
    }

    fn lacks(&mut self, name: &str, why: impl Into<String>) {
        self.store.lacks_also(Gap { what: name.to_owned(), why: why.into() });
    }

    fn text(&mut self, name: &str, text: &str) {
        let start = text.trim_start();
        if start.starts_with(['{', '[']) {
            for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
                match value {
                    Ok(value) => self.document(name, value),
                    Err(error) => return self.lacks(name, format!("it is cut short or no JSON: {error}")),
                }
            }
        } else {
            let source = Arc::new(Source::new(name, text));
            let documents = document::parse(&source);
            if let Some(problem) = documents.problems.first() {
                let line = source.position(problem.span.start).line;
                self.lacks(name, format!("line {line}: {}", problem.message));
            }
            for root in documents.tree.roots() {
                if let Ok(value) = to_raw_value(&root.to_json()) {
                    self.document(name, &value);
                }
            }
        }
        (self.progress)(self.store.len());
    }

    /// Takes in an object, a list of the API, or a bare list of objects.
    fn document(&mut self, name: &str, value: &RawValue) {
        let Some(entries) = Entries::of(value) else {
            return items(value).into_iter().for_each(|item| _ = self.object(item, None));
        };
        let kind = entries.text("kind").unwrap_or_default();
        let (Some(of), Some(members)) = (kind.strip_suffix("List"), entries.get("items")) else {
            self.object(value, None);
            return;
        };
        let api_version = entries.text("apiVersion").unwrap_or_default();
        let implied = find(&api_version, of);
        let mut list = List { name: name.to_owned(), kinds: HashMap::new(), mixed: of.is_empty() };
        list.kinds.extend(implied.map(|kind| (kind, BTreeSet::new())));
        for member in items(members) {
            if let Some((kind, namespace)) = self.object(member, implied) {
                list.kinds.entry(kind).or_default().insert(namespace);
            }
        }
        let rest = entries.get("metadata").and_then(Entries::of).and_then(|metadata| metadata.text("continue"));
        if rest.is_some_and(|token| !token.is_empty()) {
            self.lacks(name, "it is the first page of a longer list");
        } else {
            self.lists.push(list);
        }
    }

    /// Takes in an object of a kind that hardline knows. Members of typed lists go without theirs.
    fn object(&mut self, value: &RawValue, implied: Option<usize>) -> Option<(usize, Box<str>)> {
        let entries = Entries::of(value)?;
        let kind = match (entries.text("apiVersion"), entries.text("kind")) {
            (Some(api_version), Some(kind)) => find(&api_version, &kind)?,
            _ => implied?,
        };
        let observed = &OBSERVED[kind];
        let api_version = match observed.group {
            "" => observed.version.to_owned(),
            group => format!("{group}/{}", observed.version),
        };
        let lean = Lean::of(value, observed, &api_version);
        if lean.name.is_empty() {
            return None;
        }
        let namespace = lean.namespace.clone();
        let names = if observed.kind() == Kind::Namespace { &lean.name } else { &namespace };
        if !names.is_empty() {
            self.namespaces.insert(names.clone());
        }
        self.store.apply(kind, lean);
        Some((kind, namespace))
    }

    fn finish(mut self) -> Result<Observed, Error> {
        if self.store.is_empty() {
            return Err(Error::Nothing);
        }
        let mut coverage = Coverage::nothing();
        for list in &self.lists {
            for (&kind, members) in &list.kinds {
                self.cover(list, &OBSERVED[kind], members, &mut coverage);
            }
        }
        Ok(self.store.snapshot_covering(coverage))
    }

    fn cover(&self, list: &List, observed: &ObservedKind, members: &BTreeSet<Box<str>>, coverage: &mut Coverage) {
        let kind = observed.kind();
        if kind == Kind::Other {
            return;
        }
        if !observed.namespaced {
            return coverage.add_kind_everywhere(kind);
        }
        let parts = list.name.rsplit('/').map(|part| part.rsplit_once('.').map_or(part, |(stem, _)| stem));
        let named = parts.into_iter().find(|&part| self.namespaces.contains(part)).filter(|_| !list.mixed);
        match named {
            Some(namespace) => coverage.add_kind(kind, Some(namespace)),
            // Several kinds at once are asked for in the same namespaces.
            None if list.mixed => {
                let all = list.kinds.values().flatten();
                all.for_each(|namespace| coverage.add_kind(kind, Some(namespace)));
            }
            None => members.iter().for_each(|namespace| coverage.add_kind(kind, Some(namespace))),
        }
    }
}

/// The place of a kind in [`OBSERVED`].
fn find(api_version: &str, kind: &str) -> Option<usize> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    OBSERVED.iter().position(|observed| observed.group == group && observed.name == kind)
}

fn is_text(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    ["json", "yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// A reader that fails once too much was read: an archive may unpack to a million times its size.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
