//! From documents to resources.

use std::sync::Arc;

use hardline_core::finding::Finding;
use hardline_core::path::FieldPath;
use hardline_core::resource::{Kind, NotAResource, Resource};
use hardline_core::rules;
use hardline_core::source::{Source, Span};
use hardline_core::tree::{Duplicate, NodeId, NodeKind, Tree};

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
        read.malformed(source, problem.span, problem.message).help = problem.help.map(Into::into);
    }
    for Duplicate { key, span, first } in documents.duplicates {
        let message = format!("key `{key}` is already set on line {}", source.position(first.start).line);
        read.findings.push(Finding::in_text(&rules::MANIFEST_DUPLICATE_KEY, source.clone(), span, message));
    }
    for root in documents.tree.roots() {
        if !root.is_null() {
            read.documents += 1;
            read.add(&documents.tree, root.id(), None);
        }
    }
    // Files that are something else, such as a workflow with its `on:`, are none of our business.
    if !read.resources.is_empty() {
        for key in documents.tree.converted_keys() {
            let message = match (source.slice(key.span()), key.raw()) {
                (written, text) if written == text => format!("key `{text}` is not text to YAML"),
                (written, text) => format!("key `{written}` becomes `{text}`"),
            };
            read.findings.push(Finding::in_text(&rules::MANIFEST_KEY_CONVERTED, source.clone(), key.span(), message));
        }
    }
    read
}

impl Read {
    fn malformed(&mut self, source: &Arc<Source>, span: Span, message: impl Into<Arc<str>>) -> &mut Finding {
        let finding = Finding::in_text(&rules::MANIFEST_MALFORMED, source.clone(), span, message);
        self.findings.push_mut(finding)
    }

    /// Adds the object at a node, or the members of the list that it is.
    fn add(&mut self, tree: &Arc<Tree>, root: NodeId, list: Option<&Resource>) {
        let value = tree.value(root);
        let span = value.follow(&FieldPath::ROOT).span();
        match list.map_or_else(|| Resource::new(tree.clone(), root), |list| list.member(root)) {
            Ok(list) if is_list(&list) => match value.get("items") {
                Some(items) if items.kind() == NodeKind::Seq => {
                    items.items().for_each(|item| self.add(tree, item.id(), Some(&list)));
                }
                Some(items) => {
                    self.malformed(tree.source(), items.span(), "`items` is not a list");
                }
                None => {}
            },
            Ok(resource) => {
                self.check_name(&resource, span);
                self.resources.push(resource);
            }
            Err(NotAResource::Unrelated) if list.is_some() => {
                self.malformed(tree.source(), span, "item of the list is no Kubernetes object");
            }
            Err(NotAResource::Unrelated) => self.skipped += 1,
            Err(error) => {
                self.malformed(tree.source(), span, error.to_string());
            }
        }
    }

    /// The API server takes no object without a name. Kinds that no rule knows are let be: some are
    /// configuration files, which have none.
    fn check_name(&mut self, resource: &Resource, span: Span) {
        if resource.kind() == Kind::Other || !resource.name().is_empty() {
            return;
        }
        let name = resource.value().follow(&FieldPath::of(&["metadata", "name"]));
        let (span, message) = match name.depth {
            0 => (span, "`metadata` is missing"),
            1 => (name.span(), "`metadata` has neither `name` nor `generateName`"),
            _ => (name.span(), "`metadata.name` is not a string"),
        };
        self.malformed(resource.source(), span, message);
    }
}

/// `List` and typed lists such as `PodList`. An object with a name is none, whatever its kind.
fn is_list(resource: &Resource) -> bool {
    let kind = resource.kind_name();
    let has_items = || resource.value().get("items").is_some_and(|items| items.kind() == NodeKind::Seq);
    kind == "List" || (kind.ends_with("List") && has_items() && resource.name().is_empty())
}
