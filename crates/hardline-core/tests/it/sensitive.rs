//! What is secret in a resource.

use std::sync::Arc;

use hardline_core::sensitive;
use hardline_core::source::Source;

#[test]
fn secrets_are_found_where_they_are_written() {
    let text = "\
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {a: QQ==}
stringData: {b: seen}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - name: c
      args: [--user=me, --password=p1, --token, p2, --dsn, postgres://me:p3@db/x, --name, shown]
      env:
        - {name: DB_PASSWORD, value: p4}
        - {name: DB_HOST, value: db}
";
    let read = hardline_manifest::read::read(&Arc::new(Source::new("a.yaml", text)));
    let spans = read.resources.iter().flat_map(sensitive::spans);
    let hidden: Vec<_> = spans.map(|span| &text[span.start as usize..span.end as usize]).collect();
    assert_eq!(hidden, ["QQ==", "seen", "p4", "--password=p1", "p2", "postgres://me:p3@db/x"]);
}
