//! Changes of files, for people and for `patch`.

use similar::TextDiff;

/// The unified diff of a file, as `patch -p1` reads it; empty where nothing changes.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> String {
    let name = name.trim_start_matches('/');
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
}
