//! What the checks of other linters are called here, and why some have no rule.

use crate::rule::Rule;

/// One line an answer; the file says how.
const TABLE: &str = include_str!("equivalents.txt");

/// A check of another linter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equivalent {
    /// The linter, such as `kube-linter`.
    pub linter: &'static str,
    /// The check's id there.
    pub check: &'static str,
    /// What it is here.
    pub answer: Answer,
}

/// What a check of another linter is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One or more rules.
    Rules {
        /// Their ids, with blanks between them.
        ids: &'static str,
        /// How they differ from the check; may be empty.
        remark: &'static str,
    },
    /// Nothing.
    LeftOut {
        /// The kind of reason: one word of [`REASONS`].
        reason: &'static str,
        /// The reason.
        why: &'static str,
    },
}

/// Why a check has no rule: the word used in the table, and what it means.
pub const REASONS: &[(&str, &str)] = &[
    ("cluster", "no matter of manifests"),
    ("foreign", "about resources of other projects"),
    ("obsolete", "no supported version of Kubernetes has the problem"),
    ("opinion", "right for some and wrong for others"),
    ("settings", "nothing can be said without the organisation's own list"),
];

/// All checks, in the order of the table.
pub fn all() -> impl Iterator<Item = Equivalent> {
    let mut linter = "";
    TABLE.lines().flat_map(move |line| {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            linter = name;
        }
        let (linter, found) = (linter, answer(line));
        found
            .into_iter()
            .flat_map(move |(checks, answer)| checks.split(' ').map(move |check| Equivalent { linter, check, answer }))
    })
}

/// The checks of a line and their answer; `None` for lines that hold none.
fn answer(line: &'static str) -> Option<(&'static str, Answer)> {
    if line.starts_with('#') {
        return None;
    }
    if let Some((checks, rules)) = line.split_once(" = ") {
        let (ids, remark) = rules.split_once("; ").unwrap_or((rules, ""));
        return Some((checks, Answer::Rules { ids, remark }));
    }
    let (checks, answer) = line.split_once(" - ")?;
    let (reason, why) = answer.split_once("; ")?;
    Some((checks, Answer::LeftOut { reason, why }))
}

/// The checks of this id; letter case does not matter. Linters may share one.
pub fn find(check: &str) -> impl Iterator<Item = Equivalent> {
    all().filter(move |equivalent| equivalent.check.eq_ignore_ascii_case(check))
}

impl Answer {
    /// The rules' ids.
    pub fn ids(self) -> impl Iterator<Item = &'static str> {
        let ids = match self {
            Self::Rules { ids, .. } => ids,
            Self::LeftOut { .. } => "",
        };
        ids.split_whitespace()
    }

    /// The rules.
    pub fn rules(self) -> impl Iterator<Item = &'static Rule> {
        self.ids().filter_map(Rule::find)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_an_answer_that_holds() {
        for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
            assert!(answer(line).is_some(), "cannot be read: {line}");
        }
        for equivalent in all() {
            match equivalent.answer {
                Answer::Rules { ids, .. } => {
                    assert!(!ids.is_empty(), "{equivalent:?}");
                    for id in equivalent.answer.ids() {
                        assert!(Rule::find(id).is_some(), "no rule is called `{id}`: {equivalent:?}");
                    }
                }
                Answer::LeftOut { reason, why } => {
                    assert!(REASONS.iter().any(|known| known.0 == reason), "no such reason: {equivalent:?}");
                    assert!(!why.is_empty(), "{equivalent:?}");
                }
            }
        }
        let mut seen = BTreeSet::new();
        for equivalent in all() {
            assert!(seen.insert((equivalent.linter, equivalent.check)), "answered twice: {equivalent:?}");
        }
    }

    #[test]
    fn checks_are_found_in_any_case() {
        let rules = |check| find(check).flat_map(|found| found.answer.ids()).collect::<Vec<_>>();
        assert_eq!(rules("no-read-only-root-fs"), ["container-root-filesystem-writable"]);
        assert_eq!(rules("hostipcset"), ["pod-host-namespace"]);
        assert!(rules("no-such-check").is_empty());
    }
}
