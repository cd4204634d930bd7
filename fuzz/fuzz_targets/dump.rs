//! Any bytes are a dump or none, as text and as an archive, and what is read fits its origins.
#![no_main]

use hardline_cluster::dump::{Limits, read_archive, read_texts};
use hardline_cluster::observed::Observed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { file: 1 << 20, total: 1 << 24, entries: 1 << 10, depth: 8 };
    if let Ok(observed) = read_archive(bytes, &limits) {
        check(&observed);
    }
    if let Some(observed) = std::str::from_utf8(bytes).ok().and_then(|text| read_texts([("fuzz", text)]).ok()) {
        check(&observed);
    }
});

fn check(observed: &Observed) {
    assert_eq!(observed.inventory.resources().count(), observed.origins.len());
    for (resource, origin) in observed.inventory.resources().zip(&observed.origins) {
        assert!(origin.variant_of.is_none_or(|owner| observed.inventory.get(owner).is_some()), "{}", resource.id());
    }
}
