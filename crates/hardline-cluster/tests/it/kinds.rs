//! The list of kinds holds what rules ask for.

use std::collections::BTreeSet;

use hardline_cluster::kinds::{OBSERVED, ObservedKind, rbac};
use hardline_core::resource::Kind;
use hardline_core::rule::Check;
use hardline_core::rules::RULES;

fn is_observed(kind: Kind) -> bool {
    OBSERVED.iter().any(|observed| observed.kind() == kind)
}

#[test]
fn every_kind_that_a_rule_needs_is_read() {
    let needed = RULES.iter().flat_map(|rule| rule.needs.iter().map(move |&kind| (rule.id, kind)));
    let missing: Vec<_> = needed.filter(|&(_, kind)| !is_observed(kind)).collect();
    assert_eq!(missing, []);
}

#[test]
fn every_kind_that_a_rule_judges_is_read() {
    let judged = RULES.iter().flat_map(|rule| match rule.check {
        Check::Resource(kinds, _) => kinds.iter().map(|&kind| (rule.id, kind)).collect(),
        _ => Vec::new(),
    });
    let missing: Vec<_> = judged.filter(|&(_, kind)| !is_observed(kind)).collect();
    assert_eq!(missing, []);
}

#[test]
fn the_list_agrees_with_what_rules_know_of_the_kinds() {
    let mut seen = BTreeSet::new();
    for observed in OBSERVED {
        let ObservedKind { group, name, plural, .. } = observed;
        assert!(seen.insert((group, name)), "{name} is listed twice");
        assert_eq!(*plural, plural.to_lowercase());
        if observed.kind() != Kind::Other {
            assert_eq!(observed.namespaced, observed.kind().is_namespaced(), "{name}");
        }
        assert_eq!(ObservedKind::find(group, name), Some(observed));
    }
}

#[test]
fn permissions_are_to_read_and_no_more() {
    let rules = rbac();
    let permitted: usize = rules.iter().map(|rule| rule.resources.as_deref().unwrap_or_default().len()).sum();
    assert_eq!(permitted, OBSERVED.len());
    assert!(rules.iter().all(|rule| rule.verbs == ["get", "list", "watch"]));
    let core = rules.iter().find(|rule| rule.api_groups.as_deref() == Some(&[String::new()])).unwrap();
    assert!(core.resources.as_deref().unwrap().contains(&"secrets".to_owned()));
}
