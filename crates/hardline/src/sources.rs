//! The arguments that say what to read. They mean the same on every subcommand.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use hardline_core::config::{Config, Version};
use hardline_manifest::helm;
use hardline_manifest::load::{self, Input, Loaded, load, load_any};

use crate::configuration::ConfigurationFile;
use crate::progress::Progress;
use crate::since::Since;

/// What to read, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Sources {
    /// Files, folders, globs, Helm charts, kustomizations, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    options: SourceOptions,
}

/// How to read.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceOptions {
    /// The namespace of manifests that name none, and of releases of charts
    #[arg(short, long)]
    namespace: Option<String>,

    #[command(flatten)]
    configuration: ConfigurationFile,

    /// The version of Kubernetes that the manifests are for [default: v1.37]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<Version>,

    /// The longest file to read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    max_file_size: u64,

    #[command(flatten)]
    chart: ChartOptions,
}

/// How Helm charts are rendered.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Helm charts")]
pub(crate) struct ChartOptions {
    /// A file of values for Helm charts; the last one wins
    #[arg(short = 'f', long, value_name = "FILE")]
    values: Vec<PathBuf>,

    /// A value for Helm charts, such as `image.tag=1.2`; wins over files
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// The name of the release that Helm charts are rendered for
    #[arg(long, value_name = "NAME", default_value = "release-name")]
    release_name: String,
}

/// What the configuration file and the arguments say about a judgement.
#[derive(Debug)]
pub(crate) struct Configured {
    /// How to judge.
    pub(crate) config: Config,
    /// The paths that are not read.
    pub(crate) exclude: Vec<String>,
    /// The file of findings that are not held against anybody.
    pub(crate) baseline: Option<PathBuf>,
}

impl Sources {
    /// The configuration that holds for them.
    pub(crate) fn config(&self) -> anyhow::Result<Configured> {
        self.options.config(&self.paths)
    }

    /// Reads all of them.
    pub(crate) fn load(&self, config: &Config, exclude: Vec<String>, progress: &Progress) -> anyhow::Result<Loaded> {
        self.options.load(&self.paths, &self.options.options(config, exclude), progress)
    }

    /// What of them has changed since a revision; where `all` is false, not all has to be read.
    pub(crate) fn since(&self, revision: &str, all: bool) -> anyhow::Result<Since> {
        Since::new(revision, &self.paths, &self.options.chart.values, all, self.options.max_bytes())
    }

    /// Reads what is needed to judge what has changed. That may be nothing.
    pub(crate) fn load_since(
        &self,
        since: &Since,
        config: &Config,
        exclude: Vec<String>,
        progress: &Progress,
    ) -> anyhow::Result<Loaded> {
        let inputs = since.inputs(&self.paths);
        load_any(inputs, &self.options.options(config, exclude), &|files| progress.set(files)).map_err(with_help)
    }

    /// Reads all of them, be it nothing but the files of kustomizations.
    pub(crate) fn load_images(
        &self,
        config: &Config,
        exclude: Vec<String>,
        progress: &Progress,
    ) -> anyhow::Result<Loaded> {
        let inputs = inputs(&self.paths, self.options.max_bytes())?;
        let options = self.options.options(config, exclude);
        let loaded = load_any(inputs, &options, &|files| progress.set(files)).map_err(with_help)?;
        if loaded.resources.is_empty() && loaded.findings.is_empty() && loaded.kustomizations.is_empty() {
            bail!("nothing to pin: neither a Kubernetes object nor a kustomization in the input");
        }
        Ok(loaded)
    }
}

impl SourceOptions {
    /// The configuration that holds for these paths.
    pub(crate) fn config(&self, paths: &[PathBuf]) -> anyhow::Result<Configured> {
        let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let configuration = self.configuration.read(first)?;
        let mut config = configuration.config()?;
        config.settings.kubernetes_version = self.kubernetes_version.unwrap_or(config.settings.kubernetes_version);
        let (exclude, baseline) = (configuration.exclude().to_owned(), configuration.baseline().map(Path::to_owned));
        Ok(Configured { config, exclude, baseline })
    }

    /// Reads all that these paths stand for.
    pub(crate) fn load(
        &self,
        paths: &[PathBuf],
        options: &load::Options,
        progress: &Progress,
    ) -> anyhow::Result<Loaded> {
        load(inputs(paths, self.max_bytes())?, options, &|files| progress.set(files)).map_err(with_help)
    }

    /// How the reader of manifests is to read.
    pub(crate) fn options(&self, config: &Config, exclude: Vec<String>) -> load::Options {
        let helm = self.chart.options(config);
        let max_file_size = self.max_bytes();
        load::Options { namespace: self.namespace.clone(), helm, exclude, max_file_size, ..Default::default() }
    }

    /// The namespace that is named.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn max_bytes(&self) -> u64 {
        self.max_file_size.saturating_mul(1 << 20).min(u32::MAX.into())
    }
}

impl ChartOptions {
    /// How charts are rendered for what is judged so.
    pub(crate) fn options(&self, config: &Config) -> helm::Options {
        helm::Options {
            release: self.release_name.clone(),
            values: self.values.clone(),
            set: self.set.clone(),
            kube_version: Some(format!("{}.0", config.settings.kubernetes_version)),
            ..helm::Options::default()
        }
    }
}

/// What paths stand for: `-` is standard input, of which no more is held than may be read.
fn inputs(paths: &[PathBuf], max_bytes: u64) -> anyhow::Result<Vec<Input>> {
    let input = |path: &PathBuf| {
        if path.as_os_str() != "-" {
            return Ok(Input::Path(path.clone()));
        }
        let mut bytes = Vec::new();
        // One byte more than is read shows that there are too many.
        io::stdin().lock().take(max_bytes + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
        Ok(Input::Text { name: "-".to_owned(), bytes })
    };
    paths.iter().map(input).collect()
}

/// The error and, on a line of its own, what to do about it.
fn with_help(error: load::Error) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow!("{error}\nhelp: {help}"),
        None => error.into(),
    }
}
