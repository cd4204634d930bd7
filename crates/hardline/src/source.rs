//! Where objects come from: manifests, a Git revision, a chart, a release, a dump, a cluster. Sources are
//! written the same on every subcommand that takes more than paths.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use hardline_manifest::load::{self, Input, Loaded, load};

use git::Repository;
use gitops::Holder;

mod git;
pub(crate) mod gitops;

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
    /// What Argo CD or Flux deploys, from where its object says.
    Gitops(Holder),
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
            Self::Gitops(holder) => holder.fmt(f),
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
            Some(("argocd", rest)) => Holder::argocd(rest).map(Self::Gitops),
            Some(("flux", rest)) => Holder::flux(rest).map(Self::Gitops),
            Some(("chart" | "path", rest)) => named(rest).map(|path| Self::Path(path.into())),
            Some(("dump", rest)) => named(rest).map(|path| Self::Dump(path.into())),
            Some(("cluster", rest)) => Ok(Self::Cluster(Some(rest.to_owned()).filter(|rest| !rest.is_empty()))),
            None if text == "cluster" => Ok(Self::Cluster(None)),
            _ => named(text).map(|path| Self::Path(path.into())),
        }
    }
}

/// Reads what lies in files: all sources but releases, clusters, and what clusters deploy by themselves.
pub(crate) fn read(source: &Source, options: &load::Options) -> anyhow::Result<Loaded> {
    match source {
        Source::Path(path) => from_path(path.clone(), options),
        Source::Dump(path) => {
            // A dump is as long as its cluster is large, and says itself what namespace all is in.
            let options = load::Options { namespace: None, max_file_size: u64::MAX, ..options.clone() };
            from_path(path.clone(), &options)
        }
        Source::Git { repository, revision, path } => from_git(repository, revision, path, options),
        Source::Helm { .. } | Source::Gitops(_) | Source::Cluster(_) => Ok(Loaded::default()),
    }
}

fn from_path(path: PathBuf, options: &load::Options) -> anyhow::Result<Loaded> {
    read_inputs(vec![Input::Path(path)], options)
}

fn read_inputs(inputs: Vec<Input>, options: &load::Options) -> anyhow::Result<Loaded> {
    load(inputs, options, &|_| {}).map_err(|error| match error.help() {
        Some(help) => anyhow::anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    })
}

/// Reads a path of a revision.
fn from_git(repository: &str, revision: &str, path: &str, options: &load::Options) -> anyhow::Result<Loaded> {
    let tree = Repository::open(repository)?.check_out(revision)?;
    let loaded = from_path(tree.path().join(path), options)
        .with_context(|| format!("in revision `{revision}` of `{repository}`"))?;
    tree.rename(loaded, revision, |text| Ok(text.to_owned()))
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
