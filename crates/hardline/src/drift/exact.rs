//! Asks the API server about what may be its own doing, by dry runs: nothing is written.

use hardline_cluster::whole::{Write, write};
use hardline_core::drift::{Drift, Options, exact};
use hardline_core::edit::Misfit;
use hardline_core::resource::Resource;

use super::cluster::Live;

/// Why the API server could not be asked.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error("{0}")]
    Refused(#[from] hardline_cluster::client::Error),
    #[error("{0}")]
    Misfit(#[from] Misfit),
    #[error("the answer cannot be read")]
    Unreadable,
}

/// Asks about each object of which something is in doubt, and says what could not be asked.
pub(super) fn ask(
    live: &Live,
    drift: &mut Drift,
    desired: &[Resource],
    observed: &[Resource],
    options: Options,
) -> Vec<String> {
    let mut notices = Vec::new();
    for object in &mut drift.objects {
        let (Some(at), Some(seen)) = (object.desired, object.observed) else { continue };
        let (desired, observed) = (&desired[at as usize], &observed[seen as usize]);
        let doubts = exact::doubts(object);
        if doubts.is_empty() {
            continue;
        }
        let mut try_out = |doubts: &[usize]| -> Result<(), Unasked> {
            let patch = exact::question(object, doubts, desired, observed)?;
            let answer = live.waiter.wait(write(&live.cluster, observed, Write::Patch(&patch), "hardline", true))?;
            exact::answer(object, doubts, desired, observed, &answer.ok_or(Unasked::Unreadable)?);
            Ok(())
        };
        // What is not valid in one field says nothing about the others.
        if try_out(&doubts).is_err() {
            let failed = doubts.iter().filter_map(|doubt| try_out(&[*doubt]).err());
            if let Some(why) = failed.last() {
                notices.push(format!("{} is not compared exactly: {why}", observed.id()));
            }
        }
        object.keep(options);
    }
    notices
}
