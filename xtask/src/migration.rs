//! The page that says what the checks of other linters are here.

use std::collections::BTreeMap;

use hardline_core::equivalents::{self, Answer, Equivalent, REASONS};

/// The page.
pub(crate) fn page() -> String {
    let all: Vec<_> = equivalents::all().collect();
    let mut page = "# From other linters\n\nWhat each check of other linters is here. `hardline explain CHECK` \
                    answers the same on the command line.\n\n| linter | checks | with a rule | left out |\n|---|---|---|---|\n"
        .to_owned();
    let linters: Vec<_> = all.chunk_by(|a, b| a.linter == b.linter).collect();
    for checks in &linters {
        let ruled = checks.iter().filter(|check| matches!(check.answer, Answer::Rules { .. })).count();
        page.extend([format!("| {} | {} | {ruled} | {} |\n", checks[0].linter, checks.len(), checks.len() - ruled)]);
    }
    page += "\n## Left out\n\nA check has no rule for one of these reasons.\n\n| reason | meaning | checks |\n|---|---|---|\n";
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for check in &all {
        if let Answer::LeftOut { reason, .. } = check.answer {
            *counts.entry(reason).or_default() += 1;
        }
    }
    for (reason, meaning) in REASONS {
        if let Some(count) = counts.get(reason) {
            page.extend([format!("| {reason} | {meaning} | {count} |\n")]);
        }
    }
    for checks in linters {
        page.extend([format!("\n## {}\n\n| check | here | remark |\n|---|---|---|\n", checks[0].linter)]);
        page.extend(checks.iter().map(row));
    }
    page
}

fn row(equivalent: &Equivalent) -> String {
    let check = equivalent.check;
    match equivalent.answer {
        Answer::Rules { remark, .. } => {
            let rules: Vec<_> = equivalent.answer.ids().map(link).collect();
            format!("| `{check}` | {} | {remark} |\n", rules.join(", "))
        }
        Answer::LeftOut { reason, why } => format!("| `{check}` | left out: {reason} | {why} |\n"),
    }
}

/// A link to the page of a rule, from a page beside the folder of rules.
pub(crate) fn link(id: &str) -> String {
    format!("[{id}](rules/{id}.md)")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::root;

    /// The first two cells of a row of a table in Markdown, without the marks of code.
    fn cells(line: &str) -> Option<[&str; 2]> {
        let mut cells = line.strip_prefix("| ")?.split(" | ").map(|cell| cell.trim_matches('`'));
        Some([cells.next()?, cells.next()?])
    }

    #[test]
    fn every_known_check_of_the_linters_is_answered() {
        let listed = fs::read_to_string(root().join("../shared/research/lint-checks.md"))
            .expect("it lies beside the repository");
        for linter in ["kube-linter", "kube-score", "polaris", "trivy", "kubescape", "checkov", "datree"] {
            let start = format!("\n## {linter} ");
            let section = listed.split_once(&start).expect("each linter has a section").1;
            let section = section.split("\n## ").next().unwrap_or_default();
            let rows: Vec<_> = section.lines().filter_map(cells).skip(1).collect();
            // datree numbers its rules.
            let column = usize::from(linter == "datree");
            let checks: BTreeSet<&str> = rows.iter().map(|row| row[column]).collect();
            let answered: BTreeSet<&str> =
                equivalents::all().filter(|found| found.linter == linter).map(|found| found.check).collect();
            assert_eq!(checks, answered, "{linter}");
            assert!(checks.len() > 30, "{linter}");
        }
    }
}
