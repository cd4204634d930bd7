//! Kustomizations: built by Kustomize itself when one is named, read file by file otherwise.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hardline_core::source::Source;
use hardline_core::tree::Value;

use crate::document;
use crate::renderer::{self, RenderError};
use crate::walk;

/// The names that Kustomize looks for, in its order.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The file that makes a directory a kustomization.
pub(crate) fn file_in(directory: &Path) -> Option<PathBuf> {
    FILES.iter().map(|name| directory.join(name)).find(|file| file.is_file())
}

/// Whether this is the file of a kustomization.
pub(crate) fn is_kustomization(file: &Path) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| FILES.contains(&name))
}

/// What a kustomization builds to, as one source named by its file.
pub(crate) fn build(directory: &Path, program: Option<&OsString>, limit: u64) -> Result<Source, RenderError> {
    let file = file_in(directory).unwrap_or_else(|| directory.to_owned());
    Ok(Source::rendered(walk::name(&file), run(directory, program, limit)?))
}

fn run(directory: &Path, program: Option<&OsString>, limit: u64) -> Result<String, RenderError> {
    if let Some(program) = program {
        return renderer::run(Command::new(program).arg("build").arg(directory), limit);
    }
    match renderer::run(Command::new("kustomize").arg("build").arg(directory), limit) {
        Err(RenderError::Missing(_)) => {}
        result => return result,
    }
    renderer::run(Command::new("kubectl").arg("kustomize").arg(directory), limit).map_err(|error| match error {
        RenderError::Missing(_) => RenderError::Missing("kustomize or kubectl".to_owned()),
        error => error,
    })
}

/// The files that a kustomization uses, but does not apply: patches, settings of generators and
/// transformers, the data of generated objects. Broken kustomizations use none.
///
/// Read as they are, they would be judged as objects that lack what the patched ones have.
pub(crate) fn parts(file: &Path) -> Vec<PathBuf> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let documents = document::parse(&Arc::new(Source::new("", text)));
    let mut parts = Vec::new();
    for root in documents.tree.roots() {
        let list = |key| root.get(key).into_iter().flat_map(Value::items);
        for key in ["patchesStrategicMerge", "configurations", "crds", "generators", "transformers", "validators"] {
            parts.extend(list(key).filter_map(Value::str));
        }
        for key in ["patches", "patchesJson6902", "replacements"] {
            parts.extend(list(key).filter_map(|item| item.get("path")?.str()));
        }
        for generator in list("configMapGenerator").chain(list("secretGenerator")) {
            let files = generator.get("files").into_iter().flat_map(Value::items).filter_map(Value::str);
            // An entry may say under which key the file is to be found: `key=path`.
            parts.extend(files.map(|file| file.split_once('=').map_or(file, |(_, path)| path)));
        }
        parts.extend(root.at(&["openapi", "path"]).and_then(Value::str));
    }
    // Patches and transformers may also be written in place, over several lines.
    let parts = parts.into_iter().filter(|part| !part.contains('\n'));
    parts.map(|part| file.with_file_name(part)).collect()
}
