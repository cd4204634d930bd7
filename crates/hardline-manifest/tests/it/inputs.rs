//! What tests of inputs share.

use std::fs;
use std::path::Path;

use hardline_core::resource::Resource;
use hardline_manifest::load::{Error, Input, Loaded, Options, load};
use tempfile::TempDir;

/// A directory with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

pub(crate) fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

pub(crate) fn try_read<P: AsRef<Path>>(paths: &[P], options: &Options) -> Result<Loaded, Error> {
    let inputs = paths.iter().map(|path| Input::Path(path.as_ref().to_owned())).collect();
    load(inputs, options, &|_| {})
}

pub(crate) fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.resources.iter().map(Resource::name).collect()
}
