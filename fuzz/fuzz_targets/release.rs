//! Whatever lies where Helm keeps its releases, reading it ends.
#![no_main]

use std::sync::Arc;

use hardline_core::source::Source;
use hardline_manifest::read::read;
use hardline_manifest::release::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for resource in read(&Arc::new(Source::new("fuzz.yaml", text))).resources {
        let _ = decode(&resource);
    }
});
