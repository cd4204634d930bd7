//! YAML in the dialect that Kubernetes reads.

use memchr::memmem;

pub(crate) mod complete;

/// The byte ranges of the documents: separators are lines that begin with `---`.
///
/// Each range but the first begins with its separator. Directives stay with their document.
pub(crate) fn split(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut separators = memmem::find_iter(text.as_bytes(), "\n---").map(|at| at + 1);
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        start = separators.find(|&at| !holds_only_directives(&text[from..at]));
        Some((from, start.unwrap_or(text.len())))
    })
}

fn holds_only_directives(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| line.starts_with('%')) && lines.all(|line| line.starts_with('%'))
}
