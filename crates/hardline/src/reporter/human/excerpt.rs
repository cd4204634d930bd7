//! The few lines of a manifest around the places that a finding is about.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Level, Origin, Snippet};
use hardline_core::report::Location;

use crate::terminal::{is_hidden, visible};

/// Lines shown above and below a mark.
const CONTEXT: u32 = 2;
/// Marks at most so many lines apart share an excerpt.
const NEAR: u32 = 8;
/// Longer lines, in bytes, are not shown whole: minified JSON is one line of megabytes.
const LONG: usize = 400;
/// Bytes of a long line shown before its mark.
const BEFORE: usize = 40;
/// Bytes of a long line shown from its mark on.
const AFTER: usize = 60;

/// A place to mark, and what to say there.
pub(crate) struct Mark<'a> {
    pub(crate) primary: bool,
    pub(crate) location: &'a Location,
    pub(crate) label: String,
}

/// Consecutive lines of one text with marks in them.
pub(crate) struct Excerpt<'a> {
    marks: Vec<Mark<'a>>,
    first: u32,
    last: u32,
}

impl<'a> Excerpt<'a> {
    /// The excerpts that show these marks, in the order of the marks.
    pub(crate) fn of(marks: Vec<Mark<'a>>) -> Vec<Self> {
        let mut excerpts: Vec<Self> = Vec::new();
        for mark in marks {
            match excerpts.iter_mut().find(|excerpt| excerpt.is_near(mark.location)) {
                Some(excerpt) => excerpt.add(mark),
                None => excerpts.push(Self::new(mark)),
            }
        }
        excerpts
    }

    fn new(mark: Mark<'a>) -> Self {
        let (first, last) = lines_around(mark.location);
        Self { marks: vec![mark], first, last }
    }

    fn add(&mut self, mark: Mark<'a>) {
        let (first, last) = lines_around(mark.location);
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        self.marks.push(mark);
    }

    fn is_near(&self, location: &Location) -> bool {
        let same = std::ptr::eq(&raw const *self.location().source, &raw const *location.source);
        let (first, last) = lines_around(location);
        let near = first <= self.last + NEAR && self.first <= last + NEAR;
        same && near && !is_long(location) && !is_long(self.location())
    }

    fn location(&self) -> &'a Location {
        self.marks[0].location
    }

    /// What the renderer is to show.
    pub(crate) fn elements(&self) -> Vec<Element<'a>> {
        let mut elements = match self.marks.as_slice() {
            [mark] if is_long(mark.location) => cut(mark),
            _ => vec![self.snippet().into()],
        };
        if self.location().rendered {
            elements.push(Level::NOTE.message("line numbers count in the rendered text").into());
        }
        elements
    }

    fn snippet(&self) -> Snippet<'a, Annotation<'a>> {
        let mut text = String::new();
        let mut annotations = Vec::new();
        for number in self.first..=self.last {
            let (line, start) = self.location().source.line(number);
            for mark in self.marks.iter().filter(|mark| mark.location.line == number) {
                let range = within(mark.location, &line, start);
                let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let label = (!mark.label.is_empty()).then(|| visible(&mark.label).into_owned());
                annotations.push(kind.span(text.len() + range.start..text.len() + range.end).label(label));
            }
            let shown = line.get(..line.floor_char_boundary(LONG)).unwrap_or_default();
            // The renderer shows control characters as signs, but not those of two bytes.
            let harmless = |it: char| if is_hidden(it) && it.len_utf8() == 2 { '·' } else { it };
            text.extend(shown.chars().map(harmless));
            text.push('\n');
        }
        let path = visible(self.location().file());
        Snippet::source(text).path(path).line_start(self.first as usize).fold(false).annotations(annotations)
    }
}

/// A line to show, and what is marked in it.
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) mark: Option<Range<usize>>,
}

/// The lines around a location; of a long line, what is near the mark.
pub(crate) fn lines(location: &Location) -> Vec<Line> {
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

/// A mark in a line too long to be shown: its position, and the text from there on.
fn cut<'a>(mark: &Mark<'a>) -> Vec<Element<'a>> {
    let location = mark.location;
    let (line, start) = location.source.line(location.line);
    let from = line.floor_char_boundary(within(location, &line, start).start.saturating_sub(BEFORE));
    let to = line.floor_char_boundary(from + BEFORE + AFTER);
    let text = visible(line.get(from..to).unwrap_or_default());
    let before = if from > 0 { "…" } else { "" };
    let after = if to < line.len() { "…" } else { "" };
    let mut elements = vec![
        Origin::path(visible(location.file()))
            .line(location.line as usize)
            .char_column(location.column as usize)
            .into(),
        Level::NOTE.no_name().message(format!("{before}{text}{after}")).into(),
    ];
    if !mark.label.is_empty() {
        elements.push(Level::NOTE.message(visible(&mark.label).into_owned()).into());
    }
    elements
}

fn is_long(location: &Location) -> bool {
    location.source.line(location.line).0.len() > LONG
}

/// The lines to show around a location: a few, and none of other documents.
fn lines_around(location: &Location) -> (u32, u32) {
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
fn within(location: &Location, line: &str, start: u32) -> Range<usize> {
    // Readers may point into a character that they could not read.
    let at = |offset: u32| line.floor_char_boundary(offset.saturating_sub(start) as usize);
    let from = at(location.span.start);
    from..at(location.span.end).max(from)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardline_core::source::{Source, Span};

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
