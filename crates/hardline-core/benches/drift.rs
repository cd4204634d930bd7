//! What comparing costs, apart from reading: `cargo bench -p hardline-core --bench drift`.
//!
//! The objects are the stories of `../shared/fixtures/drift`, ten thousand pairs of them: most have
//! drifted, as no cluster has.

use std::path::Path;
use std::sync::Arc;

use divan::{Bencher, black_box};
use hardline_core::drift::{Options, drift};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use serde_json::Value as Json;

fn main() {
    divan::main();
}

const PAIRS: usize = 10_000;

/// The desired and the observed objects, each pair by a name of its own.
#[expect(clippy::disallowed_methods, reason = "the stories are in a file")]
fn pairs() -> [Vec<Resource>; 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/drift/scenarios/scenarios-golden.json");
    let text = std::fs::read_to_string(Path::new(path)).expect("the stories are beside the repository");
    let stories: Vec<Json> = serde_json::from_str(&text).expect("they are JSON");
    ["desired", "live"].map(|side| {
        let named = stories.iter().cycle().take(PAIRS).enumerate().map(|(at, story)| {
            let mut object = story[side].clone();
            object["metadata"]["name"] = Json::from(format!("object-{at}"));
            object.to_string()
        });
        let texts: Vec<String> = named.collect();
        hardline_manifest::read::read(&Arc::new(Source::new("", texts.join("\n---\n")))).resources
    })
}

/// Ten thousand objects.
#[divan::bench(args = [false, true])]
fn compare(bencher: Bencher<'_, '_>, explained: bool) {
    let [desired, observed] = pairs();
    assert_eq!((desired.len(), observed.len()), (PAIRS, PAIRS));
    let options = Options { explained, ..Options::default() };
    bencher.bench(|| drift(black_box(&desired), None, black_box(&observed), options, false));
}
