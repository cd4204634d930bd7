//! Takes what has drifted into the source: a patch that keeps comments and layout.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use hardline_core::drift::managed::Element;
use hardline_core::drift::{Class, Difference, observed_value};
use hardline_core::edit::Edit;
use hardline_core::resource::Resource;
use hardline_core::source::Source;
use hardline_manifest::edit::{Change, Target, apply_all};

use super::compare::Compared;
use crate::{diff, terminal};

/// The changes of one text.
struct Batch {
    source: Arc<Source>,
    changes: Vec<Change>,
    titles: Vec<String>,
}

/// Writes the patch, as `git apply` reads it, and says what cannot be in it.
pub(super) fn run(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let mut batches: BTreeMap<&str, Batch> = BTreeMap::new();
    for object in &compared.drift.objects {
        let [Some(desired), _, Some(observed)] = compared.sides(object) else { continue };
        let edits = edits(&object.differences, observed);
        if edits.is_empty() {
            continue;
        }
        let source = desired.source();
        if source.rendered {
            terminal::notice(&format!("{} is rendered: change what it is made from", desired.id()));
            continue;
        }
        let new = || Batch { source: source.clone(), changes: Vec::new(), titles: Vec::new() };
        let batch = batches.entry(&source.name).or_insert_with(new);
        batch.changes.push(Change { target: Target::of(desired), edits });
        batch.titles.push(desired.id().to_string());
    }
    for (name, batch) in batches {
        let (text, refused) = apply_all(&batch.source, &batch.changes);
        for (at, reason) in refused {
            terminal::notice(&format!("{} is not in the patch: {reason}", batch.titles[at]));
        }
        // A text of a revision is called `main:deploy/web.yaml`.
        let file = name.split_once(':').map_or(name, |(_, file)| file);
        write!(out, "{}", diff::unified(file, &batch.source.text, &text))?;
    }
    Ok(())
}

fn edits(differences: &[Difference], observed: &Resource) -> Vec<Edit> {
    let drifted = || differences.iter().filter(|difference| difference.class.is_drift() && !difference.secret);
    let written = drifted().filter_map(|difference| {
        let value = observed_value(difference, observed)?;
        let path = difference.place.clone();
        let is_item = matches!(difference.path.0.last(), Some(Element::Key(_) | Element::Item(_) | Element::Index(_)));
        Some(if difference.class == Class::Added && is_item {
            Edit::append(path, value)
        } else {
            Edit::set(path, value)
        })
    });
    let mut removed: Vec<_> =
        drifted().filter(|it| it.class == Class::Removed).filter_map(|it| it.desired.clone()).collect();
    // From the back, so that indices stay true.
    removed.sort_by(|a, b| b.cmp(a));
    written.chain(removed.into_iter().map(Edit::remove)).collect()
}
