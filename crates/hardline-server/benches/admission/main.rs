//! What admission costs, beside webhooks that always allow: `cargo bench -p hardline-server`.
//!
//! Reviews of deployments and a cluster of a thousand pods are made from `examples/3am-fixed`.
//!
//! - `own`: the processor time of hardline's own part, on one thread: reading the review, judging it and
//!   writing the answer.
//! - `servers`: whole servers, each a process of its own, over TLS on this machine: hardline's; one of the
//!   same HTTP stack that reads the body and answers `allowed`, which is the floor; and one in Go, as most
//!   webhooks are written, which `cargo xtask tools` builds.
//! - `apiserver`: what each of them adds to a request of a real API server.
//!
//! These words as arguments choose; without any, all are done.

#![expect(clippy::cast_precision_loss, reason = "these are numbers for people to look at")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length is less than it")]

mod apiserver;
mod load;
mod own;
mod reviews;
mod serve;

use std::env;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let says = |word: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == word);
    if let Some(server @ ("hardline" | "trivial")) = arguments.first().map(String::as_str) {
        return serve::serve(server);
    }
    if says("own") {
        own::measure();
    }
    if says("servers") {
        load::measure();
    }
    if says("apiserver") {
        apiserver::measure();
    }
}

/// The value below which a part of the values is, which are sorted; no number where there are none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN)
}
