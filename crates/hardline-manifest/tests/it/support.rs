//! Real text, and ways to look at what was read of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::source::Source;
use hardline_manifest::document::{self, Documents};
use serde_json::Value as Json;

/// A folder of real input, which lies beside the repository.
pub(crate) fn shared(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    folder.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// All YAML files below a folder, sorted.
pub(crate) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The documents of a text.
pub(crate) fn documents(text: impl Into<String>) -> Documents {
    document::parse(&Arc::new(Source::new("test.yaml", text)))
}

/// A value with every number as a float, so that `1`, `1.0` and `1e0` are equal.
pub(crate) fn by_value(json: &Json) -> Json {
    match json {
        Json::Number(number) => number.as_f64().map_or(Json::Null, Json::from),
        Json::Array(items) => items.iter().map(by_value).collect(),
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, value)| (key.clone(), by_value(value))).collect())
        }
        _ => json.clone(),
    }
}
