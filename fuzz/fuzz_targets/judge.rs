//! Every rule bears every resource, whatever its fields hold.
#![no_main]

use std::sync::Arc;

use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::report::{Read, Report};
use hardline_core::source::Source;
use hardline_core::verdict::judge;
use hardline_manifest::read::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = read(&Arc::new(Source::new("fuzz.yaml", text)));
    let config = Config::new(Date { year: 2026, month: 6, day: 1 });
    let coverage = Coverage::of_manifests(&read.resources);
    let inventory = Inventory::new(read.resources, coverage);
    let judgement = judge(&inventory, read.findings, &config);
    Report::new(judgement, &inventory, Read::default());
});
