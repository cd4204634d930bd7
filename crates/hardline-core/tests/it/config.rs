//! The configuration file.

use std::sync::Arc;
use std::time::Duration;

use hardline_core::config::file::{File, json_schema, read};
use hardline_core::guard::Guard;
use hardline_core::profile::{Enforcement, Profile};
use hardline_core::rule::Severity;
use hardline_core::source::Source;
use hardline_manifest::document;

/// The file, or `line:column message` of each problem.
fn parse(text: &str) -> Result<File, Vec<String>> {
    let source = Arc::new(Source::new("hardline.yaml", text));
    let documents = document::parse(&source);
    read(documents.tree.roots().next().expect("there is a document")).map_err(|problems| {
        let place = |at| source.position(at);
        let told = |problem: &hardline_core::config::file::Problem| {
            let position = place(problem.span.start);
            format!("{}:{} {}", position.line, position.column, problem.message)
        };
        problems.iter().map(told).collect()
    })
}

#[test]
fn all_that_can_be_said_is_read() {
    let file = parse(
        "profile: critical
kubernetesVersion: 1.30
exclude: [vendor/*]
rules:
  container-privileged: off
  manifest-malformed: {severity: critical, enforcement: warn}
overrides:
  - paths: [legacy/*]
    profile: baseline
exemptions:
  - rule: container-privileged
    kind: DaemonSet
    name: node-*
    reason: reads raw disks
    until: 2027-01-31
expectedDrift:
  - kinds: [Deployment]
    paths: [spec.replicas, /metadata/annotations/a~1b]
    reason: scaled by events
settings:
  forbiddenTags: [scratch]
guard:
  serviceAccounts: [argocd/*]
  connections: deny
  longestGrant: 90m
",
    )
    .unwrap();
    assert_eq!(file.profile, Some(Profile::Critical));
    assert_eq!(file.kubernetes_version.unwrap().to_string(), "v1.30");
    assert_eq!(file.rules["container-privileged"].enforcement, Some(Enforcement::Off));
    assert_eq!(file.rules["manifest-malformed"].severity, Some(Severity::Critical));
    assert_eq!(file.overrides[0].profile, Some(Profile::Baseline));
    assert_eq!(file.exemptions[0].until.unwrap().to_string(), "2027-01-31");
    assert_eq!(file.expected_drift[0].origin, "hardline.yaml:17");
    assert_eq!(file.expected_drift[0].paths.len(), 2);
    assert_eq!(file.forbidden_tags, Some(vec!["scratch".to_owned()]));
    let default = Guard::default();
    let service_accounts = vec!["argocd/*".to_owned()];
    let (connections, longest_grant) = (Enforcement::Deny, Duration::from_mins(90));
    assert_eq!(file.guard, Guard { service_accounts, connections, longest_grant, ..default });
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let problems = parse(
        "profil: production
profile: prod
rules:
  container-privilegd: deny
  container-privileged: block
overrides:
  - profile: baseline
exemptions:
  - rule: container-privileged
    until: tomorrow
exclude: vendor
expectedDrift:
  - paths: ['spec[']
  - reason: all of it
",
    )
    .unwrap_err();
    let expected = [
        "1:1 no key is called `profil`; did you mean `profile`?",
        "2:10 `profile`: no profile is called `prod`; there are baseline, production, critical, pod-security-baseline and pod-security-restricted",
        "4:3 no rule is called `container-privilegd`; did you mean `container-privileged`?",
        "5:25 `block` is none of off, audit, warn, deny",
        "7:5 an override needs `paths` or `namespaces`",
        "9:5 an exemption needs a `reason`",
        "10:12 `until`: `tomorrow` is not a date of the form YYYY-MM-DD",
        "11:10 `exclude` is a list of strings",
        "13:5 expected drift needs a `reason`",
        "13:5 expected drift needs `paths`, `managers`, or objects that it is for",
        "13:13 `spec[` is not understood as the path of a field",
        "14:5 expected drift needs `paths`, `managers`, or objects that it is for",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_file_of_the_wrong_shape_is_told() {
    for text in [
        "- a\n",
        "rules: [a]\n",
        "overrides: {}\n",
        "settings: 1\n",
        "guard: {secrets: maybe}\n",
        "guard: {longestGrant: soon}\n",
        "exemptions:\n  - text\n",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse("# nothing set\n---\nprofile:\n").is_ok());
}

#[test]
fn the_schema_knows_every_key_that_is_read() {
    let schema = json_schema();
    for pointer in [
        "/properties/profile/enum/0",
        "/properties/rules/properties/container-privileged/anyOf/1/properties/severity",
        "/properties/overrides/items/properties/namespaces",
        "/properties/exemptions/items/properties/until",
        "/properties/expectedDrift/items/properties/managers",
        "/properties/settings/properties/forbiddenTags",
    ] {
        assert!(schema.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn the_minimum_of_replicas_is_a_whole_number() {
    assert_eq!(parse("settings: {minimumReplicas: 3}").unwrap().minimum_replicas, Some(3));
    for wrong in ["0", "-1", "three", "2.5", "[3]"] {
        let problems = parse(&format!("settings: {{minimumReplicas: {wrong}}}")).unwrap_err();
        assert_eq!(problems, ["1:29 `minimumReplicas` is a whole number from 1 on"], "{wrong}");
    }
}
