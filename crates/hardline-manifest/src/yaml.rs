//! YAML in the dialect that Kubernetes reads.

use hardline_core::source::Span;
use memchr::memmem;

use crate::document::Problem;

pub(crate) mod complete;
pub(crate) mod fast;

/// The byte ranges of the documents: separators are lines that begin with `---`.
///
/// Each range but the first begins with its separator. Directives stay with their document. A byte
/// order mark is left out.
pub(crate) fn split(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut separators = memmem::find_iter(text.as_bytes(), "\n---").map(|at| at + 1);
    let mut start = Some(if text.starts_with('\u{feff}') { 3 } else { 0 });
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

/// Refuses the characters that YAML refuses: most control characters, and what is no character.
pub(crate) fn check_characters(text: &str, (start, end): (usize, usize)) -> Result<(), Problem> {
    let suspect =
        |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || matches!(byte, 0x7F | 0xC2 | 0xEF);
    let bytes = &text.as_bytes()[start..end];
    // Whole blocks first: without an early end the compiler makes vectors of them.
    let blocks = bytes.chunks(1024).map(|block| block.iter().fold(false, |any, &byte| any | suspect(byte)));
    for (block, _) in blocks.enumerate().filter(|(_, any)| *any) {
        let from = text.floor_char_boundary(start + block * 1024);
        let to = text.ceil_char_boundary((from + 1024).min(end));
        if let Some((at, character)) = text[from..to].char_indices().find(|&(_, character)| is_refused(character)) {
            let message = format!("the character U+{:04X} is not allowed in YAML", u32::from(character));
            return Err(Problem::new(
                message,
                Span::new((from + at) as u32, (from + at + character.len_utf8()) as u32),
            ));
        }
    }
    Ok(())
}

/// The characters that libyaml's reader refuses.
fn is_refused(character: char) -> bool {
    let allowed = matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    (character.is_control() && !allowed) || matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// Refuses text between the end of a document, by `...`, and the next separator.
pub(crate) fn nothing_follows(text: &str, (ended, end): (usize, usize)) -> Result<(), Problem> {
    let mut at = ended;
    for line in text[ended..end].split_inclusive('\n') {
        let written = line.trim();
        if !written.is_empty() && !written.starts_with('#') && written != "..." {
            let start = at + (line.len() - line.trim_start().len());
            let span = Span::new(start as u32, (start + written.len()) as u32);
            let mut problem = Problem::new("Kubernetes reads nothing between `...` and the next `---`", span);
            problem.help = Some("separate documents by `---`".to_owned());
            return Err(problem);
        }
        at += line.len();
    }
    Ok(())
}

/// Says so where a document that cannot be read is a template that nobody rendered.
pub(crate) fn explain(problem: Problem, document: &str, base: usize) -> Problem {
    let at = (problem.span.start as usize - base).min(document.len());
    let line = |at: usize| {
        let start = document[..at].rfind('\n').map_or(0, |newline| newline + 1);
        (start, document[start..].lines().next().unwrap_or_default())
    };
    let (start, here) = line(document.floor_char_boundary(at));
    let (_, before) = line(start.saturating_sub(1));
    let is_action = |line: &str| line.trim_start_matches(['-', ' ']).starts_with("{{");
    let found = if here.contains("{{") {
        Some(start)
    } else if before.contains("{{") || document.lines().any(is_action) {
        Some(0)
    } else {
        None
    };
    let Some(action) = found.and_then(|from| document[from..].find("{{").map(|at| from + at)) else {
        return problem;
    };
    let written = document[action..].lines().next().unwrap_or_default();
    let written = &written[..written.find("}}").map_or(written.len(), |end| end + 2)];
    let start = base + action;
    Problem {
        message: format!("`{written}` is for a template engine, not YAML"),
        span: Span::new(start as u32, (start + written.len()) as u32),
        help: Some("pass the chart's directory, so that Helm renders it".to_owned()),
    }
}
