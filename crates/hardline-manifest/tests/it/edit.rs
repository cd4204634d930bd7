//! Edits of text keep everything but what they change.

use std::path::Path;
use std::sync::Arc;

use hardline_core::edit::Edit;
use hardline_core::path::FieldPath;
use hardline_core::source::Source;
use hardline_core::tree::Value;
use hardline_manifest::document;
use hardline_manifest::edit::{Refused, Target, apply};
use hardline_manifest::read::read;
use serde_json::json;

fn edited(text: &str, edits: &[Edit]) -> Result<String, Refused> {
    let target = Target { document: 0, item: FieldPath::ROOT };
    apply(&Arc::new(Source::new("test.yaml", text)), &target, edits)
}

#[track_caller]
fn check(text: &str, edit: Edit, expected: &str) {
    assert_eq!(edited(text, &[edit]).as_deref(), Ok(expected));
}

#[test]
fn keys_are_added_at_the_end_of_their_map() {
    check(
        "a:\n  b: 1 # one\n# tail\nc: 2\n",
        Edit::set(FieldPath::of(&["a", "d", "e"]), true),
        "a:\n  b: 1 # one\n  d:\n    e: true\n# tail\nc: 2\n",
    );
    check("a: {b: 1}\n", Edit::set(FieldPath::of(&["a", "c"]), "x, y"), "a: {b: 1, c: \"x, y\"}\n");
    check("a: {}", Edit::set(FieldPath::of(&["a", "c"]), 1), "a: {c: 1}");
    check("a: # nothing yet\nb: 1\n", Edit::set(FieldPath::of(&["a", "c"]), 1), "a: # nothing yet\n  c: 1\nb: 1\n");
    check("a:\n  - b: 1", Edit::set(FieldPath::of(&["a"]).index(0).key("c"), 2), "a:\n  - b: 1\n    c: 2");
    check("a: |\n  text\nb: 1\n", Edit::set(FieldPath::of(&["c"]), 2), "a: |\n  text\nb: 1\nc: 2\n");
    check("b: 1\na: |\n  text\n", Edit::set(FieldPath::of(&["c"]), 2), "b: 1\na: |\n  text\nc: 2\n");
    check("a:\r\n  b: 1\r\n", Edit::set(FieldPath::of(&["a", "c"]), 2), "a:\r\n  b: 1\r\n  c: 2\r\n");
}

#[test]
fn values_are_replaced_in_place() {
    check("a: 1 # one\n", Edit::set(FieldPath::of(&["a"]), 2), "a: 2 # one\n");
    check("a: x\n", Edit::set(FieldPath::of(&["a"]), "yes"), "a: \"yes\"\n");
    check("a:\n  b: 1\n  c: 2\nd: 3\n", Edit::set(FieldPath::of(&["a"]), json!({"e": 4})), "a: {e: 4}\nd: 3\n");
}

#[test]
fn strings_keep_their_quotes() {
    let image = || Edit::set(FieldPath::of(&["a"]), "r:5000/b@c:d");
    for (before, after) in [
        ("a: b # tail\n", "a: r:5000/b@c:d # tail\n"),
        ("a: 'b' # tail\n", "a: 'r:5000/b@c:d' # tail\n"),
        ("a: \"b\"\n", "a: \"r:5000/b@c:d\"\n"),
        ("{a: b, c: 1}\n", "{a: \"r:5000/b@c:d\", c: 1}\n"),
        ("{\"a\": \"b\"}\n", "{\"a\": \"r:5000/b@c:d\"}\n"),
    ] {
        check(before, image(), after);
    }
    check("a: 'x'\n", Edit::set(FieldPath::of(&["a"]), "it's"), "a: it's\n");
}

#[test]
fn items_are_appended() {
    check("a:\n- 1\n- 2 # two\nb: 1\n", Edit::append(FieldPath::of(&["a"]), 3), "a:\n- 1\n- 2 # two\n- 3\nb: 1\n");
    check("a: [1]\n", Edit::append(FieldPath::of(&["a"]), 3), "a: [1, 3]\n");
    check("a: 1\n", Edit::append(FieldPath::of(&["b"]), json!({"c": 1})), "a: 1\nb:\n  - c: 1\n");
}

#[test]
fn entries_are_removed_with_their_lines() {
    check("a: 1\nb:\n  c: 2 # two\nd: 3\n", Edit::remove(FieldPath::of(&["b"])), "a: 1\nd: 3\n");
    check("a:\n  b: 1\n", Edit::remove(FieldPath::of(&["a", "b"])), "a:\n  {}\n");
    check("- a: 1\n  b: 2\n", Edit::remove(FieldPath::ROOT.index(0).key("a")), "- b: 2\n");
    check("a: {b: 1, c: 2, d: 3}\n", Edit::remove(FieldPath::of(&["a", "c"])), "a: {b: 1, d: 3}\n");
    check("a: {b: 1, c: 2}\n", Edit::remove(FieldPath::of(&["a", "b"])), "a: {c: 2}\n");
    check("a:\n  - 1\n  - 2\n", Edit::remove(FieldPath::of(&["a"]).index(0)), "a:\n  - 2\n");
}

#[test]
fn json_stays_json() {
    check(r#"{"a": {"b": 1}}"#, Edit::set(FieldPath::of(&["a", "c"]), "x"), r#"{"a": {"b": 1, "c":"x"}}"#);
}

#[test]
fn shared_values_are_refused() {
    let text = "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n";
    for path in [&["a", "e"], &["c", "e"], &["d", "e"]] {
        assert!(matches!(edited(text, &[Edit::set(FieldPath::of(path), 1)]), Err(Refused::Layout(_))));
    }
}

#[test]
fn members_of_lists_are_found() {
    let text = "apiVersion: v1
kind: Pod
metadata: {name: first}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: second}}
  - apiVersion: v1
    kind: List
    items:
      - apiVersion: v1
        kind: Pod
        metadata:
          name: third
";
    let mut source = Arc::new(Source::new("test.yaml", text));
    let resources = read(&source).resources;
    assert_eq!(resources.len(), 3);
    for resource in &resources {
        let name = format!("new-{}", resource.name());
        let edit = Edit::set(FieldPath::of(&["metadata", "name"]), name);
        source = Arc::new(Source::new("test.yaml", apply(&source, &Target::of(resource), &[edit]).unwrap()));
    }
    let expected = ["first", "second", "third"]
        .iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("name: {name}"), &format!("name: new-{name}")));
    assert_eq!(source.text, expected);
}

/// Every container of the corpus gets fields that it lacks; all other lines stay as they are.
#[test]
fn edits_of_the_corpus_change_nothing_else() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus"));
    let (mut made, mut refused) = (0, Vec::new());
    for entry in ignore::Walk::new(corpus) {
        let entry = entry.unwrap();
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        if entry.path().extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let source = Arc::new(Source::new(entry.path().display().to_string(), text));
        let documents = document::parse(&source);
        for (number, root) in documents.tree.roots().enumerate() {
            let containers = ["spec", "template", "spec", "containers"];
            let count = root.at(&containers).into_iter().flat_map(Value::items).count();
            for index in 0..count {
                let container = FieldPath::of(&containers).index(index);
                let edits = [
                    Edit::set(container.clone().keys(&["securityContext", "hardline", "added"]), true),
                    Edit::append(container.key("hardlineAdded"), json!({"name": "added", "value": "on"})),
                ];
                match apply(&source, &Target { document: number, item: FieldPath::ROOT }, &edits) {
                    Ok(text) => {
                        made += 1;
                        assert_only_additions(&source.text, &text);
                    }
                    Err(error) => refused.push(format!("{}: {error}", source.name)),
                }
            }
        }
    }
    println!("edits of the corpus: {made} made, {} refused", refused.len());
    assert!(made > 300, "{made} edits made");
    assert!(refused.iter().all(|refusal| refusal.contains("cannot be edited in place")), "{refused:#?}");
    assert!(refused.len() * 50 < made, "{refused:#?}");
}

/// All lines of the old text are in the new one, in order; flow maps may have grown.
#[track_caller]
fn assert_only_additions(old: &str, new: &str) {
    let mut lines = new.lines();
    for line in old.lines() {
        let start = line.trim_end_matches(['}', ' ']);
        assert!(
            lines.any(|candidate| candidate == line || (line.contains('}') && candidate.starts_with(start))),
            "lost: {line}"
        );
    }
}
