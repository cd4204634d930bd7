//! Text that is broken, and the dialect at its edges.

use std::sync::Arc;

use hardline_core::finding::Place;
use hardline_core::source::Source;
use hardline_manifest::read::{Read, read};

use crate::support::{shared, yaml_files};

fn read_text(text: &str) -> Read {
    read(&Arc::new(Source::new("test.yaml", text)))
}

/// `line:column: message (help)` of each finding, then the names of the resources.
fn outcome(text: &str) -> String {
    let source = Source::new("test.yaml", text);
    let read = read_text(text);
    let mut lines: Vec<String> = Vec::new();
    for finding in &read.findings {
        let Place::Text { span, .. } = &finding.place else { panic!("a place in text") };
        let start = source.position(span.start);
        let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        lines.push(format!("{}:{}: {}{help}", start.line, start.column, finding.message));
    }
    lines.extend(read.resources.iter().map(|resource| format!("{} {}", resource.kind_name(), resource.name())));
    lines.join("\n")
}

const GOOD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: good\n";

#[test]
fn a_broken_document_is_one_finding_and_its_neighbours_are_read() {
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n name: b\n";
    insta::assert_snapshot!(outcome(&format!("{GOOD}---\n{broken}---\n{GOOD}")));
}

#[test]
fn broken_syntax_is_placed_where_it_is() {
    let cases = [
        "a: b: c\n",
        "a: [1, 2\nb: 3\n",
        "a: \"open\nb: c\n",
        "a:\n\tb: 1\n",
        "a: *nope\n",
        "a: &a [*a]\n",
        "? [a]\n: b\n",
        "a: .inf\n",
        "a: !!int x\n",
        "a: 1\0\n",
        "a: \u{7f}\n",
        "a: 1\n... \nb: 2\n",
        "--- a: 1\n",
        "{\"a\": 1,, \"b\": 2}",
        "{\"a\": \"x\ny\"}",
        "{\"a\": tru}",
        "{\"a\": 1} x",
        "{\"a\": 1e999}",
        "[1, 2",
        "{\"a\": \"\\ud8\"}",
        "{a: 1, b: }}",
        "a:\n- b\n c: d\n",
        "a: @x\n",
        "a: 'x' y\n",
        "a: \"\\q\"\n",
        "a: b\n- c\n",
        "a: x # y\n  z\n",
        "a: %x\n",
        "a\nb: c\n",
    ];
    let report: Vec<String> = cases.iter().map(|case| format!("{case:?}\n  {}", outcome(case))).collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn a_template_that_nobody_rendered_is_named_as_such() {
    let cases = [
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ include \"x.name\" . }}\n",
        "{{- if .Values.on }}\napiVersion: v1\nkind: Service\nmetadata:\n  name: x\n{{- end }}\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  labels:\n    {{- include \"labels\" . | nindent 4 }}\n  name: x\n",
    ];
    let report: Vec<String> = cases.iter().map(|case| outcome(case)).collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn objects_that_are_none_are_placed() {
    let cases = [
        "kind: Pod\nmetadata: {name: a}\n",
        "apiVersion: v1\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: 7\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: Pod\nspec: {}\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {a: b}\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 7\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: a-\n",
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
        "a: b\n",
        "- a\n",
        "text\n",
    ];
    let report: Vec<String> = cases.iter().map(|case| format!("{case:?}\n  {}", outcome(case))).collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn lists_are_expanded() {
    let item = |name: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}");
    let nested = format!("{{apiVersion: v1, kind: List, items: [{}]}}", item("b"));
    let text = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n- {nested}\n- 7\n- a: b\n- kind: Pod\n", item("a"));
    let typed = format!("---\napiVersion: v1\nkind: PodList\nitems:\n- {}\n", item("c"));
    let empty = "---\napiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: List\nitems: 3\n";
    let custom = "---\napiVersion: x.io/v1\nkind: AllowList\nmetadata:\n  name: d\nitems: [a]\n";
    insta::assert_snapshot!(outcome(&format!("{text}{typed}{empty}{custom}")));
}

#[test]
fn the_edges_of_the_dialect_are_read() {
    let json = "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"j\\u00fc\\ud83d\\ude00\"}}";
    let texts = [
        format!("\u{feff}{GOOD}"),
        GOOD.replace('\n', "\r\n"),
        format!("---\n# only a comment\n---\n{GOOD}---\n"),
        format!("%YAML 1.1\n---\n{GOOD}...\n"),
        format!("--- # first\n{GOOD}--- \n\n"),
        format!("{json}\n{json}"),
        format!("{json}\n---\n{GOOD}"),
        "{apiVersion: v1, kind: Pod, metadata: {name: flow}}".to_owned(),
        String::new(),
        "\n# nothing\n".to_owned(),
    ];
    let report: Vec<String> = texts.iter().map(|text| outcome(text)).collect();
    insta::assert_snapshot!(report.join("\n--\n"));
}

#[test]
fn published_files_that_are_broken_get_a_clear_finding() {
    let root = shared("fixtures/broken");
    let mut report = Vec::new();
    for file in yaml_files(&root) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        report.push(format!("{}\n{}", file.strip_prefix(&root).unwrap().display(), outcome(&text)));
    }
    insta::assert_snapshot!(report.join("\n\n"));
}

#[test]
fn hostile_text_costs_little_memory() {
    let deep = 30_000;
    let lines = |line: fn(usize) -> String| (0..deep).map(line).collect::<Vec<_>>().concat();
    let bomb = (1..30).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, level| {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 9].join(",");
        format!("{text}a{level}: &a{level} [{aliases}]\n")
    });
    let chain = (1..3000).fold("a0: &a0 [[[[[[[[x]]]]]]]]\n".to_owned(), |text, level| {
        format!("{text}a{level}: &a{level} [[[[[[[[*a{}]]]]]]]]\n", level - 1)
    });
    let merges = (1..3000).fold("a0: &a0 {x: 1}\n".to_owned(), |text, level| {
        format!("{text}a{level}: &a{level}\n  <<: *a{}\n  k{level}: 1\n", level - 1)
    });
    let hostile = [
        ("deep flow", true, "[".repeat(deep)),
        ("deep JSON", true, "{\"a\":".repeat(deep)),
        ("deep block", true, (0..3000).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level)))),
        ("deep dashes", true, "- ".repeat(deep)),
        ("alias bomb", true, bomb),
        ("alias chain", true, chain),
        ("merge chain", true, merges),
        ("same key", false, "a: 1\n".repeat(deep)),
        ("many keys", false, lines(|at| format!("k{at}: 1\n"))),
        ("many documents", false, "---\n".repeat(deep)),
        ("many anchors", false, lines(|at| format!("- &a{at} x\n"))),
        ("open quote", true, format!("a: \"{}", "x\n".repeat(deep))),
        ("long key", true, format!("{}: x", "k".repeat(deep))),
        ("question marks", true, "? ".repeat(deep)),
        ("open flow", true, format!("a: [{}", "b, ".repeat(deep))),
        ("colons", true, ": ".repeat(deep)),
    ];
    for (name, refused, text) in hostile {
        let source = Arc::new(Source::new("hostile.yaml", text));
        let documents = hardline_manifest::document::parse(&source);
        let memory = documents.tree.memory() + documents.duplicates.len() * 64;
        assert!(memory < 64 * source.text.len(), "{name}: {memory} bytes for {} of text", source.text.len());
        assert_eq!(!documents.problems.is_empty(), refused, "{name}: {:?}", documents.problems);
        assert!(read(&source).resources.is_empty(), "{name}: no Kubernetes object");
    }
}

#[test]
fn keys_that_are_no_text_are_told() {
    let text = "apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  404: x
  on : y
  \"off\": z
  text: 5
";
    let messages = |text: &str| -> Vec<String> {
        read(&Arc::new(Source::new("test.yaml", text))).findings.into_iter().map(|it| it.message.to_string()).collect()
    };
    assert_eq!(messages(text), ["key `404` is not text to YAML", "key `on` becomes `true`"]);
    assert_eq!(messages("on: push\njobs: {}\n"), [""; 0]);
}

#[test]
fn members_of_typed_lists_need_not_repeat_their_type() {
    let text = "apiVersion: apps/v1
kind: DeploymentList
items:
  - metadata: {name: a, namespace: shop}
  - {apiVersion: v1, kind: Pod, metadata: {name: b}}
  - text
";
    let read = read(&Arc::new(Source::new("test.yaml", text)));
    let ids: Vec<_> = read.resources.iter().map(hardline_core::resource::Resource::id).collect();
    assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Deployment shop/a", "Pod b"]);
    assert_eq!(ids[0].api_version, "apps/v1");
    assert_eq!(read.findings.len(), 1, "{:?}", read.findings);
}
