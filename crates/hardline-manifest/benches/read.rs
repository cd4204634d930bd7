//! How fast text becomes trees and resources, on the corpus beside the repository.
//!
//! `cargo bench -p hardline-manifest --bench read`; the throughput counts bytes of text.

use std::path::Path;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use hardline_core::source::Source;
use hardline_manifest::document::{parse, parse_completely};
use hardline_manifest::read::read;

fn main() {
    let sources = corpus();
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    let documents: Vec<_> = sources.iter().map(parse).collect();
    let memory: usize = documents.iter().map(|documents| documents.tree.memory()).sum();
    let total: usize = documents.iter().map(|documents| documents.tree.roots().len()).sum();
    let slow: usize = documents.iter().map(|documents| documents.slow).sum();
    println!(
        "{} files, {bytes} bytes, {total} documents, {slow} of them by the complete reader; \
         a tree and its text hold {memory} bytes",
        sources.len(),
    );
    divan::main();
}

/// Every YAML file of the corpus.
fn corpus() -> Vec<Arc<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the corpus lies in ../shared/corpus beside the repository");
        for path in entries.map(|entry| entry.expect("the corpus can be listed").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                let text = std::fs::read_to_string(&path).expect("the corpus is UTF-8");
                sources.push(Arc::new(Source::new(path.display().to_string(), text)));
            }
        }
    }
    sources
}

/// The same documents as JSON, a source for each.
fn as_json() -> Vec<Arc<Source>> {
    let documents = corpus().iter().map(parse).collect::<Vec<_>>();
    let roots = documents.iter().flat_map(|documents| documents.tree.roots());
    roots.map(|root| Arc::new(Source::new("corpus.json", root.to_json().to_string()))).collect()
}

fn each<T>(bencher: Bencher, sources: &[Arc<Source>], run: impl Fn(&Arc<Source>) -> T + Sync) {
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        for source in sources {
            divan::black_box(run(source));
        }
    });
}

#[divan::bench]
fn yaml_to_trees(bencher: Bencher) {
    each(bencher, &corpus(), parse);
}

#[divan::bench(sample_count = 10)]
fn yaml_to_trees_by_the_complete_reader(bencher: Bencher) {
    each(bencher, &corpus(), parse_completely);
}

#[divan::bench]
fn yaml_to_resources(bencher: Bencher) {
    each(bencher, &corpus(), read);
}

#[divan::bench]
fn json_to_trees(bencher: Bencher) {
    each(bencher, &as_json(), parse);
}

#[divan::bench]
fn json_to_serde_values(bencher: Bencher) {
    each(bencher, &as_json(), |source| serde_json::from_str::<serde_json::Value>(&source.text).is_ok());
}
