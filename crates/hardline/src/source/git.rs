//! Repositories, and folders with a revision of them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hardline_core::source::Source as Text;
use hardline_manifest::load::Loaded;
use tempfile::TempDir;

/// A repository on this machine.
pub(crate) struct Repository {
    /// How people call it.
    name: String,
    folder: PathBuf,
    /// What was cloned only for now.
    _cloned: Option<TempDir>,
}

/// A folder with what a revision holds. It is gone with this value.
pub(crate) struct Tree(TempDir);

impl Repository {
    /// Opens a folder, or clones a URL.
    pub(crate) fn open(repository: &str) -> anyhow::Result<Self> {
        if Path::new(repository).exists() {
            return Ok(Self { name: repository.to_owned(), folder: repository.into(), _cloned: None });
        }
        let cloned = tempfile::tempdir().context("cannot make a folder for the repository")?;
        let clone = ["clone", "--quiet", "--bare", "--filter=blob:none", "--"];
        let output = run(Command::new("git").args(clone).arg(repository).arg(cloned.path()))?;
        if !output.status.success() {
            bail!("cannot reach `{repository}`: {}", complaint(&output));
        }
        Ok(Self { name: repository.to_owned(), folder: cloned.path().to_owned(), _cloned: Some(cloned) })
    }

    /// The commit of a branch, a tag, or itself; of a branch what the remote has, as far as it was
    /// fetched.
    pub(crate) fn commit_of_remote(&self, revision: &str) -> anyhow::Result<String> {
        for name in [format!("refs/remotes/origin/{revision}"), revision.to_owned()] {
            let commit = format!("{name}^{{commit}}");
            let output = run(self.git().args(["rev-parse", "--quiet", "--verify", "--end-of-options", &commit]))?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
            }
        }
        bail!("`{}` has no revision `{revision}`", self.name)
    }

    /// Unpacks a revision.
    pub(crate) fn check_out(&self, revision: &str) -> anyhow::Result<Tree> {
        let tree = tempfile::tempdir().context("cannot make a folder for the revision")?;
        let piped = |command: &mut Command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut archive = piped(self.git().args(["archive", "--format=tar", revision])).context("cannot run git")?;
        let tar = archive.stdout.take().context("git has no output")?;
        let unpack = ["-x", "-f", "-", "-C"];
        let unpacked =
            Command::new("tar").args(unpack).arg(tree.path()).stdin(tar).output().context("cannot run tar")?;
        let output = archive.wait_with_output()?;
        if !output.status.success() {
            bail!("`{}` has no revision `{revision}`: {}", self.name, complaint(&output));
        }
        if !unpacked.status.success() {
            bail!("cannot unpack `{revision}`: {}", complaint(&unpacked));
        }
        Ok(Tree(tree))
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.folder).env("GIT_TERMINAL_PROMPT", "0");
        git
    }
}

impl Tree {
    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Calls texts by their revision and path, and not by the folder that they were read from. `change`
    /// may change them.
    pub(crate) fn rename(
        &self,
        loaded: Loaded,
        revision: &str,
        change: impl Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Loaded> {
        let mut renamed = Loaded { findings: loaded.findings, notices: loaded.notices, ..Loaded::default() };
        let mut seen: HashSet<*const Text> = HashSet::new();
        for resource in &loaded.resources {
            let source = resource.source();
            if seen.insert(Arc::as_ptr(source)) {
                let inner = Path::new(&source.name).strip_prefix(self.path()).unwrap_or(Path::new(&source.name));
                let name = format!("{revision}:{}", inner.display());
                let new = if source.rendered { Text::rendered } else { Text::new };
                renamed.add_source(new(name, change(&source.text)?), resource.default_namespace());
            }
        }
        Ok(renamed)
    }
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    // Nobody is there to type a password.
    command.env("GIT_TERMINAL_PROMPT", "0").output().context("cannot run git")
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
