//! Kustomizations: built by Kustomize itself when one is named, read file by file otherwise.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hardline_core::source::Source;
use hardline_core::tree::Value;

use crate::document;
use crate::renderer::{self, RenderError};
use crate::walk;
use crate::yaml;

/// The names that Kustomize looks for, in its order.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The file that makes a directory a kustomization.
pub fn file_in(directory: &Path) -> Option<PathBuf> {
    FILES.iter().map(|name| directory.join(name)).find(|file| file.is_file())
}

/// Whether this is the file of a kustomization.
pub(crate) fn is_kustomization(file: &Path) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| FILES.contains(&name))
}

/// What a kustomization builds to: one source for each file that objects come from, by name.
///
/// Kustomize tells where an object comes from when the outermost kustomization asks for it. So one
/// that asks is put around the named one, which is not touched. Where that does not build, what the
/// named one builds to by itself is one source, named by its file.
pub(crate) fn build(directory: &Path, program: Option<&OsString>, limit: u64) -> Result<Vec<Source>, RenderError> {
    if let Some(sources) = build_with_origins(directory, program, limit) {
        return Ok(sources);
    }
    let built = run(directory, program, limit)?;
    Ok(vec![Source::rendered(walk::name(&file_in(directory).unwrap_or_else(|| directory.to_owned())), built)])
}

fn build_with_origins(directory: &Path, program: Option<&OsString>, limit: u64) -> Option<Vec<Source>> {
    let real = directory.canonicalize().ok()?;
    let wrapper = tempfile::tempdir().ok()?;
    let outside = wrapper.path().canonicalize().ok()?;
    // Kustomize takes other kustomizations by relative path only.
    let up: PathBuf = outside.components().skip(1).map(|_| Component::ParentDir).collect();
    let resource = serde_json::to_string(&up.join(real.strip_prefix("/").ok()?)).ok()?;
    let text = format!("resources: [{resource}]\nbuildMetadata: [originAnnotations]\n");
    std::fs::write(outside.join(FILES[0]), text).ok()?;
    let built = run(&outside, program, limit).ok()?;

    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for (start, end) in yaml::split(&built) {
        let object = &built[start..end];
        let file =
            origin(object).map_or_else(|| file_in(&real).unwrap_or_default(), |path| resolve(&outside.join(path)));
        let name = name_beside(directory, &file);
        let text = sources.entry(name).or_default();
        text.push_str("---\n");
        text.push_str(object.strip_prefix("---\n").unwrap_or(object));
    }
    Some(sources.into_iter().map(|(name, text)| Source::rendered(name, text)).collect())
}

/// The file that an object comes from, or the kustomization that generates it, unless that is in
/// another repository.
fn origin(object: &str) -> Option<PathBuf> {
    let documents = document::parse(&Arc::new(Source::new("", object)));
    let root = documents.tree.roots().next()?;
    let origin = root.at(&["metadata", "annotations", "config.kubernetes.io/origin"])?.str()?;
    let origin = document::parse(&Arc::new(Source::new("", origin)));
    let origin = origin.tree.roots().next()?;
    let path = origin.get("path").or_else(|| origin.get("configuredIn"))?.str()?;
    origin.get("repo").is_none().then(|| path.into())
}

/// The path without `..`. Kustomize resolves links before it prints paths, so none hides behind one.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            resolved.pop();
        } else {
            resolved.push(component);
        }
    }
    resolved
}

/// What people call a file who call a directory this: relative to where they are if that is.
fn name_beside(directory: &Path, file: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let relative = here.filter(|_| directory.is_relative()).and_then(|here| relative_to(&here, file));
    relative.as_deref().unwrap_or(file).display().to_string()
}

/// The way from one place to another, by `..` as far as needed.
fn relative_to(here: &Path, file: &Path) -> Option<PathBuf> {
    here.ancestors().enumerate().find_map(|(up, ancestor)| {
        let down = file.strip_prefix(ancestor).ok()?;
        Some(std::iter::repeat_n(Path::new(".."), up).chain([down]).collect())
    })
}

/// What `kustomize build`, or else `kubectl kustomize`, prints.
fn run(directory: &Path, program: Option<&OsString>, limit: u64) -> Result<String, RenderError> {
    if let Some(program) = program {
        return renderer::run(Command::new(program).arg("build").arg(directory), limit);
    }
    match renderer::run(Command::new("kustomize").arg("build").arg(directory), limit) {
        Err(missing @ RenderError::Missing(_)) => {
            match renderer::run(Command::new("kubectl").arg("kustomize").arg(directory), limit) {
                Err(RenderError::Missing(_)) => Err(missing),
                built => built,
            }
        }
        built => built,
    }
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

/// The folders that a kustomization is made from, its own among them; absolute and without links.
pub(crate) fn folders(directory: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        let (Some(file), Ok(real)) = (file_in(&directory), directory.canonicalize()) else { continue };
        if folders.contains(&real) {
            continue;
        }
        folders.push(real);
        for used in parts(&file).into_iter().chain(resources(&file)) {
            if used.is_dir() {
                next.push(used);
            } else if let Some(folder) = used.parent().and_then(|folder| folder.canonicalize().ok()) {
                folders.push(folder);
            }
        }
    }
    folders
}

/// The files of kustomizations that one is made from, its own among them, as people name them.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let folders = folders(directory);
    let files = folders.iter().filter_map(|folder| file_in(folder));
    files.map(|file| name_beside(directory, &file).into()).collect()
}

/// The files and folders that a kustomization applies.
fn resources(file: &Path) -> Vec<PathBuf> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let documents = document::parse(&Arc::new(Source::new("", text)));
    let lists = ["resources", "bases", "components"];
    let entries = documents.tree.roots().flat_map(|root| lists.map(|key| root.get(key)));
    let entries = entries.flatten().flat_map(Value::items).filter_map(Value::str);
    entries.map(|entry| file.with_file_name(entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_people_are() {
        let named = |file: &str| relative_to(Path::new("/repo/overlays/prod"), Path::new(file)).unwrap();
        assert_eq!(named("/repo/overlays/prod/a.yaml"), Path::new("a.yaml"));
        assert_eq!(named("/repo/base/a.yaml"), Path::new("../../base/a.yaml"));
        assert_eq!(resolve(Path::new("/tmp/x/../../repo/a.yaml")), Path::new("/repo/a.yaml"));
    }
}
