//! Questions to the API server: what would it make of the desired fields? They settle what neither
//! tables nor owners tell: defaults of other versions, of definitions that may not be read, and what
//! is changed when objects are admitted.
//!
//! The question is the patch that takes the differences in doubt back, tried by a dry run. What stays
//! as it is observed all the same is the API server's own doing.

use super::restore::{changes, desired_value, observed_value};
use super::{Class, Confidence, Difference, Object};
use crate::edit::{Misfit, PatchOperation};
use crate::resource::Resource;

/// The differences of an object, by position, that may be no drift: nobody is known to have made them
/// by hand.
pub fn doubts(object: &Object) -> Vec<usize> {
    let differences = object.differences.iter().enumerate();
    differences.filter(|(_, difference)| is_in_doubt(difference)).map(|(at, _)| at).collect()
}

fn is_in_doubt(difference: &Difference) -> bool {
    let by_hand = matches!(difference.blame.confidence, Confidence::Owner | Confidence::Recorded);
    match difference.class {
        Class::Changed | Class::Added | Class::Removed => !by_hand,
        Class::Unattributed | Class::Leftover | Class::Pending => true,
        _ => false,
    }
}

/// The patch to try: the observed object with these differences, by position, taken back.
pub fn question(
    object: &Object,
    doubts: &[usize],
    desired: &Resource,
    observed: &Resource,
) -> Result<Vec<PatchOperation>, Misfit> {
    let asked = doubts.iter().filter_map(|at| object.differences.get(*at));
    changes(asked, desired, observed)
}

/// Takes in the object that the API server would make of that: a difference that is still the same
/// becomes [`Class::Default`] or [`Class::Admission`].
pub fn answer(object: &mut Object, doubts: &[usize], desired: &Resource, observed: &Resource, answered: &Resource) {
    for at in doubts {
        let Some(difference) = object.differences.get_mut(*at) else { continue };
        let answer = difference.path.find(answered.value()).map(|(_, value)| value.to_json());
        if answer != observed_value(difference, observed) {
            continue;
        }
        let added = desired_value(difference, desired).is_none();
        difference.class = if added { Class::Default } else { Class::Admission };
        let does = if added { "sets it where nobody does" } else { "makes this of what is desired" };
        difference.because = Some(format!("the API server {does}, as a dry run shows"));
        object.explained += 1;
    }
}
