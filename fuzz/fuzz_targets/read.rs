//! Any bytes become resources and findings, and every finding lies in the text.
#![no_main]

use std::sync::Arc;

use hardline_core::finding::Place;
use hardline_core::source::Source;
use hardline_manifest::read::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source::new("fuzz.yaml", text));
    let read = read(&source);
    for finding in &read.findings {
        let Place::Text { span, .. } = finding.place else { panic!("the reader knows text only") };
        assert!(text.get(span.start as usize..span.end as usize).is_some(), "{}: {span:?}", finding.message);
    }
    for resource in &read.resources {
        let _ = (resource.id(), resource.value().to_json());
    }
});
