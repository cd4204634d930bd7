//! What scalars mean: 71 texts, and what `sigs.k8s.io/yaml` makes of each.

use hardline_core::tree::Value;
use serde_json::Value as Json;

use crate::support::{by_value, documents, shared};

#[test]
fn scalars_mean_what_kubernetes_takes_them_for() {
    let table = std::fs::read_to_string(shared("fixtures/yaml-scalars/go.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut cases = 0;
    // The table writes a line break as `\n` and a tab as `\t`.
    for line in table.lines() {
        let mut columns = line.split('\t');
        let (written, expected) = (columns.next().unwrap(), columns.next().unwrap());
        let strict = columns.next().unwrap_or_default();
        let text = written.replace("\\n", "\n").replace("\\t", "\t");
        let read = documents(text.as_str());
        let value = match read.problems.first() {
            Some(_) => None,
            None => Some(read.tree.roots().next().map_or(Json::Null, Value::to_json)),
        };
        let expected: Option<Json> =
            (!expected.starts_with("ERR ")).then(|| serde_json::from_str(expected).expect("the table holds JSON"));
        cases += 1;
        if value.as_ref().map(by_value) != expected.as_ref().map(by_value)
            || read.duplicates.is_empty() == strict.starts_with("ERR ")
        {
            wrong.push(format!("{written}: {expected:?} {strict}, read as {value:?} {:?}", read.duplicates));
        }
    }
    println!("scalars: {} of {cases} as sigs.k8s.io/yaml reads them", cases - wrong.len());
    assert_eq!(cases, 71, "the table is whole");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
