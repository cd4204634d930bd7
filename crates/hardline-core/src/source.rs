//! Where text came from: a file, standard input, a rendered template, a request body.

use std::borrow::Cow;
use std::sync::OnceLock;

/// A named text that resources were read from.
#[derive(Debug)]
pub struct Source {
    /// What people call it: the path as given, `-` for standard input, or the
    /// template a chart rendered it from.
    pub name: String,
    /// The whole text. Byte offsets in [`Span`] point into it.
    pub text: String,
    /// Whether the text is the output of a renderer (Helm, Kustomize), so that
    /// line numbers count in the rendered text and not in a file on disk.
    pub rendered: bool,
    index: OnceLock<Index>,
    /// What is not shown, in order.
    hidden: OnceLock<Vec<Span>>,
}

/// What makes [`Source::position`] cheap wherever it is asked, also in one line of many megabytes.
#[derive(Debug)]
struct Index {
    /// Where each line starts.
    lines: Vec<u32>,
    /// How many characters start before each multiple of [`BLOCK`] bytes; empty where each byte is one.
    characters: Vec<u32>,
}

/// Bytes between two counts of characters.
const BLOCK: usize = 1024;

/// A half-open range of byte offsets in a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just past the last byte.
    pub end: u32,
}

/// A position people read: both numbers count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in Unicode scalar values, from 1.
    pub column: u32,
}

impl Source {
    /// A text that is exactly what the named place holds.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), rendered: false, index: OnceLock::new(), hidden: OnceLock::new() }
    }

    /// A text that a renderer made from the named template.
    pub fn rendered(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { rendered: true, ..Self::new(name, text) }
    }

    /// Line and column of a byte offset. Offsets past the end give the end.
    pub fn position(&self, offset: u32) -> Position {
        let index = self.index.get_or_init(|| Index::new(self.text.as_bytes()));
        let offset = (offset as usize).min(self.text.len());
        let line = index.lines.partition_point(|&start| start as usize <= offset);
        let start = index.lines[line - 1] as usize;
        let characters = |to: usize| index.characters_before(self.text.as_bytes(), to);
        Position { line: line as u32, column: characters(offset) - characters(start) + 1 }
    }

    /// Says what of the text is never shown, once: secrets.
    pub(crate) fn hide(&self, mut spans: Vec<Span>) {
        spans.sort_unstable();
        // The text is the same whoever asks, and so is what is secret in it.
        let _ = self.hidden.set(spans);
    }

    /// The text of a line to show, without its end, and the byte offset where it starts. Lines past
    /// the last one are empty. Secrets are stars, as many as they have bytes.
    pub fn line(&self, line: u32) -> (Cow<'_, str>, u32) {
        let (text, start) = self.raw_line(line);
        let end = start + text.len() as u32;
        let hidden = self.hidden.get().map_or(&[][..], Vec::as_slice);
        let first = hidden.partition_point(|span| span.end <= start);
        let mut shown = Cow::Borrowed(text);
        for span in hidden[first..].iter().take_while(|span| span.start < end) {
            let from = text.floor_char_boundary(span.start.saturating_sub(start) as usize);
            let to = text.ceil_char_boundary((span.end.min(end) - start) as usize);
            let indent = text[from..to].len() - text[from..to].trim_start().len();
            let mask = "*".repeat(to - from - indent);
            shown.to_mut().replace_range(from + indent..to, &mask);
        }
        (shown, start)
    }

    fn raw_line(&self, line: u32) -> (&str, u32) {
        let index = self.index.get_or_init(|| Index::new(self.text.as_bytes()));
        let at = |line: u32| index.lines.get(line as usize).map_or(self.text.len(), |&start| start as usize);
        let (start, end) = (at(line.saturating_sub(1)), at(line));
        (self.text[start..end].trim_end_matches(['\n', '\r']), start as u32)
    }

    /// The text a span covers; empty when the span does not fall on characters.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

impl Index {
    fn new(text: &[u8]) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text).map(|at| at as u32 + 1);
        let mut lines: Vec<u32> = std::iter::once(0).chain(newlines).collect();
        lines.shrink_to_fit();
        if text.is_ascii() {
            return Self { lines, characters: Vec::new() };
        }
        let mut before = 0;
        let counts = text.chunks(BLOCK).map(|block| {
            before += characters(block);
            before
        });
        let characters = std::iter::once(0).chain(counts).collect();
        Self { lines, characters }
    }

    fn characters_before(&self, text: &[u8], offset: usize) -> u32 {
        let block = offset / BLOCK;
        let Some(before) = self.characters.get(block) else { return offset as u32 };
        before + characters(&text[block * BLOCK..offset])
    }
}

/// How many characters start in a stretch of UTF-8.
fn characters(bytes: &[u8]) -> u32 {
    const CONTINUATION: std::ops::RangeInclusive<u8> = 0x80..=0xBF;
    bytes.iter().filter(|byte| !CONTINUATION.contains(byte)).count() as u32
}

impl Span {
    /// The place at a byte offset, without extent.
    pub fn at(offset: usize) -> Self {
        Self { start: offset as u32, end: offset as u32 }
    }

    /// A span from byte offsets.
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("a.yaml", "a: é\nb: x\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(5), Position { line: 1, column: 5 });
        assert_eq!(source.position(6), Position { line: 2, column: 1 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn positions_in_a_line_longer_than_a_block_are_exact() {
        let text = "é😀x".repeat(BLOCK);
        let source = Source::new("a.json", format!("{text}\n{text}"));
        for (characters, (at, _)) in (1..).zip(text.char_indices()) {
            assert_eq!(source.position(at as u32), Position { line: 1, column: characters });
            let below = (text.len() + 1 + at) as u32;
            assert_eq!(source.position(below), Position { line: 2, column: characters });
        }
        assert_eq!(source.position(u32::MAX), Position { line: 2, column: 3 * BLOCK as u32 + 1 });
    }

    #[test]
    fn lines_come_without_their_ends() {
        let source = Source::new("a.yaml", "a\r\n\nlast");
        let lines: Vec<_> = (1..=4).map(|line| source.raw_line(line)).collect();
        assert_eq!(lines, [("a", 0), ("", 3), ("last", 4), ("", 8)]);
    }

    #[test]
    fn what_is_hidden_is_stars() {
        let source = Source::new("a.yaml", "a: sécret\nb: |\n  x\n  y z\nc: d\n");
        source.hide(vec![Span::new(14, 25), Span::new(3, 10)]);
        let lines: Vec<_> = (1..=5).map(|line| source.line(line).0.into_owned()).collect();
        assert_eq!(lines, ["a: *******", "b: *", "  *", "  ***", "c: d"]);
    }
}
