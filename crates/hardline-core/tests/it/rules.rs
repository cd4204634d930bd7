//! What every rule must hold to, and the examples in its documentation.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hardline_core::edit::{self, Fix};
use hardline_core::finding::Place;
use hardline_core::resource::Resource;
use hardline_core::rule::{Check, Rule};
use hardline_core::rules::RULES;
use hardline_core::source::Source;
use hardline_manifest::edit::Target;
use serde_json::Value;

use crate::support::{alone, judged, lines_of, report};

/// An example of a rule's documentation.
pub(crate) struct Example {
    bad: bool,
    pub(crate) text: String,
}

pub(crate) fn examples(rule: &Rule) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut open: Option<Example> = None;
    for line in rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        match (line.trim(), open.as_mut()) {
            ("```yaml bad", None) => open = Some(Example { bad: true, text: String::new() }),
            ("```yaml good", None) => open = Some(Example { bad: false, text: String::new() }),
            ("```", Some(_)) => examples.extend(open.take()),
            (_, Some(example)) => {
                example.text.push_str(line);
                example.text.push('\n');
            }
            _ => {}
        }
    }
    assert!(open.is_none(), "{}: an example is not closed", rule.id);
    examples
}

#[test]
fn bad_examples_yield_exactly_their_marked_lines_and_good_ones_none() {
    for rule in RULES {
        for example in examples(rule) {
            let marked: Vec<u32> = (1u32..)
                .zip(example.text.lines())
                .filter(|(_, line)| line.contains("# finding"))
                .map(|(number, _)| number)
                .collect();
            assert_eq!(
                example.bad,
                !marked.is_empty(),
                "{}: a bad example marks its findings\n{}",
                rule.id,
                example.text
            );
            let found = lines_of(rule.id, &example.text);
            assert_eq!(found, marked, "{}: findings are not where the example says\n{}", rule.id, example.text);
        }
    }
}

#[test]
fn rules_are_well_formed() {
    for pair in RULES.windows(2) {
        assert!(pair[0].id < pair[1].id, "{} stands before {}", pair[0].id, pair[1].id);
    }
    for rule in RULES {
        let id = rule.id;
        let kebab = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(kebab && id.contains('-'), "{id}: ids are kebab-case, noun first");
        assert!(rule.since.split('.').count() == 3, "{id}: since is a version");
        for (name, text) in [("summary", rule.summary), ("help", rule.help)] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{id}: {name} is a phrase without a full stop");
            assert!(
                text.starts_with(|first: char| !first.is_uppercase() || text[1..].starts_with(char::is_uppercase)),
                "{id}: {name} starts in lower case"
            );
        }
        assert!(rule.docs.contains("\n ## Why\n"), "{id}: the documentation says why");
        let examples = examples(rule);
        let reader = matches!(rule.check, Check::Reader);
        assert!(reader || examples.iter().any(|example| example.bad), "{id}: the documentation has a bad example");
        assert!(reader || examples.iter().any(|example| !example.bad), "{id}: the documentation has a good example");
    }
}

#[test]
fn every_rule_file_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> =
        files.filter(|file| Path::new(file).extension().is_some_and(|extension| extension == "rs")).collect();
    let listed: BTreeSet<String> = RULES.iter().map(|rule| format!("{}.rs", rule.id.replace('-', "_"))).collect();
    assert_eq!(files, listed, "src/rules holds one file for each rule, named by its id, and nothing else");
}

/// What may stand where a rule expects something else.
const WRONG: [&str; 7] = ["null", "\"x\"", "-1", "9223372036854775807", "{}", "[7]", "[{}]"];

/// All documents of the text, each once for each of its values and each wrong value in its place.
fn mutants(text: &str) -> Vec<String> {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text)));
    let documents: Vec<Value> = read.resources.iter().map(|resource| resource.value().to_json()).collect();
    let mut mutants = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        for pointer in pointers(document, String::new()) {
            for wrong in WRONG {
                let mut documents = documents.clone();
                if let Some(place) = documents[at].pointer_mut(&pointer) {
                    *place = serde_json::from_str(wrong).expect("each of them is JSON");
                }
                let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
                mutants.push(documents.join("\n---\n"));
            }
        }
    }
    mutants
}

fn pointers(value: &Value, here: String) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = below.into_iter().flat_map(|(key, value)| pointers(value, format!("{here}/{key}")));
    let mut all: Vec<String> = below.collect();
    all.push(here);
    all
}

#[test]
fn no_rule_fails_on_values_of_a_wrong_type() {
    for rule in RULES {
        let config = alone(rule);
        for text in examples(rule).iter().filter(|example| example.bad).flat_map(|example| mutants(&example.text)) {
            let report = report(&text, &config);
            let failed = report.not_evaluated.iter().find(|unevaluated| unevaluated.needs.contains("a mend"));
            assert!(failed.is_none(), "{}: {failed:?} on\n{text}", rule.id);
        }
    }
}

/// The fixes of a rule's findings in a text, each with the resource it is for.
fn fixes(rule: &'static Rule, text: &str) -> Vec<(Resource, Fix)> {
    let (judgement, inventory) = judged(text, &alone(rule));
    let findings = judgement.findings.into_iter().map(|judged| judged.finding);
    let fixes = findings.filter_map(|finding| match finding.place {
        Place::Field { resource, .. } => Some((inventory[resource].clone(), finding.fix?.as_ref().clone())),
        Place::Text { .. } => None,
    });
    fixes.collect()
}

/// The text with the first fix made, by both renderers, which must agree.
fn mended(text: &str, (resource, fix): &(Resource, Fix)) -> String {
    let edits = match &fix.change {
        edit::Change::Edits(edits) => edits,
        edit::Change::NewResource(new) => {
            return format!("{text}---\n{}", hardline_manifest::edit::document(&new.resource()));
        }
    };
    let source = Arc::new(Source::new("test.yaml", text));
    let text = hardline_manifest::edit::apply(&source, &Target::of(resource), edits).expect("the text can be edited");
    let mut value = resource.value().to_json();
    for edit in edits {
        edit.apply(&mut value).expect("the edit fits the value");
    }
    let read = hardline_manifest::read::read(&Arc::new(Source::new("test.yaml", text.clone())));
    let after = read.resources.iter().find(|after| after.id() == resource.id()).expect("the resource is there still");
    assert_eq!(after.value().to_json(), value, "text and value differ:\n{text}");
    text
}

#[test]
fn fixes_mend_their_finding_keep_comments_and_end() {
    let mut count = 0;
    for rule in RULES {
        for example in examples(rule).iter().filter(|example| example.bad) {
            let mut text = example.text.replace("# finding", "# kept");
            let comments = text.matches("# kept").count();
            let mut findings = lines_of(rule.id, &text).len();
            let mut removed = 0;
            while let Some(fix) = fixes(rule, &text).first() {
                let before = text;
                text = mended(&before, fix);
                let left = lines_of(rule.id, &text).len();
                assert!(left < findings, "{}: the finding stays\n{before}\n{text}", rule.id);
                // A comment goes only with the line that it stands on.
                let lost = before.lines().filter(|line| line.contains("# kept") && !text.contains(line)).count();
                removed += lost;
                (findings, count) = (left, count + 1);
            }
            assert!(text.matches("# kept").count() + removed >= comments, "{}: a comment is lost\n{text}", rule.id);
        }
    }
    println!("fixes of examples: {count}");
    assert!(count >= 12, "{count} fixes");
}
