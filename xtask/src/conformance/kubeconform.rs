//! How far the schema rules agree with kubeconform about what no API server would take.
//!
//! Its refusals are recorded, since it needs schemas that no machine has at hand.

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use hardline_core::config::Version;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::Resource;
use hardline_core::schema;
use hardline_core::source::Source;

use crate::root;

const REFUSED: &str = include_str!("kubeconform.txt");

/// How many objects of the same files it took.
const TAKEN: usize = 6_989;

/// An object that kubeconform refuses.
#[derive(Debug)]
pub(super) struct Refusal {
    file: &'static str,
    kind: &'static str,
    name: &'static str,
    /// Whether the schema rules find something in it, or in a member of the list that it is.
    found: bool,
}

/// What both say of the objects that kubeconform refuses.
pub(super) fn all() -> anyhow::Result<Vec<Refusal>> {
    REFUSED.lines().filter(|line| !line.starts_with('#')).map(Refusal::read).collect()
}

impl Refusal {
    fn read(line: &'static str) -> anyhow::Result<Self> {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let (file, kind, name) = (field(), field(), field());
        let path = root().join("../shared").join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {file}"))?;
        let read = hardline_manifest::read::read(&Arc::new(Source::new(file, text)));
        let inventory = Inventory::new(read.resources, Coverage::nothing());
        let is_it =
            |resource: &&Resource| kind.ends_with("List") || (resource.kind_name() == kind && resource.name() == name);
        let is_wrong =
            |resource: &Resource| !schema::validate(resource, &inventory, Version::NEWEST).problems.is_empty();
        let found = inventory.resources().filter(is_it).any(is_wrong);
        Ok(Self { file, kind, name, found })
    }
}

/// Part of the files in which kubeconform refuses what the schema rules take, who is right, and why.
const EXPLAINED: [(&str, &str, &str); 2] = [
    (
        "restrictedvolumes17.yaml",
        "the rules",
        "`secretRef: null` is no reference to an API server, and it takes the Pod",
    ),
    ("wordpress-live.json", "the rules", "a value of `data` that is null is an empty one to an API server"),
];

/// The section of the page.
pub(super) fn section(refusals: &[Refusal]) -> String {
    let agree = refusals.iter().filter(|refusal| refusal.found).count();
    let mut section = format!(
        "\n## kubeconform\n\nWhat kubeconform 0.8.0 says of the test corpus and of other tools' cases, asked strictly and with \
         the schemas of Kubernetes 1.37.2. It takes {TAKEN} objects; where the schema rules refuse one of those, so does [a \
         real API server](conformance-schema.md).\n\n| kubeconform refuses | the schema rules agree |\n|---|---|\n| {} | {agree} |\n\n\
         | object | right | why |\n|---|---|---|\n",
        refusals.len()
    );
    for (file, right, why) in EXPLAINED {
        let mut these = refusals.iter().filter(|refusal| !refusal.found && refusal.file.ends_with(file));
        if let Some(first) = these.next() {
            let more = these.count();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            section.extend([format!("| {} {}{more} | {right} | {why} |\n", first.kind, first.name)]);
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubeconform_refuses_the_rules_refuse_but_for_what_is_explained() {
        let refusals = all().unwrap();
        assert!(refusals.len() > 200);
        let explains = |refusal: &Refusal| EXPLAINED.iter().position(|(file, ..)| refusal.file.ends_with(file));
        let mut used = [false; EXPLAINED.len()];
        for refusal in refusals.iter().filter(|refusal| !refusal.found) {
            let at = explains(refusal).unwrap_or_else(|| panic!("explain it or mend the rule: {refusal:?}"));
            used[at] = true;
        }
        assert_eq!(used, [true; EXPLAINED.len()], "explains nothing");
    }
}
