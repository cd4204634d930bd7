//! From documents to resources.

use std::sync::Arc;

use hardline_core::finding::Finding;
use hardline_core::resource::{NotAResource, Resource};
use hardline_core::rules;
use hardline_core::source::{Source, Span};
use hardline_core::tree::{Duplicate, NodeId, Tree, Value};

use crate::document;

/// What one source holds.
#[derive(Debug, Default)]
pub struct Read {
    /// The Kubernetes objects, members of lists one by one.
    pub resources: Vec<Resource>,
    /// What is wrong with the text.
    pub findings: Vec<Finding>,
    /// Documents that are not empty.
    pub documents: usize,
    /// Documents that are no Kubernetes objects.
    pub skipped: usize,
}

/// Reads all resources of a source.
pub fn read(source: &Arc<Source>) -> Read {
    let documents = document::parse(source);
    let mut read = Read::default();
    for problem in documents.problems {
        read.documents += 1;
        read.malformed(source, problem.span, problem.message);
    }
    for Duplicate { key, span, first } in documents.duplicates {
        let message = format!("key `{key}` is already set on line {}", source.position(first.start).line);
        read.findings.push(Finding::in_text(&rules::MANIFEST_DUPLICATE_KEY, source.clone(), span, message));
    }
    for root in documents.tree.roots() {
        if !root.is_null() {
            read.documents += 1;
            read.add(&documents.tree, root.id());
        }
    }
    read
}

impl Read {
    fn malformed(&mut self, source: &Arc<Source>, span: Span, message: impl Into<String>) {
        self.findings.push(Finding::in_text(&rules::MANIFEST_MALFORMED, source.clone(), span, message));
    }

    fn add(&mut self, tree: &Arc<Tree>, root: NodeId) {
        match Resource::new(tree.clone(), root) {
            Ok(resource) if is_list(&resource) => {
                for item in resource.value().get("items").into_iter().flat_map(Value::items) {
                    self.add(tree, item.id());
                }
            }
            Ok(resource) => self.resources.push(resource),
            Err(NotAResource::Unrelated) => self.skipped += 1,
            Err(error) => self.malformed(tree.source(), tree.value(root).span(), error.to_string()),
        }
    }
}

/// `List` and typed lists such as `PodList` of built-in groups.
fn is_list(resource: &Resource) -> bool {
    resource.kind_name().ends_with("List")
        && resource.value().get("items").is_some_and(|items| items.items().next().is_some())
}
