//! Finds and reads `hardline.yaml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hardline_core::config::Config;
use hardline_core::config::file::{self, File, Problem};
use hardline_core::source::{Source, Span};
use hardline_core::tree::Value;
use hardline_manifest::document::{self, Documents};

use crate::clock::today;

/// The name of the configuration file.
const NAME: &str = "hardline.yaml";

/// Which configuration file to read.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigurationFile {
    /// The configuration [default: the first `hardline.yaml` in the folder of PATH or above it]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Read no configuration
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
}

/// What a configuration file says, and where.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    settings: File,
    documents: Option<Documents>,
}

impl ConfigurationFile {
    /// Reads the file that is named, else the one found upward from an input; one that says nothing
    /// where there is none. Its patterns of paths become absolute.
    pub(crate) fn read(&self, input: &Path) -> anyhow::Result<Configuration> {
        let found = match &self.config {
            Some(path) => Some(path.to_owned()),
            None if self.no_config => None,
            None => find(input)?,
        };
        let Some(path) = found else { return Ok(Configuration::default()) };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Configuration::parse(path, text)
    }
}

impl Configuration {
    /// What the text of a file says.
    pub(crate) fn parse(path: PathBuf, text: String) -> anyhow::Result<Self> {
        let (settings, documents) = parse(Source::new(path.display().to_string(), text), file::read)?;
        let mut configuration = Self { settings, documents: Some(documents) };
        if let Some(baseline) = &mut configuration.settings.baseline {
            *baseline = path.with_file_name(&*baseline).display().to_string();
        }
        let folder = path.canonicalize().unwrap_or(path);
        let folder = folder.parent().unwrap_or(Path::new("/"));
        let file = &mut configuration.settings;
        let patterns = file.overrides.iter_mut().flat_map(|overrides| &mut overrides.paths).chain(&mut file.exclude);
        for pattern in patterns {
            *pattern = folder.join(&*pattern).display().to_string();
        }
        Ok(configuration)
    }

    /// The configuration of a judgement of today that is made from here.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::new(today());
        config.base = working_directory()?;
        config.apply(self.settings.clone());
        Ok(config)
    }

    /// Where the file is, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.documents.as_ref().map(|documents| Path::new(&*documents.tree.source().name))
    }

    /// The text of the file, if there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.documents.as_ref().map(|documents| &*documents.tree.source().text)
    }

    /// The paths that are not read, where `*` stands for any characters.
    pub(crate) fn exclude(&self) -> &[String] {
        &self.settings.exclude
    }

    /// The file of findings that are not held against anybody.
    pub(crate) fn baseline(&self) -> Option<&Path> {
        self.settings.baseline.as_deref().map(Path::new)
    }

    /// Where the file says something under these keys, as `file:line`.
    pub(crate) fn place(&self, keys: &[&str]) -> Option<String> {
        let tree = &self.documents.as_ref()?.tree;
        let (last, parents) = keys.split_last()?;
        let entry = tree.roots().next()?.at(parents)?.entry(last)?;
        let source = tree.source();
        Some(format!("{}:{}", source.name, source.position(entry.key.span().start).line))
    }
}

fn working_directory() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("cannot find the working directory")
}

/// The nearest configuration file in the folder of an input or above it.
fn find(input: &Path) -> anyhow::Result<Option<PathBuf>> {
    let here = working_directory()?;
    let input = if input == Path::new("-") { Path::new(".") } else { input };
    let Ok(start) = here.join(input).canonicalize() else { return Ok(None) };
    let found = start.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
    // Named as the user would, where that is shorter.
    Ok(found.map(|file| file.strip_prefix(here).map(Path::to_owned).unwrap_or(file)))
}

/// Reads a file of hardline's own, which is one document. What is wrong with it is told by line.
pub(crate) fn parse<T: Default>(
    source: Source,
    read: fn(Value<'_>) -> Result<T, Vec<Problem>>,
) -> anyhow::Result<(T, Documents)> {
    let source = Arc::new(source);
    let documents = document::parse(&source);
    let mut problems: Vec<_> = documents.problems.iter().map(|it| (it.span, it.message.clone())).collect();
    let twice = documents.duplicates.iter().map(|it| (it.span, format!("key `{}` is written twice", it.key)));
    problems.extend(twice);
    let mut parsed = T::default();
    let mut roots = documents.tree.roots();
    if let Some(root) = roots.next().filter(|_| problems.is_empty()) {
        match read(root) {
            Ok(read) => parsed = read,
            Err(found) => problems.extend(found.into_iter().map(|it| (it.span, it.message))),
        }
    }
    problems.extend(roots.next().map(|root| (root.span(), "the file is one document".to_owned())));
    drop(roots);
    if problems.is_empty() {
        return Ok((parsed, documents));
    }
    let line = |(span, message): &(Span, String)| {
        let at = source.position(span.start);
        format!("{}:{}:{}: {message}", source.name, at.line, at.column)
    };
    bail!(problems.iter().map(line).collect::<Vec<_>>().join("\n"))
}
