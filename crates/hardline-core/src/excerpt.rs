//! The few lines of a manifest around the place that a finding is about.

use std::ops::Range;

use crate::report::Location;

/// Lines shown above and below a mark.
const CONTEXT: u32 = 2;
/// Longer lines, in bytes, are not shown whole: minified JSON is one line of megabytes.
pub const LONG: usize = 400;
/// Bytes of a long line shown before its mark.
pub const BEFORE: usize = 40;
/// Bytes of a long line shown from its mark on.
pub const AFTER: usize = 60;

/// A line to show, and what is marked in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u32,
    /// Its text, with secrets as stars.
    pub text: String,
    /// The bytes of it that the finding is about.
    pub mark: Option<Range<usize>>,
}

/// The lines around a location; of a long line, what is near the mark.
pub fn lines(location: &Location) -> Vec<Line> {
    let is_long = is_long(location);
    let (first, last) = if is_long { (location.line, location.line) } else { lines_around(location) };
    let line = |number| {
        let (line, start) = location.source.line(number);
        if number != location.line {
            return Line { number, text: line[..line.floor_char_boundary(LONG)].to_owned(), mark: None };
        }
        let mark = within(location, &line, start);
        let from = if is_long { line.floor_char_boundary(mark.start.saturating_sub(BEFORE)) } else { 0 };
        let to = if is_long { line.floor_char_boundary(mark.start + AFTER) } else { line.len() };
        let text = line[from..to].to_owned();
        Line { number, text, mark: Some(mark.start - from..mark.end.min(to) - from) }
    };
    (first..=last).map(line).collect()
}

/// Whether the line of a location is too long to be shown whole.
pub fn is_long(location: &Location) -> bool {
    location.source.line(location.line).0.len() > LONG
}

/// The lines to show around a location: a few, and none of other documents.
pub fn lines_around(location: &Location) -> (u32, u32) {
    let source = &location.source;
    let is_boundary = |&line: &u32| source.line(line).0.starts_with("---");
    // The end of the last line begins another one, with nothing in it.
    let end = source.position(source.text.trim_end_matches('\n').len() as u32).line;
    let line = location.line;
    let above = (line.saturating_sub(CONTEXT).max(1)..line).rev().take_while(|line| !is_boundary(line)).last();
    let below = (line + 1..=line.saturating_add(CONTEXT).min(end)).take_while(|line| !is_boundary(line)).last();
    (above.unwrap_or(line), below.unwrap_or(line))
}

/// The part of a location that is in its first line: a whole map would underline a page.
pub fn within(location: &Location, line: &str, start: u32) -> Range<usize> {
    // Readers may point into a character that they could not read.
    let at = |offset: u32| line.floor_char_boundary(offset.saturating_sub(start) as usize);
    let from = at(location.span.start);
    from..at(location.span.end).max(from)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::source::{Source, Span};

    use super::*;

    #[test]
    fn marks_lie_on_characters_of_the_first_line() {
        let source = Arc::new(Source::new("a.yaml", "é: 1\nb: 2\n"));
        let mark = |start, end| {
            let span = Span::new(start, end);
            let location = Location {
                source: source.clone(),
                line: 1,
                column: 1,
                end_line: 1,
                end_column: 1,
                rendered: false,
                span,
            };
            within(&location, "é: 1", 0)
        };
        assert_eq!(mark(0, 2), 0..2);
        assert_eq!(mark(1, 1), 0..0);
        assert_eq!(mark(4, 9), 4..5);
        assert_eq!(mark(4, 2), 4..4);
    }
}
