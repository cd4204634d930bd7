//! Where text came from: a file, standard input, a rendered template, a request body.

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
    lines: OnceLock<Vec<u32>>,
}

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
        Self { name: name.into(), text: text.into(), rendered: false, lines: OnceLock::new() }
    }

    /// A text that a renderer made from the named template.
    pub fn rendered(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { rendered: true, ..Self::new(name, text) }
    }

    /// Line and column of a byte offset. Offsets past the end give the end.
    pub fn position(&self, offset: u32) -> Position {
        let lines = self.lines.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect()
        });
        let offset = (offset as usize).min(self.text.len());
        let line = lines.partition_point(|&start| start as usize <= offset);
        let start = lines[line - 1] as usize;
        let column = String::from_utf8_lossy(&self.text.as_bytes()[start..offset]).chars().count();
        Position { line: line as u32, column: column as u32 + 1 }
    }

    /// The text a span covers; empty when the span does not fall on characters.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

impl Span {
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
}
