//! Quantities against those that Kubernetes' own parser made.

use hardline_core::quantity::Quantity;

const GOLDEN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/drift/quantity/quantity-golden.json"));

/// Go keeps the text of some quantities as it was written, and computes in 64 bits where it can:
/// `1E3`, `002` and their kin are not canonical, and amounts beyond 10²⁹ are not told apart here.
const KEPT_AS_WRITTEN: [&str; 7] = ["+1", "1E3", "002", "1e100", "1e0", "1.", "1.Gi"];

#[test]
fn quantities_are_read_and_written_as_kubernetes_does() {
    let rows: Vec<serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
    let mut agreed = 0;
    for row in &rows {
        let text = |key: &str| row[key].as_str();
        let (number, input) = (text("jsonNumber"), text("in").or(text("jsonNumber")).unwrap());
        let parsed = input.parse::<Quantity>();
        if text("error").is_some() {
            assert!(parsed.is_err(), "{input}: {parsed:?}");
            agreed += 1;
            continue;
        }
        let quantity = parsed.unwrap_or_else(|error| panic!("{error}"));
        let canonical = quantity.to_string() == text("canonical").unwrap();
        assert_eq!(canonical, !KEPT_AS_WRITTEN.contains(&input), "{input}: {quantity}");
        agreed += usize::from(canonical);
        let exact = quantity.bytes().unsigned_abs() < u64::from(u32::MAX) && !quantity.is_negative();
        if exact && number.is_none() {
            assert_eq!(Some(quantity.bytes()), row["value"].as_i64(), "{input}: whole units");
            assert_eq!(Some(quantity.millicores()), row["milli"].as_i64(), "{input}: thousandths");
        }
    }
    println!("quantities: {agreed} of {} as Kubernetes' own", rows.len());
}
