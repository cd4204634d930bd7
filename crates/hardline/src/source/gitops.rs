//! What Argo CD and Flux deploy, read from where they take it: a repository, or a chart.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use hardline_manifest::gitops::{self, Origin, Part, Place};
use hardline_manifest::load::{self, Input, Loaded};
use serde_json::json;
use tempfile::TempDir;

use super::git::{Repository, Tree};
use super::read_inputs;

/// An object of Argo CD or Flux that says what it deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The only one in a file.
    File {
        /// `argocd` or `flux`.
        tool: &'static str,
        /// The file; it may hold the objects that it names as well.
        path: PathBuf,
    },
    /// One that is observed.
    Object {
        /// Its API group.
        group: &'static str,
        /// Its kind.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

type GroupKind = (&'static str, &'static str);

impl Holder {
    /// Reads what follows `argocd:`.
    pub(super) fn argocd(text: &str) -> Result<Self, String> {
        let unclear = || "write a namespace and an application, `argocd:argocd/shop`, or a file".to_owned();
        let kind = ("argoproj.io", "Application");
        Self::of("argocd", text, |steps| match steps {
            [name] => Ok((kind, "argocd", *name)),
            [namespace, name] => Ok((kind, *namespace, *name)),
            _ => Err(unclear()),
        })
    }

    /// Reads what follows `flux:`.
    pub(super) fn flux(text: &str) -> Result<Self, String> {
        let unclear = || "write a kind and a name, `flux:flux-system/kustomization/shop`, or a file".to_owned();
        let kind = |text: &str| match &*text.to_ascii_lowercase() {
            "kustomization" | "ks" => Ok(("kustomize.toolkit.fluxcd.io", "Kustomization")),
            "helmrelease" | "hr" => Ok(("helm.toolkit.fluxcd.io", "HelmRelease")),
            _ => Err(unclear()),
        };
        Self::of("flux", text, |steps| match steps {
            [of, name] => Ok((kind(of)?, "flux-system", *name)),
            [namespace, of, name] => Ok((kind(of)?, *namespace, *name)),
            _ => Err(unclear()),
        })
    }

    fn of<'t>(
        tool: &'static str,
        text: &'t str,
        read: impl Fn(&[&'t str]) -> Result<(GroupKind, &'t str, &'t str), String>,
    ) -> Result<Self, String> {
        let path = PathBuf::from(text);
        if load::is_manifest(&path) {
            return Ok(Self::File { tool, path });
        }
        let ((group, kind), namespace, name) = read(&text.split('/').collect::<Vec<_>>())?;
        if namespace.is_empty() || name.is_empty() {
            return Err("name what to read".to_owned());
        }
        Ok(Self::Object { group, kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { tool, path } => write!(f, "{tool}:{}", path.display()),
            Self::Object { kind: "Application", namespace, name, .. } => write!(f, "argocd:{namespace}/{name}"),
            Self::Object { kind, namespace, name, .. } => write!(f, "flux:{namespace}/{kind}/{name}"),
        }
    }
}

/// That a repository is cloned on this machine: `URL=PATH`.
#[derive(Debug, Clone)]
pub(crate) struct Cloned {
    url: String,
    path: PathBuf,
}

impl FromStr for Cloned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (url, path) = text.rsplit_once('=').ok_or("write the URL of the repository, `=`, and the folder")?;
        if !Path::new(path).exists() {
            return Err(format!("there is no folder `{path}`"));
        }
        Ok(Self { url: url.to_owned(), path: path.into() })
    }
}

/// What an origin holds.
pub(crate) struct Resolved {
    /// The objects as their source has them now.
    pub(crate) desired: Loaded,
    /// The objects of the revision that was deployed last, if that is known.
    pub(crate) deployed: Option<Loaded>,
    /// Whether these are the same.
    pub(crate) is_deployed: bool,
    /// What people should know.
    pub(crate) notices: Vec<String>,
}

/// Reads all that an origin holds.
pub(crate) fn resolve(origin: &Origin, clones: &[Cloned], options: &load::Options) -> anyhow::Result<Resolved> {
    let options =
        load::Options { namespace: origin.namespace.clone().or_else(|| options.namespace.clone()), ..options.clone() };
    let mut repositories = BTreeMap::new();
    for part in &origin.parts {
        if let Place::Git { url, .. } = &part.place
            && !repositories.contains_key(url.as_str())
        {
            repositories.insert(url.as_str(), open(url, clones)?);
        }
    }
    let reader = Reader { repositories, options: &options };
    let now = reader.revisions(origin, |part| match &part.place {
        Place::Git { revision, .. } => Some(revision.clone()),
        Place::Chart { version, .. } => Some(version.clone()),
    });
    let now = now?.context("it deploys nothing")?;
    let desired = reader.read(origin, &now)?;
    let mut notices = Vec::new();
    let last = match reader.revisions(origin, |part| part.deployed.clone().filter(|_| origin.is_settled)) {
        Ok(last) => last,
        Err(error) => {
            notices.push(format!("what was deployed last is not known: {error:#}"));
            None
        }
    };
    let is_deployed = last.as_ref() == Some(&now);
    let deployed = last.filter(|_| !is_deployed).map(|last| reader.read(origin, &last)).transpose()?;
    Ok(Resolved { desired, deployed, is_deployed, notices })
}

fn open(url: &str, clones: &[Cloned]) -> anyhow::Result<Repository> {
    let plain = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    if let Some(clone) = clones.iter().find(|clone| plain(&clone.url) == plain(url)) {
        return Repository::open(&clone.path.to_string_lossy());
    }
    if url.starts_with('-') || !(url.contains("://") || url.contains('@')) {
        bail!("`{url}` is no URL of a repository");
    }
    Repository::open(url).with_context(|| format!("name a clone by `--repo {url}=FOLDER`, if there is one"))
}

struct Reader<'r> {
    repositories: BTreeMap<&'r str, Repository>,
    options: &'r load::Options,
}

impl Reader<'_> {
    /// The commits, or the versions of charts, of all parts; nothing where one has none.
    fn revisions(
        &self,
        origin: &Origin,
        wanted: impl Fn(&Part) -> Option<String>,
    ) -> anyhow::Result<Option<Vec<String>>> {
        let revisions = origin.parts.iter().map(|part| {
            let Some(wanted) = wanted(part) else { return Ok(None) };
            match &part.place {
                Place::Git { url, .. } => self.repositories[url.as_str()].commit_of_remote(&wanted).map(Some),
                Place::Chart { .. } => Ok(Some(wanted)),
            }
        });
        revisions.collect()
    }

    fn read(&self, origin: &Origin, revisions: &[String]) -> anyhow::Result<Loaded> {
        let mut trees = Vec::new();
        for (part, revision) in origin.parts.iter().zip(revisions) {
            trees.push(match &part.place {
                Place::Git { url, .. } => Some(self.repositories[url.as_str()].check_out(revision)?),
                Place::Chart { .. } => None,
            });
        }
        let called = origin.parts.iter().zip(&trees);
        let called = called.filter_map(|(part, tree)| Some((part.called.as_deref()?, tree.as_ref()?.path())));
        let called: BTreeMap<&str, &Path> = called.collect();
        let mut all = Loaded::default();
        for ((part, revision), tree) in origin.parts.iter().zip(revisions).zip(&trees) {
            let loaded = match (&part.place, tree) {
                (Place::Git { path: Some(path), .. }, Some(tree)) => {
                    self.folder(part, tree, path, revision, &called)?
                }
                (Place::Chart { url, name, .. }, _) => self.chart(part, (url, name, revision), &called)?,
                _ => continue,
            };
            all.append(loaded);
        }
        Ok(all)
    }

    /// Reads a folder of a repository: a chart, a kustomization, or manifests.
    fn folder(
        &self,
        part: &Part,
        tree: &Tree,
        path: &str,
        revision: &str,
        called: &BTreeMap<&str, &Path>,
    ) -> anyhow::Result<Loaded> {
        let short = &revision[..revision.len().min(8)];
        let folder = within(tree.path(), path)?;
        if !folder.exists() {
            bail!("`{path}` is not in revision `{short}`");
        }
        let loaded = if load::is_chart(&folder) {
            self.render(part, &folder, called)?
        } else if load::kustomization_in(&folder).is_some() || !part.overlay.is_empty() {
            if load::kustomization_in(&folder).is_none() {
                let files = files(&folder, part.recursive)?;
                let relative = files.iter().filter_map(|file| file.strip_prefix(&folder).ok());
                write_kustomization(&folder, &json!({"resources": relative.collect::<Vec<_>>()}))?;
            }
            self.kustomize(part, tree, &folder)?
        } else {
            let inputs = files(&folder, part.recursive)?.into_iter().map(Input::Path).collect();
            read_inputs(inputs, self.options)?
        };
        tree.rename(loaded, short, |text| match &part.substitutes {
            Some(values) => Ok(gitops::substitute(text, values)?),
            None => Ok(text.to_owned()),
        })
    }

    /// Builds a kustomization with what its deployer has built around it.
    fn kustomize(&self, part: &Part, tree: &Tree, folder: &Path) -> anyhow::Result<Loaded> {
        if part.overlay.is_empty() {
            return read_inputs(vec![Input::Path(folder.to_owned())], self.options);
        }
        let inner = Path::new("..").join(folder.strip_prefix(tree.path())?);
        let mut overlay = part.overlay.clone();
        if let Some(components) = overlay.get_mut("components").and_then(|it| it.as_array_mut()) {
            for component in components {
                *component = json!(inner.join(component.as_str().unwrap_or_default()));
            }
        }
        overlay.insert("resources".to_owned(), json!([inner]));
        let outer = tempfile::tempdir_in(tree.path()).context("cannot make a folder for the kustomization")?;
        write_kustomization(outer.path(), &overlay.into())?;
        read_inputs(vec![Input::Path(outer.path().to_owned())], self.options)
    }

    /// Fetches a chart and renders it.
    fn chart(
        &self,
        part: &Part,
        (url, name, version): (&str, &str, &str),
        called: &BTreeMap<&str, &Path>,
    ) -> anyhow::Result<Loaded> {
        let folder = tempfile::tempdir().context("cannot make a folder for the chart")?;
        let mut pull = Command::new(&self.options.helm.program);
        pull.arg("pull").arg("--destination").arg(folder.path()).arg(format!("--version={version}"));
        if url.starts_with("oci://") {
            pull.arg("--").arg(format!("{}/{name}", url.trim_end_matches('/')));
        } else {
            pull.arg(format!("--repo={url}")).arg("--").arg(name);
        }
        let output = pull.output().context("charts are fetched by Helm, which cannot be run")?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("chart `{name}` {version} cannot be fetched from {url}: {why}");
        }
        let packed = fs::read_dir(folder.path())?.filter_map(Result::ok).map(|entry| entry.path()).next();
        self.render(part, &packed.context("Helm has fetched no chart")?, called)
    }

    fn render(&self, part: &Part, chart: &Path, called: &BTreeMap<&str, &Path>) -> anyhow::Result<Loaded> {
        let scratch = tempfile::tempdir().context("cannot make a folder for values")?;
        let mut helm = self.options.helm.clone();
        helm.release.clone_from(&part.helm.release);
        helm.values = values(part, chart, called, &scratch)?;
        helm.set.clone_from(&part.helm.set);
        read_inputs(vec![Input::Path(chart.to_owned())], &load::Options { helm, ..self.options.clone() })
    }
}

/// Files of values in the order in which later ones win.
fn values(
    part: &Part,
    chart: &Path,
    called: &BTreeMap<&str, &Path>,
    scratch: &TempDir,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for file in &part.helm.files {
        let (root, path) = match file.strip_prefix('$').and_then(|file| file.split_once('/')) {
            Some((name, path)) => {
                let root = called.get(name).with_context(|| format!("`{file}` names no source"))?;
                (*root, path)
            }
            None if file.contains("://") => bail!("values from `{file}` are not fetched"),
            None => (chart, file.as_str()),
        };
        all.push(within(root, path)?);
    }
    for (at, text) in part.helm.values.iter().enumerate() {
        let file = scratch.path().join(format!("{at}.yaml"));
        fs::write(&file, text)?;
        all.push(file);
    }
    Ok(all)
}

/// A path that does not lead out of a folder, links resolved where it exists.
fn within(folder: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let steps = Path::new(path).components().filter(|step| !matches!(step, Component::CurDir | Component::RootDir));
    let joined = folder.join(steps.collect::<PathBuf>());
    let real = joined.canonicalize().unwrap_or_else(|_| joined.clone());
    let leads_out = joined.components().any(|step| step == Component::ParentDir);
    if leads_out || !real.starts_with(folder.canonicalize()?) {
        bail!("`{path}` leads out of its source");
    }
    Ok(joined)
}

/// The manifests of a folder.
fn files(folder: &Path, recursive: bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && recursive && !hidden {
            all.extend(files(&path, true)?);
        } else if kind.is_file() && load::is_manifest(&path) {
            all.push(path);
        }
    }
    Ok(all)
}

/// Kustomize reads JSON as YAML.
fn write_kustomization(folder: &Path, text: &serde_json::Value) -> anyhow::Result<()> {
    fs::write(folder.join("kustomization.yaml"), text.to_string()).context("cannot write a kustomization")
}
