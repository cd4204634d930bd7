//! The fast reader of YAML reads what the complete one reads.
#![no_main]

use std::sync::Arc;

use hardline_core::source::Source;
use hardline_core::tree::{NodeKind, Value};
use hardline_manifest::document::{parse, parse_completely};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source::new("fuzz.yaml", text));
    let (fast, complete) = (parse(&source), parse_completely(&source));
    assert_eq!(fast.problems, complete.problems);
    assert_eq!(fast.duplicates, complete.duplicates);
    assert_eq!(fast.tree.roots().len(), complete.tree.roots().len());
    fast.tree.roots().zip(complete.tree.roots()).for_each(|(fast, complete)| compare(fast, complete));
});

fn compare(fast: Value<'_>, complete: Value<'_>) {
    assert_eq!(fast.kind(), complete.kind());
    assert_eq!(fast.span(), complete.span());
    assert_eq!(fast.raw(), complete.raw());
    assert_eq!((fast.is_flow(), fast.is_block_scalar()), (complete.is_flow(), complete.is_block_scalar()));
    match fast.kind() {
        NodeKind::Seq => {
            assert_eq!(fast.items().count(), complete.items().count());
            fast.items().zip(complete.items()).for_each(|(fast, complete)| compare(fast, complete));
        }
        NodeKind::Map => {
            assert_eq!(fast.entries().count(), complete.entries().count());
            for (fast, complete) in fast.entries().zip(complete.entries()) {
                compare(fast.key, complete.key);
                compare(fast.value, complete.value);
            }
        }
        _ => {}
    }
}
