//! Finds and reads `hardline.yaml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hardline_core::config::file::{self, File};
use hardline_core::source::Source;
use hardline_manifest::document;

/// The name of the configuration file.
const NAME: &str = "hardline.yaml";

/// Reads the configuration file that is named, else the one found upward from an input. Its patterns
/// of paths become absolute.
pub(crate) fn read(named: Option<&Path>, input: &Path, here: &Path) -> anyhow::Result<File> {
    let found = match named {
        Some(path) => Some(path.to_owned()),
        None => find(here, input),
    };
    let Some(path) = found else { return Ok(File::default()) };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut file = parse(Source::new(path.display().to_string(), text))?;
    let folder = path.canonicalize().unwrap_or(path);
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let patterns = file.overrides.iter_mut().flat_map(|overrides| &mut overrides.paths).chain(&mut file.exclude);
    for pattern in patterns {
        *pattern = folder.join(&*pattern).display().to_string();
    }
    Ok(file)
}

/// The nearest configuration file in the folder of an input or above it.
fn find(here: &Path, input: &Path) -> Option<PathBuf> {
    let input = if input == Path::new("-") { Path::new(".") } else { input };
    let start = here.join(input).canonicalize().ok()?;
    let file = start.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file())?;
    // Named as the user would, where that is shorter.
    Some(file.strip_prefix(here).map(Path::to_owned).unwrap_or(file))
}

fn parse(source: Source) -> anyhow::Result<File> {
    let source = Arc::new(source);
    let documents = document::parse(&source);
    let mut problems: Vec<_> = documents.problems.iter().map(|it| (it.span, it.message.clone())).collect();
    let twice = documents.duplicates.iter().map(|it| (it.span, format!("key `{}` is written twice", it.key)));
    problems.extend(twice);
    let mut file = File::default();
    let mut roots = documents.tree.roots();
    if let Some(root) = roots.next().filter(|_| problems.is_empty()) {
        match file::read(root) {
            Ok(read) => file = read,
            Err(found) => problems.extend(found.into_iter().map(|it| (it.span, it.message))),
        }
    }
    problems.extend(roots.next().map(|root| (root.span(), "the configuration is one document".to_owned())));
    if problems.is_empty() {
        return Ok(file);
    }
    let line = |(span, message): &(_, String)| {
        let span: &hardline_core::source::Span = span;
        let at = source.position(span.start);
        format!("{}:{}:{}: {message}", source.name, at.line, at.column)
    };
    bail!(problems.iter().map(line).collect::<Vec<_>>().join("\n"))
}
