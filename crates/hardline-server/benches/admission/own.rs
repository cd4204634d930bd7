//! hardline's own part, step by step.

use hardline_core::inventory::{Coverage, Inventory};
use hardline_server::answer;
use hardline_server::review::Review;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::reviews::{admission, cluster, reviews};

/// Processor time of this thread, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The least and the middle microseconds of processor time that something takes.
fn times(mut act: impl FnMut()) -> (f64, f64) {
    const BATCH: usize = 50;
    let mut batches: Vec<f64> = (0..40)
        .map(|_| {
            let started = processor_time();
            (0..BATCH).for_each(|_| act());
            (processor_time() - started) * 1e6 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    (batches[0], batches[batches.len() / 2])
}

/// hardline's own part, step by step.
pub(crate) fn measure() {
    let now = Timestamp::constant(1_780_000_000, 0);
    println!("{:<44} {:>10} {:>10}", "own part, processor time", "least", "middle");
    let line = |what: String, (least, middle): (f64, f64)| println!("{what:<44} {least:>7.1} us {middle:>7.1} us");
    for (name, body) in reviews() {
        line(format!("{name}: read"), times(|| drop(Review::read(body.clone()))));
        let review = Review::read(body.clone()).expect("it is a review");
        for (where_, inventory) in
            [("alone", Inventory::new(Vec::new(), Coverage::nothing())), ("among 1,000 pods", cluster())]
        {
            let admission = admission(inventory);
            let decision = admission.decide(&review, now);
            line(format!("{name}: judge {where_}"), times(|| drop(admission.decide(&review, now))));
            line(format!("{name}: answer"), times(|| drop(answer::body(&review, &decision))));
            line(
                format!("{name}: all {where_}"),
                times(|| {
                    let review = Review::read(body.clone()).expect("it is a review");
                    drop(answer::body(&review, &admission.decide(&review, now)));
                }),
            );
        }
    }
}
