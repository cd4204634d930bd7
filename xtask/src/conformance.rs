//! How far the rules agree with the cases of other linters.
//!
//! The cases lie beside the repository, in `../shared/fixtures`. Everything that a rule asks for
//! and a case does not hold is taken to be absent, as these linters take it.

mod cases;
mod disagreements;
mod drift;
mod kubeconform;
mod server;

use std::collections::BTreeMap;

use anyhow::Context;

use crate::migration::link;
use cases::Case;
use disagreements::{Disagreement, Right};

/// The page; `None` where the cases are not at hand.
pub(crate) fn page() -> Option<String> {
    Some(render(&cases::all().ok()?, &drift::all().ok()?, &kubeconform::all().ok()?))
}

/// Prints the scores, and has a real API server say how far the schema rules agree with it.
pub(crate) fn print() -> anyhow::Result<()> {
    let cases = cases::all().context("reading the cases in ../shared/fixtures")?;
    let drift = drift::all().context("reading the cases in ../shared/fixtures/drift")?;
    let refusals = kubeconform::all().context("reading what kubeconform refuses in ../shared")?;
    println!("{}", render(&cases, &drift, &refusals));
    server::write()
}

/// What people made of the findings in projects that are known to be well run.
const WELL_RUN: &str = "
## Findings in well-run projects

Each finding of severity high or above under the production profile, read by hand.

| project | finding | verdict |
|---|---|---|
| cert-manager | `image-reference-invalid`: `{IMAGE}` in a Deployment of its tests | right about the text, which is a template: name the folder in an override |
| cert-manager | `probe-readiness-missing` in the same Deployment | right about the text; it serves tests alone |
| metrics-server | `schema-field-required-missing`: a Deployment without `selector` | the corpus lacks the `kustomization.yaml` that is to add it: what is deployed is the built base, and that is what to judge |
| metrics-server | `api-version-removed`: a budget of `policy/v1beta1` | right: Kubernetes 1.25 took the version away |
| metrics-server | `memory-limit-missing` | right, and a choice of the project: its memory grows with the cluster |
| kube-prometheus | `probe-readiness-missing` in three Deployments behind Services | right: nothing holds back requests until their containers are ready |
| kube-prometheus | `pod-host-namespace`, `volume-host-path-sensitive`, `container-capability-added` in node-exporter | right and needed: it measures the node; a case for an exemption |
";

/// How many cases of a linter there are, and how the rules stand to them.
#[derive(Default)]
struct Score {
    cases: usize,
    agree: usize,
    /// Disagreements in which the linter does not describe Kubernetes.
    theirs: usize,
    /// Disagreements in which linter and rule ask for different things.
    apart: usize,
}

impl Score {
    fn add(&mut self, case: &Case) {
        self.cases += 1;
        self.agree += usize::from(case.expected == case.found);
        let known = (case.expected != case.found).then(|| disagreements::find(case)).flatten();
        self.theirs += usize::from(known.is_some_and(|known| known.right == Right::Rules));
        self.apart += usize::from(known.is_some_and(|known| known.right == Right::Both));
    }

    /// Disagreements that count against neither.
    fn argued(&self) -> usize {
        self.theirs + self.apart
    }

    fn row(&self) -> String {
        // Tenths of a percent, in whole numbers.
        let percent = |part: usize, whole: usize| {
            let tenths = (part * 1000).checked_div(whole).unwrap_or(1000);
            format!("{}.{} %", tenths / 10, tenths % 10)
        };
        let rest = percent(self.agree, self.cases - self.argued());
        format!(
            "{} | {} | {} | {} | {} | {rest}",
            self.cases,
            self.agree,
            percent(self.agree, self.cases),
            self.theirs,
            self.apart
        )
    }
}

fn render(cases: &[Case], drift: &[drift::Case], refusals: &[kubeconform::Refusal]) -> String {
    let mut linters: BTreeMap<_, Score> = BTreeMap::new();
    let mut checks: BTreeMap<_, Score> = BTreeMap::new();
    for case in cases {
        linters.entry(case.linter).or_default().add(case);
        checks.entry((case.linter, case.check.as_str())).or_default().add(case);
    }
    let mut page = "# Conformance\n\nHow far the rules agree with the published cases of other linters, for each \
        check that [has a rule here](migration.md). A case is an object, or for polaris a file, and whether the \
        check finds something in it. Everything outside a case is taken to be absent. `cargo xtask conformance` \
        prints this page.\n\n*Agreement* is the plain share of cases in which check and rule say the \
        same. The differences were read one by one after they were seen, and some are argued below: the linter's \
        expectation contradicts Kubernetes, or check and rule ask for different things on purpose. *Without these* is \
        the agreement over all other cases: it says how far the rules do what they set out to do, and not how far \
        they are like the linter.\n\n\
        | linter | cases | agree | agreement | linter is wrong | other purpose | without these |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (linter, score) in &linters {
        page.extend([format!("| {linter} | {} |\n", score.row())]);
    }
    page += "\nThe Pod Security Standards' own cases are a test of every change: all verdicts and all reasons agree \
        with Kubernetes' evaluator, at two levels and five versions.\n\n## Disagreements\n";
    page += &disagreements(cases);
    page += &kubeconform::section(refusals);
    page += WELL_RUN;
    page += &drift::section(drift);
    page += "\n## By check\n\n| linter | check | rules | cases | agree | agreement | linter is wrong | other purpose | without these |\n\
        |---|---|---|---|---|---|---|---|---|\n";
    for ((linter, check), score) in &checks {
        let rules: Vec<_> = cases::rules(linter, check).map(|rule| link(rule.id)).collect();
        page.extend([format!("| {linter} | `{check}` | {} | {} |\n", rules.join(", "), score.row())]);
    }
    page
}

fn disagreements(cases: &[Case]) -> String {
    let mut known: BTreeMap<usize, (&Disagreement, Vec<&Case>)> = BTreeMap::new();
    let mut unexplained = String::new();
    for case in cases.iter().filter(|case| case.expected != case.found) {
        if let Some(disagreement) = disagreements::find(case) {
            known.entry(disagreements::position(disagreement)).or_insert((disagreement, Vec::new())).1.push(case);
        } else {
            unexplained.extend([format!("| {} | `{}` | {} | not explained | |\n", case.linter, case.check, case.name)]);
        }
    }
    let mut table = "\n| linter | check | cases | right | why |\n|---|---|---|---|---|\n".to_owned();
    for (disagreement, cases) in known.values() {
        let names: Vec<_> = cases.iter().take(4).map(|case| case.name.as_str()).collect();
        let more =
            if cases.len() > names.len() { format!(" and {} more", cases.len() - names.len()) } else { String::new() };
        let right = match disagreement.right {
            Right::Rules => "the rule",
            Right::Linter => "the linter",
            Right::Both => "both, on other grounds",
        };
        table.extend([format!(
            "| {} | `{}` | {}{more} | {right} | {} |\n",
            disagreement.linter,
            disagreement.check,
            names.join(", "),
            disagreement.why
        )]);
    }
    table + &unexplained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disagreement_is_explained() {
        let cases = cases::all().expect("the cases lie beside the repository");
        let differ: Vec<_> = cases.iter().filter(|case| case.expected != case.found).collect();
        for case in &differ {
            assert!(disagreements::find(case).is_some(), "explain it or mend the rule: {case:?}");
        }
        for known in disagreements::ALL {
            let used = differ.iter().any(|case| disagreements::find(case) == Some(known));
            assert!(used, "explains nothing: {known:?}");
        }
        let mut scores: BTreeMap<_, Score> = BTreeMap::new();
        for case in &cases {
            scores.entry(case.linter).or_default().add(case);
        }
        assert_eq!(scores.len(), 3, "three linters have cases");
        for (linter, score) in scores {
            assert!(score.agree * 100 >= (score.cases - score.argued()) * 98, "{linter}: {}", score.row());
        }
    }
}
