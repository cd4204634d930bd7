//! The documents of one text, and what is wrong with those that cannot be read.

use std::sync::Arc;

use hardline_core::source::{Source, Span};
use hardline_core::tree::{Duplicate, Limits, Tree, TreeBuilder};

use crate::yaml;

/// The documents of one source.
#[derive(Debug)]
pub struct Documents {
    /// The documents that could be read.
    pub tree: Arc<Tree>,
    /// What could not.
    pub problems: Vec<Problem>,
    /// Keys that a map sets twice.
    pub duplicates: Vec<Duplicate>,
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
    let mut builder = TreeBuilder::new(source.clone(), Limits::default());
    let mut problems = Vec::new();
    for range in yaml::split(&source.text) {
        builder.begin_document();
        match yaml::complete::parse(&source.text, range, &mut builder) {
            Ok(_) => {
                builder.end_document();
            }
            Err(problem) => {
                builder.abandon_document();
                problems.push(problem);
            }
        }
    }
    let (tree, duplicates) = builder.finish();
    Documents { tree: Arc::new(tree), problems, duplicates }
}
