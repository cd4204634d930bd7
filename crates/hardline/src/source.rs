//! Where objects come from: manifests, a Git revision, a chart, a release, a dump, a cluster. Sources are
//! written the same on every subcommand that takes more than paths.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hardline_core::source::Source as Text;
use hardline_manifest::load::{self, Input, Loaded, load};

/// A place that objects are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Files, a folder, a chart or a kustomization.
    Path(PathBuf),
    /// A path in a revision of a repository.
    Git {
        /// A folder or a URL.
        repository: String,
        /// A branch, tag or commit.
        revision: String,
        /// What to read of it.
        path: String,
    },
    /// What Helm has deployed, from the release that it keeps in the cluster.
    Helm {
        /// The release's namespace, unless it is that of the command.
        namespace: Option<String>,
        /// Its name.
        release: String,
    },
    /// The output of `kubectl get -o yaml --show-managed-fields`.
    Dump(PathBuf),
    /// A live cluster by its context, else the current one.
    Cluster(Option<String>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Git { repository, revision, path } => write!(f, "git:{repository}@{revision}:{path}"),
            Self::Helm { namespace: Some(namespace), release } => write!(f, "helm:{namespace}/{release}"),
            Self::Helm { namespace: None, release } => write!(f, "helm:{release}"),
            Self::Dump(path) => write!(f, "dump:{}", path.display()),
            Self::Cluster(Some(context)) => write!(f, "cluster:{context}"),
            Self::Cluster(None) => f.write_str("cluster"),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named =
            |rest: &str| if rest.is_empty() { Err("name what to read".to_owned()) } else { Ok(rest.to_owned()) };
        match text.split_once(':') {
            Some(("git", rest)) => {
                let unclear = || "write a repository, a revision and a path: `git:.@main:deploy`".to_owned();
                let (place, path) =
                    rest.rsplit_once(':').filter(|(place, _)| place.contains('@')).ok_or_else(unclear)?;
                let (repository, revision) = place.rsplit_once('@').ok_or_else(unclear)?;
                if revision.is_empty() || revision.starts_with('-') || repository.starts_with('-') {
                    return Err(unclear());
                }
                let or_here = |text: &str| if text.is_empty() { ".".to_owned() } else { text.to_owned() };
                Ok(Self::Git { repository: or_here(repository), revision: revision.to_owned(), path: or_here(path) })
            }
            Some(("helm", rest)) => match named(rest)?.split_once('/') {
                Some((namespace, release)) => {
                    Ok(Self::Helm { namespace: Some(named(namespace)?), release: named(release)? })
                }
                None => Ok(Self::Helm { namespace: None, release: rest.to_owned() }),
            },
            Some(("chart" | "path", rest)) => named(rest).map(|path| Self::Path(path.into())),
            Some(("dump", rest)) => named(rest).map(|path| Self::Dump(path.into())),
            Some(("cluster", rest)) => Ok(Self::Cluster(Some(rest.to_owned()).filter(|rest| !rest.is_empty()))),
            None if text == "cluster" => Ok(Self::Cluster(None)),
            _ => named(text).map(|path| Self::Path(path.into())),
        }
    }
}

/// Reads what lies in files: all sources but releases and clusters.
pub(crate) fn read(source: &Source, options: &load::Options) -> anyhow::Result<Loaded> {
    match source {
        Source::Path(path) => from_path(path.clone(), options),
        Source::Dump(path) => {
            // A dump is as long as its cluster is large, and says itself what namespace all is in.
            let options = load::Options { namespace: None, max_file_size: u64::MAX, ..options.clone() };
            from_path(path.clone(), &options)
        }
        Source::Git { repository, revision, path } => from_git(repository, revision, path, options),
        Source::Helm { .. } | Source::Cluster(_) => Ok(Loaded::default()),
    }
}

fn from_path(path: PathBuf, options: &load::Options) -> anyhow::Result<Loaded> {
    load(vec![Input::Path(path)], options, &|_| {}).map_err(|error| match error.help() {
        Some(help) => anyhow::anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    })
}

/// Checks a revision out into a folder that is gone afterwards, and reads a path of it.
fn from_git(repository: &str, revision: &str, path: &str, options: &load::Options) -> anyhow::Result<Loaded> {
    let folder = tempfile::tempdir().context("cannot make a folder for the revision")?;
    let mut place = PathBuf::from(repository);
    if !place.exists() {
        place = folder.path().join("repository");
        let clone = ["clone", "--quiet", "--bare", "--filter=blob:none", "--"];
        run(Command::new("git").args(clone).arg(repository).arg(&place), &format!("cannot reach `{repository}`"))?;
    }
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree)?;
    let mut archive = Command::new("git")
        .arg("-C")
        .arg(&place)
        .args(["archive", "--format=tar", revision])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run git")?;
    let tar = archive.stdout.take().context("git has no output")?;
    let unpacked =
        Command::new("tar").args(["-x", "-f", "-", "-C"]).arg(&tree).stdin(tar).output().context("cannot run tar")?;
    let output = archive.wait_with_output()?;
    if !output.status.success() {
        bail!("`{repository}` has no revision `{revision}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    if !unpacked.status.success() {
        bail!("cannot unpack `{revision}`: {}", String::from_utf8_lossy(&unpacked.stderr).trim());
    }
    let loaded =
        from_path(tree.join(path), options).with_context(|| format!("in revision `{revision}` of `{repository}`"))?;
    Ok(rename(loaded, &tree, revision))
}

fn run(command: &mut Command, failure: &str) -> anyhow::Result<()> {
    // Nobody is there to type a password.
    let output = command.env("GIT_TERMINAL_PROMPT", "0").output().context("cannot run git")?;
    if !output.status.success() {
        bail!("{failure}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Calls texts by their revision and path, and not by the folder that they were read from.
fn rename(loaded: Loaded, tree: &Path, revision: &str) -> Loaded {
    let mut renamed = Loaded { findings: loaded.findings, notices: loaded.notices, ..Loaded::default() };
    let mut seen: HashSet<*const Text> = HashSet::new();
    for resource in &loaded.resources {
        let source = resource.source();
        if seen.insert(Arc::as_ptr(source)) {
            let inner = Path::new(&source.name).strip_prefix(tree).unwrap_or(Path::new(&source.name));
            let name = format!("{revision}:{}", inner.display());
            let new = if source.rendered { Text::rendered } else { Text::new };
            let text = new(name, source.text.clone());
            renamed.add_source(text, resource.default_namespace());
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_what_precedes_them() {
        let git = |repository: &str, revision: &str, path: &str| {
            Ok(Source::Git { repository: repository.into(), revision: revision.into(), path: path.into() })
        };
        assert_eq!("git:.@main:deploy".parse(), git(".", "main", "deploy"));
        assert_eq!(
            "git:git@example.org:shop/deploy.git@v1:a".parse(),
            git("git@example.org:shop/deploy.git", "v1", "a")
        );
        assert_eq!("deploy/".parse(), Ok(Source::Path("deploy/".into())));
        assert_eq!("cluster".parse(), Ok(Source::Cluster(None)));
        assert_eq!("cluster:prod".parse(), Ok(Source::Cluster(Some("prod".into()))));
        let helm = Source::Helm { namespace: Some("shop".into()), release: "web".into() };
        assert_eq!("helm:shop/web".parse(), Ok(helm));
        for bad in ["git:deploy", "git:.@--output=x:a", "helm:", "dump:"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
