//! The few lines of a manifest around the places that a finding is about.

use annotate_snippets::{Annotation, AnnotationKind, Element, Level, Origin, Snippet};
use hardline_core::excerpt::{AFTER, BEFORE, LONG, is_long, lines_around, within};
use hardline_core::report::Location;

use crate::terminal::{is_hidden, visible};

/// Marks at most so many lines apart share an excerpt.
const NEAR: u32 = 8;

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
