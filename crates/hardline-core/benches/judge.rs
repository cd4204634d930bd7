//! What judging costs, apart from reading: `cargo bench -p hardline-core`.
//!
//! The manifests are those of `../shared/corpus`, all in one inventory.

use std::path::Path;
use std::sync::Arc;

use divan::{Bencher, black_box};
use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Profile;
use hardline_core::report::{Read, Report};
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_core::verdict::judge;

fn main() {
    divan::main();
}

#[expect(clippy::disallowed_methods, reason = "the corpus is in files")]
fn corpus() -> Vec<Resource> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus"));
    let files = ignore::Walk::new(folder)
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    let texts = files.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let resources = texts.flat_map(|text| hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources);
    let resources: Vec<_> = resources.collect();
    assert!(resources.len() > 1000, "the corpus is beside the repository");
    resources
}

fn config(profile: Profile) -> Config {
    Config { profile, ..Config::new(Date { year: 2026, month: 6, day: 1 }) }
}

/// Indexing two thousand resources.
#[divan::bench]
fn inventory(bencher: Bencher<'_, '_>) {
    let resources = corpus();
    let coverage = Coverage::of_manifests(&resources);
    bencher.bench(|| Inventory::new(black_box(resources.clone()), coverage.clone()));
}

/// All rules of a profile on two thousand resources, of which 420 are workloads.
#[divan::bench(args = [Profile::PodSecurityRestricted, Profile::Production, Profile::Critical])]
fn rules(bencher: Bencher<'_, '_>, profile: Profile) {
    let resources = corpus();
    let coverage = Coverage::of_manifests(&resources);
    let inventory = Inventory::new(resources, coverage);
    let config = config(profile);
    bencher.bench(|| judge(black_box(&inventory), Vec::new(), &config));
}

/// Joining the findings with lines and columns.
#[divan::bench]
fn report(bencher: Bencher<'_, '_>) {
    let resources = corpus();
    let coverage = Coverage::of_manifests(&resources);
    let inventory = Inventory::new(resources, coverage);
    let judgement = judge(&inventory, Vec::new(), &config(Profile::Production));
    bencher
        .with_inputs(|| judgement.clone())
        .bench_values(|judgement| Report::new(black_box(judgement), &inventory, Read::default()));
}
