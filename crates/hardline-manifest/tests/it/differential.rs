//! The fast reader against the complete one, node by node.

use std::sync::Arc;

use hardline_core::source::Source;
use hardline_core::tree::{NodeKind, Value};
use hardline_manifest::document::{Documents, parse, parse_completely};

use crate::support::{shared, yaml_files};

/// Reads a text both ways and says what differs.
pub(crate) fn difference(text: &str) -> Option<String> {
    let source = Arc::new(Source::new("test.yaml", text));
    let (fast, complete) = (parse(&source), parse_completely(&source));
    if fast.problems != complete.problems {
        return Some(format!("fast: {:?}, complete: {:?}", fast.problems, complete.problems));
    }
    let (ours, theirs) = (nodes(&fast), nodes(&complete));
    if let Some((our, their)) = ours.iter().zip(&theirs).find(|(our, their)| our != their) {
        return Some(format!("fast: {our}, complete: {their}"));
    }
    if ours.len() != theirs.len() {
        return Some(format!("fast: {} nodes, complete: {}", ours.len(), theirs.len()));
    }
    (fast.duplicates != complete.duplicates)
        .then(|| format!("fast: {:?}, complete: {:?}", fast.duplicates, complete.duplicates))
}

/// Everything that can be seen of a tree, a line a node.
fn nodes(documents: &Documents) -> Vec<String> {
    fn walk(value: Value<'_>, lines: &mut Vec<String>) {
        let (kind, span) = (value.kind(), value.span());
        let (flow, block) = (value.is_flow(), value.is_block_scalar());
        lines.push(format!("{kind:?} {span:?} flow {flow} block {block} {:?}", value.raw()));
        match kind {
            NodeKind::Seq => value.items().for_each(|item| walk(item, lines)),
            NodeKind::Map => value.entries().for_each(|entry| {
                walk(entry.key, lines);
                walk(entry.value, lines);
            }),
            _ => {}
        }
    }
    let mut lines = Vec::new();
    documents.tree.roots().for_each(|root| walk(root, &mut lines));
    lines
}

#[test]
fn the_fast_reader_reads_what_the_complete_one_reads() {
    let (mut documents, mut slow, mut wrong) = (0, 0, Vec::new());
    for file in yaml_files(&shared("corpus")).iter().chain(&yaml_files(&shared("fixtures"))) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if let Some(difference) = difference(&text) {
            wrong.push(format!("{}: {difference}", file.display()));
        }
        let read = parse(&Arc::new(Source::new("test.yaml", text)));
        documents += read.tree.roots().len();
        slow += read.slow;
    }
    println!("fast reader: {} of {documents} documents", documents - slow);
    assert!(wrong.is_empty(), "{} files differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(slow * 20 < documents, "{slow} of {documents} documents are left to the complete reader");
}

#[test]
fn the_readers_agree_where_they_once_did_not() {
    let texts = [
        "|-\n#!a# ",
        "- a\n- ",
        "- \n- # c\n-\n",
        "a: \u{feff}b\n",
        "\"a\n  b\": c\n",
        "a: b\n  - c\n\n  d # e\n",
        "a: 'b\n\n  c''d  \n  e'\n",
        "a: \"b\\\"c \n  \\n d\"\n",
        "a:\n- b\n  c\nd:\n  e\n  f\n",
    ];
    for text in texts {
        assert_eq!(difference(text), None, "{text:?}");
    }
}

#[test]
fn the_readers_agree_on_every_short_text() {
    let letters = ["a", ":", " ", "\n", "-", "\t", "#", ","];
    let mut endings = vec![String::new()];
    for _ in 0..4 {
        let longer = endings.iter().flat_map(|ending| letters.map(|letter| format!("{ending}{letter}")));
        endings = longer.collect();
    }
    for beginning in ["", "a: ", "- ", "a: |\n", "a: |\n  b\n", "a: >\n  b\n"] {
        for ending in &endings {
            let text = format!("{beginning}{ending}");
            assert_eq!(difference(&text), None, "{text:?}");
        }
    }
}
