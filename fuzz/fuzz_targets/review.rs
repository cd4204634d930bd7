//! Any bytes are a review or are said to be none; whatever is decided, the answer is one that the API
//! server takes.
#![no_main]

use std::sync::{Arc, LazyLock};

use hardline_cluster::observed::Observed;
use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::source::Source;
use hardline_server::admission::{Admission, Options, Updates};
use hardline_server::answer;
use hardline_server::review::Review;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::sync::watch;

/// Decides in a cluster that holds the shop of the examples.
static ADMISSION: LazyLock<Admission> = LazyLock::new(|| {
    let text = [
        include_str!("../../examples/3am-fixed/namespace.yaml"),
        include_str!("../../examples/3am-fixed/network.yaml"),
        include_str!("../../examples/3am-fixed/orders-db.yaml"),
        include_str!("../../examples/3am-fixed/checkout.yaml"),
    ]
    .join("\n---\n");
    let resources = hardline_manifest::read::read(&Arc::new(Source::new("cluster", text))).resources;
    let objects = resources.len();
    let inventory = Inventory::new(resources, Coverage::everything());
    let observed = Observed { inventory, origins: Vec::new(), gaps: Vec::new(), objects };
    let options = Options {
        enforcement: Enforcement::Deny,
        absence: Enforcement::Warn,
        updates: Updates::Worse,
        own_namespace: None,
    };
    let config = Config { profile: Profile::Critical, ..Config::new(Date { year: 2026, month: 6, day: 1 }) };
    Admission::new(options, config, watch::channel(Arc::new(observed)).1)
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(review) = Review::read(bytes.to_vec()) else { return };
    let decision = ADMISSION.decide(&review, Timestamp::UNIX_EPOCH);
    let answer: Value = serde_json::from_slice(&answer::body(&review, &decision)).expect("the answer is JSON");
    assert_eq!(answer["response"]["uid"], review.uid());
    assert_eq!(answer["response"]["allowed"], !decision.is_refused());
});
