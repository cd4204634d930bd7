//! Files that are written from the code: with `--check`, only compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{chart, docs, root};

/// Writes all generated files, or fails if one is not up to date.
pub(crate) fn write(check: bool) -> anyhow::Result<()> {
    let stale = stale()?;
    if check && !stale.is_empty() {
        let files: Vec<_> = stale.keys().map(|path| path.display().to_string()).collect();
        bail!("not up to date: {}\nrun `cargo xtask gen`", files.join(", "));
    }
    for (path, text) in stale {
        let full = root().join(&path);
        if let Some(text) = text {
            fs::create_dir_all(full.parent().expect("files lie in folders"))?;
            fs::write(&full, text).with_context(|| format!("writing {}", path.display()))?;
            println!("wrote {}", path.display());
        } else {
            fs::remove_file(&full)?;
            println!("removed {}", path.display());
        }
    }
    Ok(())
}

/// The files that differ from what they should hold; `None` for those that should not exist.
pub(crate) fn stale() -> anyhow::Result<BTreeMap<PathBuf, Option<String>>> {
    let mut wanted = docs::files();
    let mut stale = BTreeMap::new();
    for entry in fs::read_dir(root().join(docs::FOLDER)).into_iter().flatten() {
        let path = PathBuf::from(docs::FOLDER).join(entry?.file_name());
        if !wanted.contains_key(&path) {
            stale.insert(path, None);
        }
    }
    wanted.extend(chart::files());
    for (path, text) in wanted {
        if fs::read_to_string(root().join(&path)).ok().as_deref() != Some(&text) {
            stale.insert(path, Some(text));
        }
    }
    Ok(stale)
}
