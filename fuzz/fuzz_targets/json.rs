//! What `serde_json` reads is read as the same value.
#![no_main]

use std::sync::Arc;

use hardline_core::source::Source;
use hardline_manifest::document::parse;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

fuzz_target!(|text: &str| {
    let Ok(json) = serde_json::from_str::<Json>(text) else { return };
    if !(json.is_object() || json.is_array()) {
        return;
    }
    let documents = parse(&Arc::new(Source::new("fuzz.json", text)));
    assert!(documents.problems.is_empty(), "{:?}", documents.problems);
    let root = documents.tree.roots().next().expect("the text holds a value");
    assert_eq!(by_value(&root.to_json()), by_value(&json));
});

/// A value with every number as a float, so that `1` and `1.0` are equal.
fn by_value(json: &Json) -> Json {
    match json {
        Json::Number(number) => number.as_f64().map_or(Json::Null, Json::from),
        Json::Array(items) => items.iter().map(by_value).collect(),
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, value)| (key.clone(), by_value(value))).collect())
        }
        _ => json.clone(),
    }
}
