//! What changed in a Git repository since a revision, asked of the `git` program.

#[cfg(unix)]
mod index;
mod work_tree;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use hardline_core::source::Source;

use work_tree::WorkTree;

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

/// About so many files Git is asked by name.
const MANY: usize = 500;

/// Where a work tree and its index are.
struct Repository {
    root: PathBuf,
    /// `None` where it is of a form that is not read here.
    index: Option<PathBuf>,
}

impl Repository {
    /// The repository that a folder is in.
    fn of(folder: &Path) -> Result<Self, Error> {
        let asked = ["--show-toplevel", "--show-object-format", "--git-path", "index"];
        let answer = git(folder, "rev-parse", &asked).map_err(|error| match error {
            Error::Failed { reason, .. } => Error::NoRepository { folder: folder.to_owned(), reason },
            other => other,
        })?;
        let mut lines = answer.strip_suffix(b"\n").unwrap_or(&answer).rsplitn(3, |&byte| byte == b'\n');
        let (index, format) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let root = path(lines.next().unwrap_or_default());
        Ok(Self { root, index: (format == b"sha1").then(|| folder.join(path(index))) })
    }

    #[cfg(unix)]
    fn look(&self) -> Option<WorkTree> {
        WorkTree::look(&self.root, self.index.as_ref()?)
    }

    #[cfg(not(unix))]
    fn look(&self) -> Option<WorkTree> {
        None
    }
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
        let repository = Repository::of(folder)?;
        let root = &repository.root;
        let (staged, tree) = thread::scope(|scope| {
            let tree = scope.spawn(|| repository.look());
            (Self::staged(root, revision), tree.join())
        });
        let mut changes = staged?;
        match tree.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Some(tree) if tree.suspects.len().max(tree.strangers.len()) <= MANY => changes.ask_about(tree)?,
            _ => changes.ask_about_all()?,
        }
        Ok(changes)
    }

    /// Compares the index.
    fn staged(root: &Path, revision: &str) -> Result<Self, Error> {
        let commit = format!("{revision}^{{commit}}");
        let commit = git(root, "rev-parse", &["--verify", "--quiet", "--end-of-options", &commit]);
        let commit = text(&commit.map_err(|error| match error {
            Error::Failed { .. } => Error::NoCommit(revision.to_owned()),
            other => other,
        })?);
        let base = match git(root, "merge-base", &[&commit, "HEAD"]) {
            Ok(base) => text(&base),
            Err(Error::Failed { reason, .. }) if reason.is_empty() => {
                let shallow = text(&git(root, "rev-parse", &["--is-shallow-repository"])?) == "true";
                let error = if shallow { Error::Shallow } else { Error::Unrelated };
                return Err(error(revision.to_owned()));
            }
            Err(error) => return Err(error),
        };
        let mut changes = Self { base, root: root.to_owned(), files: Vec::new(), changed: BTreeMap::new() };
        let staged = changes.diff(&["--cached", &changes.base], &[])?;
        changes.add_differences(&staged);
        Ok(changes)
    }

    /// What differs of these paths, or of all: by itself, the work tree from the index.
    fn diff(&self, sides: &[&str], paths: &[&OsStr]) -> Result<Vec<u8>, Error> {
        let as_listed = ["--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--ignore-submodules"];
        let words = as_listed.into_iter().chain(sides.iter().copied()).chain(["--"]);
        let words: Vec<&OsStr> = words.map(OsStr::new).chain(paths.iter().copied()).collect();
        git(&self.root, "diff", &words)
    }

    /// Adds what is not as the index says, as far as a look at the work tree could not tell.
    fn ask_about(&mut self, tree: WorkTree) -> Result<(), Error> {
        // What nobody has staged is in the index as it was. Git compares a few files with that at once, and with
        // a commit only by way of all that it knows.
        let suspects = tree.suspects.iter().map(|file| file.as_os_str());
        let (staged, others) = suspects.partition::<Vec<_>, _>(|file| self.contains(&self.root.join(file)));
        if !others.is_empty() {
            self.add_differences(&self.diff(&[], &others)?);
        }
        if !staged.is_empty() {
            let differences = self.diff(&[&self.base], &staged)?;
            for file in staged {
                self.changed.remove(&self.root.join(file));
            }
            self.add_differences(&differences);
        }
        if !tree.strangers.is_empty() {
            let words = ["-z", "-t", "--others", "--exclude-standard", "--"].map(OsStr::new);
            let strangers = tree.strangers.iter().map(|file| file.as_os_str());
            let words: Vec<&OsStr> = words.into_iter().chain(strangers).collect();
            self.add_files(&git(&self.root, "ls-files", &words)?);
        }
        self.files.extend(tree.known.iter().map(|file| self.root.join(file)));
        Ok(())
    }

    /// Asks Git about the whole work tree.
    fn ask_about_all(&mut self) -> Result<(), Error> {
        let list = ["-z", "-t", "--cached", "--others", "--exclude-standard"];
        let root = &self.root;
        let (differences, list) = thread::scope(|scope| {
            let list = scope.spawn(|| git(root, "ls-files", &list));
            (self.diff(&[&self.base], &[]), list.join())
        });
        self.changed.clear();
        self.add_differences(&differences?);
        self.add_files(&list.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok(())
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
    // What is only looked at is not locked, and paths are paths.
    command.arg("-C").arg(folder).env("GIT_OPTIONAL_LOCKS", "0").env("GIT_LITERAL_PATHSPECS", "1");
    command
}

fn git(folder: &Path, name: &'static str, arguments: &[impl AsRef<OsStr>]) -> Result<Vec<u8>, Error> {
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn run(at: &Path, arguments: &[&str]) {
        let words = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false"];
        let status = command(at).args(words).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("git runs").success(), "git {arguments:?}");
    }

    fn write(at: &Path, file: &str, text: &str) {
        let file = at.join(file);
        fs::create_dir_all(file.parent().expect("a file has a folder")).expect("it is made");
        fs::write(file, text).expect("it is written");
    }

    /// What changed since the last commit, by a look at the work tree; it must be what Git says.
    fn changed(at: &Path) -> Vec<String> {
        let mut all = Changes::staged(at, "HEAD").expect("there is a commit");
        all.ask_about_all().expect("git answers");
        let seen = Changes::since(at, "HEAD").expect("git answers");
        assert_eq!(seen.changed, all.changed);
        let sorted = |changes: &Changes| {
            let mut files: Vec<PathBuf> = changes.files().to_vec();
            files.sort();
            files
        };
        assert_eq!(sorted(&seen), sorted(&all));
        let names = seen.changed().filter_map(|file| file.strip_prefix(at).ok());
        names.map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn a_look_at_the_work_tree_shows_what_git_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = &fs::canonicalize(folder.path()).expect("it exists");
        run(at, &["init", "-q"]);
        for file in ["a.yaml", "b/c.yaml", "b/d/e.yaml", "b/f.yaml", "only/folders/g.yaml", "[h]*.yaml"] {
            write(at, file, file);
        }
        write(at, ".gitignore", "ignored*\n");
        write(at, "b/.gitignore", "!ignored-not\n");
        symlink("a.yaml", at.join("link")).expect("it is made");
        run(at, &["add", "-A"]);
        run(at, &["commit", "-qm", "first"]);
        let nothing: [&str; 0] = [];
        assert_eq!(changed(at), nothing);
        // A file written again with the same text is no other.
        write(at, "a.yaml", "a.yaml");
        assert_eq!(changed(at), nothing);
        // As long as before, and at the same moment.
        write(at, "a.yaml", "b.yaml");
        assert_eq!(changed(at), ["a.yaml"]);
        write(at, "[h]*.yaml", "other");
        write(at, "ignored/much.yaml", "");
        write(at, "ignored-not", "");
        write(at, "b/ignored-not", "");
        write(at, "new/folder/i.yaml", "");
        assert_eq!(changed(at), ["[h]*.yaml", "a.yaml", "b/ignored-not", "new/folder/i.yaml"]);
        run(at, &["add", "a.yaml", "new"]);
        write(at, "a.yaml", "a.yaml");
        assert_eq!(changed(at), ["[h]*.yaml", "b/ignored-not", "new/folder/i.yaml"], "taken back after it was staged");
        fs::remove_dir_all(at.join("b/d")).expect("it goes");
        fs::set_permissions(at.join("b/f.yaml"), fs::Permissions::from_mode(0o755)).expect("it is set");
        assert_eq!(changed(at), ["[h]*.yaml", "b/d/e.yaml", "b/f.yaml", "b/ignored-not", "new/folder/i.yaml"]);
        run(at, &["add", "-A"]);
        run(at, &["commit", "-qm", "second"]);
        assert_eq!(changed(at), nothing);
        // What was a folder is a link, and what was a link is a file.
        fs::rename(at.join("only"), at.join("moved")).expect("it moves");
        symlink("moved", at.join("only")).expect("it is made");
        fs::remove_file(at.join("link")).expect("it goes");
        write(at, "link", "a.yaml");
        assert_eq!(changed(at), ["link", "moved/folders/g.yaml", "only", "only/folders/g.yaml"]);
    }

    #[test]
    fn an_index_of_another_form_is_left_to_git() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = &fs::canonicalize(folder.path()).expect("it exists");
        run(at, &["init", "-q"]);
        write(at, "a/b.yaml", "one");
        write(at, "a/c.yaml", "one");
        run(at, &["add", "-A"]);
        run(at, &["commit", "-qm", "first"]);
        let looks = |at: &Path| Repository::of(at).expect("there is one").look().is_some();
        assert!(looks(at));
        assert!(looks(&at.join("a")), "also from a folder below");
        write(at, "a/b.yaml", "two");
        for form in [&["update-index", "--index-version", "4"][..], &["update-index", "--split-index"]] {
            run(at, form);
            assert!(!looks(at), "{form:?}");
            assert_eq!(changed(at), ["a/b.yaml"], "{form:?}");
        }
        // A shortened or damaged index is no reason to fail, nor to claim anything.
        run(at, &["update-index", "--no-split-index", "--index-version", "2"]);
        let index = fs::read(at.join(".git/index")).expect("there is one");
        for length in 0..index.len() {
            let _ = index::Index::read(&index[..length]);
            let mut damaged = index.clone();
            damaged[length] ^= 0xff;
            let _ = index::Index::read(&damaged);
        }
    }
}
