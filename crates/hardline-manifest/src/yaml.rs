//! YAML in the dialect that Kubernetes reads.

pub(crate) mod complete;

/// The byte ranges of the documents: separators are lines that begin with `---`.
pub(crate) fn split(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let is_separator = |at: usize| {
        let rest = &text.as_bytes()[at..];
        rest.starts_with(b"---") && matches!(rest.get(3), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
    };
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let lines = text[from..].match_indices('\n').map(|(at, _)| from + at + 1);
        let end = lines.filter(|&at| at > from).find(|&at| is_separator(at));
        start = end;
        Some((from, end.unwrap_or(text.len())))
    })
}
