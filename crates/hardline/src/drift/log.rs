//! Reads logs of who changed what.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use anyhow::Context as _;
use hardline_core::drift::Records;

/// The changes in these logs, and what people should know about them.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<(Records, Vec<String>)> {
    let mut records = Records::default();
    let mut notices = Vec::new();
    for path in paths {
        let cannot = || format!("cannot read `{}`", path.display());
        let before = records.taken;
        let mut file = BufReader::new(File::open(path).with_context(cannot)?);
        let mut line = Vec::new();
        // Bytes and not text: a line that was cut in a character spoils that line alone.
        while file.read_until(b'\n', &mut line).with_context(cannot)? > 0 {
            records.read(&line);
            line.clear();
        }
        if records.taken == before {
            notices.push(format!("`{}` has no change of any object in it", path.display()));
        }
    }
    records.finish();
    Ok((records, notices))
}
