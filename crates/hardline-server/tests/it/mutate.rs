//! Real reviews, damaged at random: nothing panics, and whatever is decided is answered.
//!
//! The seed is fixed, so a failure comes back. The fuzz target `review` goes on where this stops.

use hardline_server::answer;
use hardline_server::review::Review;
use serde_json::{Value, json};

use crate::support::{NOW, admission, body, cluster, example, objects, request};

/// What stands in the place of a value.
const VALUES: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[]]",
    "{\"metadata\":{\"managedFields\":[{\"",
];

/// Small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// The review with one thing in it replaced, cut off, or twice there.
    fn damage(&mut self, mut body: Vec<u8>) -> Vec<u8> {
        if body.is_empty() {
            return body;
        }
        let at = self.below(body.len());
        let end = (at + self.below(40)).min(body.len());
        match self.below(8) {
            0 => body[at] = u8::try_from(self.below(256)).unwrap(),
            1 => body.truncate(at),
            2 => drop(body.drain(at..end)),
            3 => body.splice(at..at, body[at..end].to_vec()).for_each(drop),
            // After a colon there is a value, but in texts.
            _ => {
                let start = body[at..].iter().position(|&byte| byte == b':').map_or(at, |colon| at + colon + 1);
                let ends = |&byte: &u8| matches!(byte, b',' | b'}' | b']');
                let end = body[start..].iter().position(ends).map_or(body.len(), |length| start + length);
                body.splice(start..end, VALUES[self.below(VALUES.len())].bytes()).for_each(drop);
            }
        }
        body
    }
}

#[test]
fn damaged_reviews_are_refused_or_decided() {
    let files = ["namespace", "network", "orders-db", "priority", "checkout"];
    let all = files.map(|file| example(&format!("3am-fixed/{file}.yaml"))).join("\n---\n");
    let admission = admission(cluster(&all));
    let reviews: Vec<Vec<u8>> = objects(&all)
        .iter()
        .map(|resource| resource.value().to_json())
        .flat_map(|object| {
            let old = {
                let mut old = object.clone();
                old["metadata"]["labels"] = json!({"app": "old"});
                old
            };
            [
                body(&request("CREATE", &object, &Value::Null)),
                body(&request("UPDATE", &object, &old)),
                body(&request("DELETE", &Value::Null, &object)),
            ]
        })
        .collect();
    let mut random = Random(0x0005_DEEC_E66D);
    let mut decided = 0;
    for round in 0..20_000 {
        let mut body = reviews[round % reviews.len()].clone();
        for _ in 0..=random.below(3) {
            body = random.damage(body);
        }
        let Ok(review) = Review::read(body) else { continue };
        let decision = admission.decide(&review, NOW);
        let answer: Value = serde_json::from_slice(&answer::body(&review, &decision)).unwrap();
        assert_eq!(answer["response"]["uid"], review.uid());
        assert_eq!(answer["response"]["allowed"], !decision.is_refused());
        decided += 1;
    }
    assert!(decided > 1_000, "{decided} of the reviews were still reviews");
}
