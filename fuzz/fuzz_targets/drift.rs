//! Any two objects can be compared, and what is said about them can be printed and taken back.
#![no_main]

use std::sync::Arc;

use hardline_core::drift::managed::FieldSet;
use hardline_core::drift::{Options, drift, restore};
use hardline_core::source::Source;
use hardline_manifest::read::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let resources = read(&Arc::new(Source::new("fuzz.yaml", text))).resources;
    for resource in &resources {
        if let Ok(set) = FieldSet::parse(resource.value()) {
            let again = Arc::new(Source::new("set.json", set.to_json().to_string()));
            let documents = hardline_manifest::document::parse(&again);
            let root = documents.tree.roots().next().expect("a set is a document");
            assert_eq!(FieldSet::parse(root).expect("what is written can be read").len(), set.len());
        }
    }
    let (desired, observed) = resources.split_at(resources.len() / 2);
    let options = Options { explained: true, ..Options::default() };
    for object in drift(desired, None, observed, options, true).objects {
        for difference in &object.differences {
            assert!(!difference.path.to_string().is_empty());
        }
        if let (Some(of), Some(to)) = (object.desired, object.observed) {
            let _ = restore(&object, &desired[of as usize], &observed[to as usize]);
        }
    }
});
