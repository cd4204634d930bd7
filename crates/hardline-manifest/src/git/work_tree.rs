//! What of a work tree Git should be asked about: its index says of most files that they are as known.
//!
//! Git looks at all files one after the other, and then at all folders once more for files that it does
//! not know. One look at each folder, in parallel, tells both; Git then decides about the few that differ.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rayon::prelude::*;

use super::index::{Entry, Index};

/// What a look at a work tree has shown. All paths are below its root.
#[derive(Debug, Default)]
pub(super) struct WorkTree {
    /// The files that Git knows.
    pub(super) known: Vec<PathBuf>,
    /// Those of them that may not be what they were.
    pub(super) suspects: Vec<PathBuf>,
    /// Files and folders that Git does not know, or ignores.
    pub(super) strangers: Vec<PathBuf>,
}

impl WorkTree {
    /// Looks at the work tree of this root and index. `None` where only Git can tell.
    pub(super) fn look(root: &Path, index: &Path) -> Option<Self> {
        let file = fs::metadata(index).ok()?;
        let bytes = fs::read(index).ok()?;
        let index = Index::read(&bytes)?;
        let folders = by_folder(&index.entries);
        let written = (file.mtime(), file.mtime_nsec());
        let looks: Vec<(&&[u8], &Vec<Entry<'_>>)> = folders.iter().collect();
        let seen: Option<Vec<Self>> =
            looks.par_iter().map(|(folder, entries)| look_into(root, folder, entries, &folders, written)).collect();
        let mut tree = Self { known: index.entries.iter().map(|entry| path(entry.path)).collect(), ..Self::default() };
        for folder in seen? {
            tree.suspects.extend(folder.suspects);
            tree.strangers.extend(folder.strangers);
        }
        Some(tree)
    }
}

type Folders<'b> = HashMap<&'b [u8], Vec<Entry<'b>>>;

/// The files that Git knows, by their folder; folders that hold nothing but folders are among them.
fn by_folder<'b>(entries: &[Entry<'b>]) -> Folders<'b> {
    let mut folders = Folders::from([(&b""[..], Vec::new())]);
    for entry in entries {
        let mut folder = parent(entry.path);
        if let Some(known) = folders.get_mut(folder) {
            known.push(*entry);
            continue;
        }
        folders.insert(folder, vec![*entry]);
        while !folder.is_empty() {
            folder = parent(folder);
            folders.entry(folder).or_default();
        }
    }
    folders
}

fn parent(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(&[], |slash| &path[..slash])
}

fn name<'b>(entry: &Entry<'b>) -> &'b [u8] {
    entry.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Looks into one folder. `None` where a folder that Git knows is something else now.
fn look_into(
    root: &Path,
    folder: &[u8],
    entries: &[Entry<'_>],
    folders: &Folders<'_>,
    written: (i64, i64),
) -> Option<WorkTree> {
    let at = Path::new(OsStr::from_bytes(folder));
    let mut seen = WorkTree::default();
    let mut missing: HashMap<&[u8], &Entry<'_>> = entries.iter().map(|entry| (name(entry), entry)).collect();
    let items = match fs::read_dir(root.join(at)) {
        Ok(items) => Some(items),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => return None,
    };
    for item in items.into_iter().flatten() {
        let item = item.ok()?;
        let file_name = item.file_name();
        if let Some(entry) = missing.remove(file_name.as_bytes()) {
            let as_known = || item.metadata().is_ok_and(|file| entry.is_as_known(&file, written));
            if !entry.is_unwatched && !entry.is_submodule() && !as_known() {
                seen.suspects.push(path(entry.path));
            }
            continue;
        }
        let here = at.join(&file_name);
        if folders.contains_key(here.as_os_str().as_bytes()) {
            if !item.file_type().ok()?.is_dir() {
                return None;
            }
        } else if file_name != ".git" {
            seen.strangers.push(here);
        }
    }
    let gone = missing.into_values().filter(|entry| !entry.is_unwatched && !entry.is_submodule());
    seen.suspects.extend(gone.map(|entry| path(entry.path)));
    Some(seen)
}
