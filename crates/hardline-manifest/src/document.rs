//! The documents of one text, and what is wrong with those that cannot be read.

use std::sync::Arc;

use hardline_core::source::{Source, Span};
use hardline_core::tree::{Duplicate, Limits, Tree, TreeBuilder};

use crate::{json, yaml};

/// The documents of one source.
#[derive(Debug)]
pub struct Documents {
    /// The documents that could be read.
    pub tree: Arc<Tree>,
    /// What could not.
    pub problems: Vec<Problem>,
    /// Keys that a map sets twice.
    pub duplicates: Vec<Duplicate>,
    /// How many of the documents needed the complete reader, which is slower.
    pub slow: usize,
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do about it, where there is more to say than to correct the text.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, help: None }
    }
}

/// Reads all documents of a source. One that cannot be read does not hide the others.
pub fn parse(source: &Arc<Source>) -> Documents {
    parse_by(source, true)
}

/// Reads as [`parse`] does, but YAML by the complete reader alone: what tests and benchmarks
/// compare the fast one with.
pub fn parse_completely(source: &Arc<Source>) -> Documents {
    parse_by(source, false)
}

fn parse_by(source: &Arc<Source>, fast: bool) -> Documents {
    let builder = TreeBuilder::new(source.clone(), Limits::default());
    let mut reader = Reader { text: &source.text, fast, builder, problems: Vec::new(), slow: 0 };
    if u32::try_from(source.text.len()).is_ok() {
        yaml::split(&source.text).for_each(|range| reader.read(range));
    } else {
        reader.problems.push(Problem::new("text of 4 GiB and more is not read", Span::at(0)));
    }
    let (tree, duplicates) = reader.builder.finish();
    Documents { tree: Arc::new(tree), problems: reader.problems, duplicates, slow: reader.slow }
}

struct Reader<'s> {
    text: &'s str,
    fast: bool,
    builder: TreeBuilder,
    problems: Vec<Problem>,
    slow: usize,
}

impl Reader<'_> {
    /// Reads what is between two separators.
    fn read(&mut self, range: (usize, usize)) {
        let result = self.after_separator(range).and_then(|at| {
            let text = &self.text[..range.1];
            let first = json::skip_space(text, at);
            if text[first..].starts_with(['{', '[']) { self.json(first, range) } else { self.yaml(range) }
        });
        self.problems.extend(result.err());
    }

    /// The offset past the separator that a range may begin with.
    fn after_separator(&self, (start, end): (usize, usize)) -> Result<usize, Problem> {
        let Some(rest) = self.text[start..end].strip_prefix("---") else { return Ok(start) };
        let line = rest.lines().next().unwrap_or_default();
        let written = line.trim();
        if written.is_empty() || written.starts_with('#') {
            return Ok(start + 3 + line.len());
        }
        let at = start + 3 + (line.len() - line.trim_start().len());
        let span = Span::new(at as u32, (at + written.len()) as u32);
        Err(Problem::new("`---` must stand alone on its line: Kubernetes refuses the separator", span))
    }

    /// Reads JSON values, one after the other as `kubectl` does; or YAML that begins like JSON.
    fn json(&mut self, mut at: usize, range: (usize, usize)) -> Result<(), Problem> {
        let text = &self.text[..range.1];
        let first = at;
        while at < text.len() {
            self.builder.begin_document();
            match json::parse(text, at, &mut self.builder) {
                Ok(end) => {
                    self.builder.end_document();
                    at = json::skip_space(text, end);
                }
                Err(refused) => {
                    self.builder.abandon_document();
                    return match refused {
                        // The reader that has help or came further knows what the text is meant to be.
                        json::Refused::Syntax(problem) if at == first => self.yaml(range).map_err(|yaml| {
                            if yaml.help.is_some() || yaml.span.start > problem.span.start { yaml } else { problem }
                        }),
                        json::Refused::Syntax(problem) | json::Refused::Value(problem) => Err(problem),
                    };
                }
            }
        }
        Ok(())
    }

    fn yaml(&mut self, range: (usize, usize)) -> Result<(), Problem> {
        let (start, end) = range;
        yaml::check_characters(self.text, range)?;
        if self.fast {
            self.builder.begin_document();
            if yaml::fast::parse(self.text, range, &mut self.builder).is_ok() {
                self.builder.end_document();
                return Ok(());
            }
            self.builder.abandon_document();
        }
        self.slow += 1;
        self.builder.begin_document();
        match yaml::complete::parse(self.text, range, &mut self.builder) {
            Ok(ended) => {
                self.builder.end_document();
                yaml::nothing_follows(self.text, (ended, end))
            }
            Err(problem) => {
                self.builder.abandon_document();
                Err(yaml::explain(problem, &self.text[start..end], start))
            }
        }
    }
}
