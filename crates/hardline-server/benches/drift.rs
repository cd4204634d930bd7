//! What the detector of drift spends on an object that has changed: `cargo bench -p hardline-server --bench drift`.
//!
//! From the bytes of a watch to what is published: the object is read, compared with the release and, where
//! it has drifted, judged by all rules and drawn side by side. Object and release are those of
//! `examples/drift`.

use std::fs;
use std::sync::Arc;

use divan::{Bencher, black_box};
use hardline_core::config::{Config, Date};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::{read, release};
use hardline_server::drift;
use hardline_server::drift::state::{Key, State, Version};
use kube::api::DynamicObject;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/drift/live.yaml");

fn main() {
    divan::main();
}

/// What is observed: a release, and the objects of it.
fn observed() -> Vec<Resource> {
    let text = fs::read_to_string(EXAMPLE).expect("the example is part of the repository");
    read::read(&Arc::new(Source::new("live.yaml", text))).resources
}

/// A changed object, as it was deployed or with another image.
#[divan::bench(args = ["as deployed", "drifted"])]
fn changed_object(bencher: Bencher<'_, '_>, case: &str) {
    let observed = observed();
    let mut state = State::new(Config::new(Date { year: 2026, month: 11, day: 24 }));
    for release in observed.iter().filter(|it| release::is_release(it)) {
        state.release(release::decode(release).expect("the example's release can be read"));
    }
    let live = observed.iter().find(|it| it.kind_name() == "Deployment").expect("a deployment");
    let (version, key): (Version, Key) = ((live.api_version().to_owned(), "Deployment".to_owned()), Key::of(live));
    let text = live.value().to_json().to_string();
    let text = if case == "drifted" { text } else { text.replace("v1.2.3-debug-DONT-PUSH", "v1.2.2") };
    bencher.bench_local(|| {
        let object: DynamicObject = serde_json::from_str(black_box(&text)).expect("an object");
        state.observe(&key, drift::resource(&version, object))
    });
    assert_eq!(!state.drifted().is_empty(), case == "drifted");
}
