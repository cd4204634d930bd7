//! All of YAML, by the `granit-parser` crate, with the meaning that `sigs.k8s.io/yaml` gives it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StructureStyle, Tag};
use hardline_core::scalar::resolve_plain;
use hardline_core::source::Span;
use hardline_core::tree::{BuildError, NodeKind, Style, TreeBuilder};

use crate::document::Problem;

/// The handle that `!!` stands for.
const CORE: &str = "tag:yaml.org,2002:";

/// Why an event cannot be added.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("`{text}` is no {tag}")]
    Tag { text: String, tag: &'static str },
}

/// Reads one document into the builder. `range` are byte offsets in `text`.
///
/// Returns where the document ends: before the end of the range only if `...` ends it.
pub(crate) fn parse(text: &str, range: (usize, usize), builder: &mut TreeBuilder) -> Result<usize, Problem> {
    let (base, end) = range;
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(&text[base..end], options);
    let mut reader = Reader { text, base, builder };
    let mut ended = None;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let offset = base + error.marker().byte_offset().unwrap_or(0);
            Problem::new(plain_words(&error), Span::at(offset.min(end)))
        })?;
        let range = span.byte_range().unwrap_or_default();
        let span = Span::new((base + range.start) as u32, (base + range.end) as u32);
        match (&event, ended) {
            (Event::DocumentStart(..), Some(ended)) => return Ok(ended),
            (Event::DocumentEnd, _) => ended = Some(span.end as usize),
            _ => reader.add(event, span).map_err(|refused| Problem::new(refused.to_string(), span))?,
        }
    }
    Ok(end)
}

struct Reader<'t, 'b> {
    text: &'t str,
    /// Where the document starts.
    base: usize,
    builder: &'b mut TreeBuilder,
}

impl Reader<'_, '_> {
    fn add(&mut self, event: Event<'_>, span: Span) -> Result<(), Refused> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.anchor(anchor);
                self.scalar(&value, style, tag.as_deref(), span)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                self.anchor(anchor);
                let flow = style == StructureStyle::Flow;
                let start = if flow { span.start } else { self.first_dash(span.start) };
                self.builder.begin_seq(start, flow)?;
            }
            Event::MappingStart(style, anchor, _) => {
                self.anchor(anchor);
                self.builder.begin_map(span.start, style == StructureStyle::Flow)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.text.as_bytes().get(span.start as usize) {
                Some(b']' | b'}') if span.end > span.start => self.builder.end_flow(span.end),
                _ => self.builder.end_block(),
            },
            Event::Alias(anchor) => self.builder.alias(span.start, span.end, anchor)?,
            _ => {}
        }
        Ok(())
    }

    /// Where the node before the one being read ends.
    fn before(&self) -> usize {
        self.base.max(self.builder.last_end() as usize)
    }

    fn anchor(&mut self, anchor: usize) {
        if anchor > 0 {
            self.builder.anchor(anchor);
        }
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<(), Refused> {
        let Span { start, end } = span;
        let plain = style == ScalarStyle::Plain;
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let written = &self.text[start as usize..end as usize];
        if let Some(tag) = tag {
            let (style, value) = tagged(tag, value)?;
            let span = if block { self.block_span(span) } else { span };
            return Ok(self.builder.scalar_with_text(span.start, span.end, style, block, &value)?);
        }
        if plain && written.is_empty() {
            self.null(start)?;
        } else if plain && written == value {
            self.builder.scalar(start, end, Style::Plain)?;
        } else if plain {
            self.builder.scalar_with_text(start, end, Style::Plain, false, value)?;
        } else if block {
            let span = self.block_span(span);
            self.builder.scalar_with_text(span.start, span.end, Style::Text, true, value)?;
        } else if written.get(1..written.len() - 1) == Some(value) {
            self.builder.scalar(start, end, Style::Text)?;
        } else {
            self.builder.scalar_with_text(start, end, Style::Text, false, value)?;
        }
        Ok(())
    }

    /// Adds a value that is not written. It stands behind the colon or dash that it lacks after.
    fn null(&mut self, at: u32) -> Result<(), BuildError> {
        if self.builder.is_at_root() {
            return Ok(());
        }
        let rest = &self.text.as_bytes()[at as usize..];
        let blanks = rest.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
        let at = if rest.get(blanks) == Some(&b':') {
            at + blanks as u32 + 1
        } else {
            self.outside_comments(at).rfind(|&(_, byte)| byte == b'-').map_or(at, |(dash, _)| dash as u32 + 1)
        };
        self.builder.scalar(at, at, Style::Plain)
    }

    /// The bytes between the node before and an offset, with their own, comments left out.
    fn outside_comments(&self, to: u32) -> impl DoubleEndedIterator<Item = (usize, u8)> {
        let from = self.before();
        let mut comment = false;
        let bytes = self.text.as_bytes()[from..to as usize].iter().enumerate().filter_map(move |(at, &byte)| {
            comment = if comment { byte != b'\n' } else { byte == b'#' };
            (!comment).then_some((from + at, byte))
        });
        bytes.collect::<Vec<_>>().into_iter()
    }

    /// The offset of a block sequence's first dash.
    ///
    /// Where the dashes stand below the key itself, the parser gives the offset of the first item.
    fn first_dash(&self, start: u32) -> u32 {
        let from = self.before();
        let before = &self.text[from..start as usize];
        if !before.trim_start().starts_with(':') {
            return start;
        }
        let mut lines = before.match_indices('\n').map(|(at, _)| from + at + 1);
        let dash = lines.find_map(|line| {
            let blanks = self.text[line..].bytes().take_while(|&byte| byte == b' ').count();
            self.text[line + blanks..].starts_with('-').then_some(line + blanks)
        });
        dash.map_or(start, |dash| dash as u32)
    }

    /// The span of a block scalar from its `|` or `>` to its last character that is no blank.
    ///
    /// The parser gives that of the content alone, up to whatever follows.
    fn block_span(&self, content: Span) -> Span {
        let indicator = self.outside_comments(content.start).find(|&(_, byte)| byte == b'|' || byte == b'>');
        let start = indicator.map_or(content.start, |(at, _)| at as u32);
        let written = self.text[start as usize..content.end as usize].trim_ascii_end();
        Span::new(start, start + written.len() as u32)
    }
}

/// What a tag makes of a scalar, by `resolve` in go-yaml: tags it does not know make text.
fn tagged<'v>(tag: &Tag, value: &'v str) -> Result<(Style, std::borrow::Cow<'v, str>), Refused> {
    let name = format!("{}{}", tag.handle(), tag.suffix());
    let (tag, kinds): (_, &[NodeKind]) = match name.strip_prefix(CORE) {
        Some("null") => ("null", &[NodeKind::Null]),
        Some("bool") => ("boolean", &[NodeKind::Bool]),
        Some("int") => ("integer", &[NodeKind::Int]),
        Some("float") => ("number", &[NodeKind::Int, NodeKind::Float]),
        Some("binary") => {
            let lines = value.replace(['\n', '\r'], "");
            let bytes =
                STANDARD.decode(lines).map_err(|_| Refused::Tag { text: value.to_owned(), tag: "base64 data" })?;
            return Ok((Style::Text, String::from_utf8_lossy(&bytes).into_owned().into()));
        }
        _ => return Ok((Style::Text, value.into())),
    };
    if kinds.contains(&resolve_plain(value)) {
        Ok((Style::Plain, value.into()))
    } else {
        Err(Refused::Tag { text: value.to_owned(), tag })
    }
}

/// What is wrong, without a parser's words for the mistakes that people make most.
fn plain_words(error: &ScanError) -> String {
    let message = match error.kind() {
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "the line's indentation fits nothing above it"
        }
        ErrorKind::ExpectedBlockSequenceEntry => "expected `- `, as in the items above",
        ErrorKind::BlockSequenceEntryNotAllowed => "a list cannot begin here",
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => "expected `:` after the key",
        ErrorKind::MappingValueNotAllowed => "`: ` cannot stand here: put the text in quotes, or indent the line",
        ErrorKind::InvalidColonPlacement => "`:` cannot stand here: is a bracket or a quote above not closed?",
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
            "YAML is indented by spaces, not by tabs"
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => "the quote is not closed",
        ErrorKind::UnknownQuotedScalarEscape => "YAML has no such escape: use single quotes, or double the backslash",
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "text follows the closing quote"
        }
        ErrorKind::CommentInterceptedScalar => "text of several lines cannot hold a comment",
        ErrorKind::UnknownAnchor => "the alias has no anchor",
        ErrorKind::UnclosedFlowCollection { open } => return format!("`{open}` is not closed"),
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping => "a bracket is not closed",
        ErrorKind::ExpectedFlowMappingSeparator => "expected `,` or `}`",
        ErrorKind::ExpectedFlowSequenceSeparator => "expected `,` or `]`",
        ErrorKind::UnexpectedCharacter { character } => {
            return format!("text cannot begin with `{character}`: put it in quotes");
        }
        _ => return error.info(),
    };
    message.to_owned()
}
