//! Profiles, overrides and exemptions decide what becomes of findings.

use hardline_core::config::{Override, Overrides};
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::rule::{Rule, Severity};

use crate::support::{config, report};

const PRIVILEGED: &str = "container-privileged";

fn pod(metadata: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: agent, namespace: disks{metadata}}}
spec:
  containers:
    - name: agent
      image: example.com/agent:1
      securityContext: {{privileged: true}}
"
    )
}

/// What stands of the rules that have to do with being privileged or exempt.
fn standing(text: &str, edit: impl FnOnce(&mut hardline_core::config::Config)) -> Vec<(&'static str, Enforcement)> {
    let mut config = config();
    config.select = [PRIVILEGED, "exemption-expired", "exemption-invalid", "exemption-unused"]
        .map(|id| Rule::find(id).expect("the rule exists"))
        .to_vec();
    edit(&mut config);
    report(text, &config).findings.iter().map(|finding| (finding.rule.id, finding.enforcement)).collect()
}

fn with_exemption(text: &str) -> String {
    pod(&format!(", annotations: {{exempt.hardline.dev/container-privileged: '{text}'}}"))
}

#[test]
fn exemptions_hold_to_the_end_of_their_last_day() {
    assert_eq!(standing(&pod(""), |_| {}), [(PRIVILEGED, Enforcement::Deny)]);
    for text in ["reads disks", "reads disks; until=2026-06-01; owner=storage"] {
        assert_eq!(standing(&with_exemption(text), |_| {}), []);
    }
    let ended = standing(&with_exemption("reads disks; until=2026-05-31"), |_| {});
    assert_eq!(ended, [("exemption-expired", Enforcement::Warn), (PRIVILEGED, Enforcement::Deny)]);
}

#[test]
fn exemptions_that_are_no_good_are_findings() {
    for text in ["", "owner=storage", "reads disks; end=2026-12-31", "reads disks; until=soon"] {
        let found = standing(&with_exemption(text), |_| {});
        assert_eq!(found, [("exemption-invalid", Enforcement::Warn), (PRIVILEGED, Enforcement::Deny)], "{text}");
    }
    let unused = with_exemption("reads disks").replace("privileged: true", "privileged: false");
    assert_eq!(standing(&unused, |_| {}), [("exemption-unused", Enforcement::Audit)]);
    let unknown = pod(", annotations: {exempt.hardline.dev/no-such-rule: because}").replace(": true", ": false");
    assert_eq!(standing(&unknown, |_| {}), [("exemption-invalid", Enforcement::Warn)]);
}

#[test]
fn labels_choose_the_profile_before_overrides_and_the_configuration() {
    let namespace =
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: disks\n  labels: {hardline.dev/profile: LABEL}\n---\n";
    let exempt = with_exemption("reads disks; until=2026-05-31");
    let text = |label: &str| namespace.replace("LABEL", label) + &exempt;
    let expired = |found: Vec<(&'static str, Enforcement)>| found[0].1;
    assert_eq!(
        expired(standing(&text("critical"), |_| {})),
        Enforcement::Deny,
        "so is what is wrong with an annotation"
    );
    let overridden = |config: &mut hardline_core::config::Config| {
        let overrides = Overrides {
            namespaces: vec!["d*".into()],
            profile: Some(Profile::PodSecurityBaseline),
            ..Overrides::default()
        };
        config.overrides.push(overrides);
    };
    assert_eq!(standing(&pod(""), overridden), [(PRIVILEGED, Enforcement::Deny)]);
}

#[test]
fn the_last_override_that_matches_counts() {
    let enforce = |enforcement| {
        let change = Override { enforcement: Some(enforcement), severity: Some(Severity::Low) };
        [(PRIVILEGED, change)].into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let found = standing(&pod(""), |config| {
        config.rules = enforce(Enforcement::Off);
        for (paths, enforcement) in
            [("*.yaml", Enforcement::Audit), ("test.yaml", Enforcement::Warn), ("other/*", Enforcement::Off)]
        {
            config.overrides.push(Overrides {
                paths: vec![paths.into()],
                rules: enforce(enforcement),
                ..Overrides::default()
            });
        }
    });
    assert_eq!(found, [(PRIVILEGED, Enforcement::Warn)]);
}
