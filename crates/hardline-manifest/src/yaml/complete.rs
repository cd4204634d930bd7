//! All of YAML, by the `granit-parser` crate.

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle, Tag};
use hardline_core::source::Span;
use hardline_core::tree::{BuildError, Style, TreeBuilder};

use crate::document::Problem;

/// Reads one document, which begins at `base` in the source, into the builder.
pub(crate) fn parse(text: &str, base: usize, builder: &mut TreeBuilder) -> Result<(), Problem> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let at = |offset: usize| (base + offset) as u32;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let offset = at(error.marker().byte_offset().unwrap_or(0).min(text.len()));
            Problem { message: error.info(), span: Span::new(offset, offset) }
        })?;
        let range = span.byte_range().unwrap_or_default();
        let (start, end) = (at(range.start), at(range.end));
        add(event, start, end, text, base, builder)
            .map_err(|error| Problem { message: error.to_string(), span: Span::new(start, end) })?;
    }
    Ok(())
}

fn add(
    event: Event<'_>,
    start: u32,
    end: u32,
    text: &str,
    base: usize,
    builder: &mut TreeBuilder,
) -> Result<(), BuildError> {
    let anchor = |id: usize, builder: &mut TreeBuilder| {
        if id > 0 {
            builder.anchor(id);
        }
    };
    match event {
        Event::Scalar(value, style, id, tag) => {
            anchor(id, builder);
            let written = &text[start as usize - base..end as usize - base];
            scalar(&value, style, tag.as_deref(), written, start, end, builder)
        }
        Event::SequenceStart(style, id, _) => {
            anchor(id, builder);
            builder.begin_seq(start, style == StructureStyle::Flow)
        }
        Event::MappingStart(style, id, _) => {
            anchor(id, builder);
            builder.begin_map(start, style == StructureStyle::Flow)
        }
        Event::SequenceEnd | Event::MappingEnd => {
            builder.end(end);
            Ok(())
        }
        Event::Alias(id) => builder.alias(start, end, id),
        _ => Ok(()),
    }
}

fn scalar(
    value: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    written: &str,
    start: u32,
    end: u32,
    builder: &mut TreeBuilder,
) -> Result<(), BuildError> {
    let plain = style == ScalarStyle::Plain;
    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    match tag.and_then(Tag::core_suffix) {
        None if tag.is_none() && plain && written == value => builder.scalar(start, end, Style::Plain),
        None if tag.is_none()
            && !plain
            && written.len() == value.len() + 2
            && &written[1..written.len() - 1] == value =>
        {
            builder.scalar(start, end, Style::Text)
        }
        None if tag.is_none() && plain => builder.scalar_with_text(start, end, Style::Plain, false, value),
        None | Some("str") => builder.scalar_with_text(start, end, Style::Text, block, value),
        Some(_) => builder.scalar_with_text(start, end, Style::Plain, block, value),
    }
}
