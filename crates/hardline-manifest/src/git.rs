//! What changed in a Git repository since a revision, asked of the `git` program.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use hardline_core::source::Source;

/// The files of a work tree, and those of them that are not what they were.
#[derive(Debug)]
pub struct Changes {
    /// The commit that the files are compared with.
    pub base: String,
    root: PathBuf,
    /// Every file of the work tree that Git does not ignore, by absolute path.
    files: Vec<PathBuf>,
    /// What differs, by absolute path, with the object that holds its text at the base. Files that
    /// are gone are among them; new ones have no object.
    changed: BTreeMap<PathBuf, Option<String>>,
}

/// Why it cannot be told what changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no `git`.
    #[error("`git` is not installed")]
    Missing,
    /// The folder is in no repository, or Git refuses to look into it.
    #[error("{} is not in a Git repository: {reason}", folder.display())]
    NoRepository {
        /// The folder.
        folder: PathBuf,
        /// What Git says.
        reason: String,
    },
    /// There is no such commit.
    #[error("`{0}` is no commit of this repository")]
    NoCommit(String),
    /// The histories do not meet in what was cloned.
    #[error("`{0}` and this checkout have no commit in common, as far as this shallow clone goes")]
    Shallow(String),
    /// The histories do not meet.
    #[error("`{0}` and this checkout have no commit in common")]
    Unrelated(String),
    /// Git says why itself.
    #[error("git {command} failed: {reason}")]
    Failed {
        /// What was asked.
        command: &'static str,
        /// The answer.
        reason: String,
    },
}

impl Error {
    /// What to do about it, where that is more than the error says.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Shallow(_) => Some("fetch more of the history: `git fetch --unshallow`, or `fetch-depth: 0` in CI"),
            Self::NoCommit(_) => Some("fetch it first, as in `git fetch origin main`, and name it `origin/main`"),
            _ => None,
        }
    }
}

impl Changes {
    /// Compares the work tree that a folder is in, uncommitted and untracked files included, with
    /// the last commit that it shares with a revision.
    pub fn since(folder: &Path, revision: &str) -> Result<Self, Error> {
        // Git looks at every folder of the work tree for this: it begins first, and ends last.
        let list = ["-z", "-t", "--cached", "--others", "--exclude-standard", "--full-name", "--", ":/"];
        let (changes, list) = thread::scope(|scope| {
            let list = scope.spawn(|| git(folder, "ls-files", &list));
            (Self::compare(folder, revision), list.join())
        });
        let mut changes = changes?;
        changes.add_files(&list.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok(changes)
    }

    /// Compares the files that Git knows.
    fn compare(folder: &Path, revision: &str) -> Result<Self, Error> {
        let top = git(folder, "rev-parse", &["--show-toplevel"]).map_err(|error| match error {
            Error::Failed { reason, .. } => Error::NoRepository { folder: folder.to_owned(), reason },
            other => other,
        })?;
        let root = path(top.strip_suffix(b"\n").unwrap_or(&top));
        let commit = format!("{revision}^{{commit}}");
        let commit = git(&root, "rev-parse", &["--verify", "--quiet", "--end-of-options", &commit]);
        let commit = text(&commit.map_err(|error| match error {
            Error::Failed { .. } => Error::NoCommit(revision.to_owned()),
            other => other,
        })?);
        let base = match git(&root, "merge-base", &[&commit, "HEAD"]) {
            Ok(base) => text(&base),
            Err(Error::Failed { reason, .. }) if reason.is_empty() => {
                let shallow = text(&git(&root, "rev-parse", &["--is-shallow-repository"])?) == "true";
                let error = if shallow { Error::Shallow } else { Error::Unrelated };
                return Err(error(revision.to_owned()));
            }
            Err(error) => return Err(error),
        };
        let diff = ["--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--ignore-submodules", &base, "--"];
        let diff = git(&root, "diff", &diff)?;
        let mut changes = Self { base, root, files: Vec::new(), changed: BTreeMap::new() };
        changes.add_differences(&diff);
        Ok(changes)
    }

    /// Reads `:MODE MODE OBJECT OBJECT STATUS`, NUL, path, NUL, and so on.
    fn add_differences(&mut self, diff: &[u8]) {
        let mut fields = diff.split(|&byte| byte == 0);
        while let (Some(status), Some(file)) = (fields.next(), fields.next()) {
            let status = text(status);
            let mut words = status.trim_start_matches(':').split(' ');
            let (mode, object) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
            // Links and submodules hold no text of their own.
            let is_file = mode.starts_with("100");
            self.changed.insert(self.root.join(path(file)), is_file.then(|| object.to_owned()));
        }
    }

    /// Reads a letter, a space, path, NUL, and so on; `?` stands for files that Git does not know.
    fn add_files(&mut self, list: &[u8]) {
        for entry in list.split(|&byte| byte == 0).filter(|entry| entry.len() > 2) {
            let file = self.root.join(path(&entry[2..]));
            if entry[0] == b'?' {
                self.changed.insert(file.clone(), None);
            }
            self.files.push(file);
        }
    }

    /// Every file of the work tree that Git does not ignore, by absolute path.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What is not what it was, by absolute path; files that are gone are among them.
    pub fn changed(&self) -> impl Iterator<Item = &Path> {
        self.changed.keys().map(PathBuf::as_path)
    }

    /// Whether a file, by its absolute path without links, is not what it was.
    pub fn contains(&self, file: &Path) -> bool {
        self.changed.contains_key(file)
    }

    /// Whether anything below a folder, by its absolute path without links, is not what it was.
    pub fn touches(&self, folder: &Path) -> bool {
        let next = self.changed.range::<Path, _>((Bound::Included(folder), Bound::Unbounded)).next();
        next.is_some_and(|(file, _)| file.starts_with(folder))
    }

    /// What the changed files held that `wanted` picks. What is longer than `limit` bytes, or no
    /// text, is left out.
    pub fn before(&self, wanted: impl Fn(&Path) -> bool, limit: u64) -> Result<Vec<Source>, Error> {
        let known = self.changed.iter().filter(|(file, _)| wanted(file));
        let known: Vec<(&PathBuf, &String)> =
            known.filter_map(|(file, object)| Some((file, object.as_ref()?))).collect();
        if known.is_empty() {
            return Ok(Vec::new());
        }
        self.read_objects(&known, limit)
            .map_err(|error| Error::Failed { command: "cat-file", reason: error.to_string() })
    }

    /// Asks one `git cat-file` for all objects. It answers `OBJECT blob LENGTH`, newline, the bytes,
    /// newline; or `OBJECT missing`, as in a partial clone.
    fn read_objects(&self, known: &[(&PathBuf, &String)], limit: u64) -> io::Result<Vec<Source>> {
        let mut child = command(&self.root)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let objects: Vec<&str> = known.iter().flat_map(|(_, object)| [object.as_str(), "\n"]).collect();
        let objects = objects.concat();
        // Git answers while it is asked: whoever asks all first waits for ever.
        let asking = thread::spawn(move || input.map(|mut input| input.write_all(objects.as_bytes())));
        let mut sources = Vec::new();
        if let Some(output) = output {
            let mut output = BufReader::new(output);
            for (file, _) in known {
                let mut header = String::new();
                output.read_line(&mut header)?;
                let Some(length) = header.trim_end().rsplit_once("blob ").and_then(|(_, it)| it.parse::<u64>().ok())
                else {
                    continue;
                };
                let mut bytes = Vec::new();
                output.by_ref().take(length.min(limit)).read_to_end(&mut bytes)?;
                io::copy(&mut output.by_ref().take(length.saturating_sub(limit) + 1), &mut io::sink())?;
                if let Some(text) = String::from_utf8(bytes).ok().filter(|_| length <= limit) {
                    sources.push(Source::new(file.display().to_string(), text));
                }
            }
        }
        // That it ended early shows in what was read.
        drop(asking.join());
        child.wait()?;
        Ok(sources)
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    // What is only looked at is not locked.
    command.arg("-C").arg(folder).env("GIT_OPTIONAL_LOCKS", "0").env_remove("GIT_LITERAL_PATHSPECS");
    command
}

fn git(folder: &Path, name: &'static str, arguments: &[&str]) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| Error::Failed { command: name, reason };
    match command(folder).arg(name).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(failed(text(&output.stderr).trim_start_matches("fatal: ").to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned()
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
