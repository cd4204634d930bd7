//! The Pod Security Standards' own cases: agreement with Kubernetes' evaluator.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hardline_core::config::Version;
use hardline_core::profile::Profile;
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;
use hardline_core::verdict::Verdict;
use serde_json::Value as Json;

use crate::support::{config, judgement};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/psa");

/// Each of our rules, with the checks of `k8s.io/pod-security-admission` that it answers for.
///
/// A rule of the baseline level also answers for the check of the restricted level that overrides
/// it, and for checks that its defect breaks as a matter of course.
const CHECKS: &[(&str, &[&str])] = &[
    ("container-apparmor-unconfined", &["appArmorProfile"]),
    ("container-capabilities-kept", &["capabilities_restricted"]),
    ("container-capability-added", &["capabilities_baseline", "capabilities_restricted", "allowPrivilegeEscalation"]),
    ("container-host-port", &["hostPorts"]),
    ("container-host-process", &["windowsHostProcess"]),
    ("container-may-run-as-root", &["runAsNonRoot"]),
    ("container-non-root-unenforced", &["runAsNonRoot"]),
    (
        "container-privileged",
        &[
            "privileged",
            "allowPrivilegeEscalation",
            "capabilities_baseline",
            "capabilities_restricted",
            "seccompProfile_restricted",
        ],
    ),
    ("container-privilege-escalation", &["allowPrivilegeEscalation"]),
    ("container-proc-unmasked", &["procMount", "procMount_restricted"]),
    ("container-proc-unmasked-in-user-namespace", &["procMount_restricted"]),
    ("container-runs-as-root", &["runAsUser", "runAsNonRoot"]),
    ("container-seccomp-missing", &["seccompProfile_restricted"]),
    ("container-seccomp-unconfined", &["seccompProfile_baseline", "seccompProfile_restricted"]),
    ("container-selinux-custom", &["seLinuxOptions"]),
    ("pod-host-namespace", &["hostNamespaces"]),
    ("pod-sysctl-unsafe", &["sysctls"]),
    ("probe-host-set", &["hostProbesAndHostLifecycle"]),
    ("volume-host-path", &["hostPathVolumes", "restrictedVolumes"]),
    ("volume-host-path-sensitive", &["hostPathVolumes", "restrictedVolumes"]),
    ("volume-runtime-socket", &["hostPathVolumes", "restrictedVolumes"]),
    ("volume-type-restricted", &["restrictedVolumes"]),
];

/// How many cases there are, and how many agree.
#[derive(Default)]
struct Score {
    cases: usize,
    verdicts: usize,
    reasons: usize,
}

/// The rules that refuse a pod, by id.
fn refusing(text: &str, profile: Profile, version: Version) -> BTreeSet<&'static str> {
    let mut config = config();
    config.profile = profile;
    config.settings.kubernetes_version = version;
    let judgement = judgement(text, &config);
    let rules: BTreeSet<_> = judgement.findings.iter().map(|judged| judged.finding.rule.id).collect();
    assert_eq!(judgement.verdict() == Verdict::Deny, !rules.is_empty(), "each rule of the standards denies");
    rules
}

fn answers(rule: &str) -> &'static [&'static str] {
    CHECKS.iter().find(|known| known.0 == rule).map_or(&[], |known| known.1)
}

#[test]
fn the_standards_own_cases_are_judged_as_kubernetes_judges_them() {
    let oracle = std::fs::read_to_string(Path::new(FIXTURES).join("oracle.jsonl")).expect("the fixtures are there");
    let mut scores: BTreeMap<(String, Version), Score> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in oracle.lines().map(|line| serde_json::from_str::<Json>(line).expect("one case a line")) {
        let field = |key: &str| case[key].as_str().expect("a string").to_owned();
        let (file, level) = (field("File"), field("Level"));
        let Ok(text) = std::fs::read_to_string(Path::new(FIXTURES).join(&file)) else { continue };
        let version: Version = field("Version").parse().expect("a version");
        let profile: Profile = format!("pod-security-{level}").parse().expect("a profile");
        let score = scores.entry((level, version)).or_default();
        score.cases += 1;

        let rules = refusing(&text, profile, version);
        let expected = field("Expect") == "fail";
        if rules.is_empty() == expected {
            failures.push(format!("{file}: expected to fail: {expected}, refused by {rules:?}"));
        } else {
            score.verdicts += 1;
        }

        // The evaluator saw the pods before the API server defaults a volume without source.
        let checks: BTreeSet<&str> = if expected {
            case["checks"].as_object().expect("a map").keys().map(String::as_str).collect()
        } else {
            BTreeSet::new()
        };
        let unexplained = rules.iter().filter(|rule| !answers(rule).iter().any(|check| checks.contains(check))).count();
        let unanswered = checks.iter().filter(|check| !rules.iter().any(|rule| answers(rule).contains(check))).count();
        if unexplained + unanswered == 0 {
            score.reasons += 1;
        } else {
            failures.push(format!("{file}: Kubernetes names {checks:?}, we name {rules:?}"));
        }
    }
    for ((level, version), score) in &scores {
        let Score { cases, verdicts, reasons } = score;
        println!("{level:<10} {version:<6} verdicts {verdicts}/{cases}, reasons {reasons}/{cases}");
    }
    assert_eq!(scores.len(), 10, "two levels at five versions");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_rule_of_the_standards_answers_for_a_check() {
    let ours = RULES.iter().filter(|rule| rule.standard.is_some()).map(|rule| rule.id);
    let listed = CHECKS.iter().map(|known| Rule::find(known.0).expect("a rule").id);
    assert_eq!(ours.collect::<BTreeSet<_>>(), listed.collect::<BTreeSet<_>>());
}
