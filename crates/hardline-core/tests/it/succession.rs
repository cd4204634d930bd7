//! Judging what follows one another gives what judging each anew gives.

use std::sync::Arc;

use hardline_core::config::{Config, Date};
use hardline_core::finding::{Evidence, Finding, Place};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Profile;
use hardline_core::resource::{Kind, Resource};
use hardline_core::rules::RULES;
use hardline_core::source::Source;
use hardline_core::verdict::{Judgement, Succession, judge};
use proptest::test_runner::TestRunner;

use crate::rules::examples;
use crate::support::config;

const NAMESPACES: [&str; 3] = ["shop", "default", "kube-system"];

/// What no example has: other profiles, and exemptions of each fate.
const MORE: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {hardline.dev/profile: critical}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {hardline.dev/profile: baseline}}
---
apiVersion: v1
kind: Pod
metadata:
  name: exempt
  annotations:
    exempt.hardline.dev/container-privileged: "needs the host; until=2026-11-24"
    exempt.hardline.dev/image-tag-forbidden: "never used"
    exempt.hardline.dev/nothing: "no such rule"
spec: {containers: [{name: a, image: "a:1", securityContext: {privileged: true}}]}
"#;

fn pool() -> Vec<String> {
    let examples: Vec<String> = RULES.iter().flat_map(|rule| examples(rule)).map(|example| example.text).collect();
    let texts = examples.iter().map(String::as_str).chain([MORE]);
    texts.flat_map(|text| text.split("\n---\n")).map(str::to_owned).collect()
}

/// The object of a text, in memory of its own as if it had just been read.
fn resource(text: &str, namespace: &str) -> Option<Resource> {
    let read = hardline_manifest::read::read(&Arc::new(Source::new("cluster/object", text)));
    let namespace: Arc<str> = namespace.into();
    let resource = read.resources.into_iter().next()?;
    let namespace = Some(namespace).filter(|_| resource.kind().is_namespaced());
    Some(resource.with_default_namespace(namespace))
}

fn told(judgement: &Judgement) -> Vec<String> {
    let place = |place: &Place| match place {
        Place::Field { resource, path } => format!("{resource}{path}"),
        Place::Text { source, span } => format!("{}{span:?}", source.text),
    };
    let finding = |finding: &Finding| {
        let evidence = finding.evidence.iter().map(|Evidence { message, place: at }| format!("{message}{}", place(at)));
        let (rule, at, message) = (finding.rule.id, place(&finding.place), &finding.message);
        let rest = (&finding.help, &finding.fix, finding.absence, evidence.collect::<Vec<_>>());
        format!("{rule} {at} {message} {rest:?}")
    };
    let findings = judgement
        .findings
        .iter()
        .map(|judged| format!("{} {} {}", finding(&judged.finding), judged.enforcement.name(), judged.severity));
    let exempted = judgement.exempted.iter().map(|it| format!("{} {}", finding(&it.finding), it.exemption.reason));
    let unevaluated = judgement.unevaluated.iter().map(|lack| format!("{} {}", lack.rule, lack.needs));
    findings.chain(exempted).chain(unevaluated).collect()
}

fn coverage(at: u64) -> Coverage {
    let mut some = Coverage::nothing();
    for kind in [Kind::Service, Kind::NetworkPolicy, Kind::Namespace] {
        some.add_kind_everywhere(kind);
    }
    if at == 0 { some } else { Coverage::everything() }
}

#[test]
fn a_succession_of_changes_is_judged_as_each_state_by_itself() {
    let pool = pool();
    let mut runner = TestRunner::deterministic();
    for profile in [Profile::Production, Profile::Critical] {
        let config = Config { profile, ..config() };
        let mut succession = Succession::new(config.clone());
        let mut here: Vec<Resource> = Vec::new();
        let mut random = |below: usize| {
            use proptest::prelude::Rng as _;
            (runner.rng().next_u64() % below as u64) as usize
        };
        let mut covered = 1;
        for step in 0..40 {
            // At first many at once, as when a cluster is read, then few, as when it lives.
            let (comes, goes) = if step == 0 { (300, 0) } else { (random(4), random(4)) };
            for _ in 0..goes.min(here.len()) {
                here.remove(random(here.len()));
            }
            for _ in 0..comes {
                let new = resource(&pool[random(pool.len())], NAMESPACES[random(3)]);
                let at = random(here.len() + 1);
                if let Some(new) = new {
                    here.insert(at, new);
                }
            }
            if random(20) == 0 {
                covered ^= 1;
            }
            let inventory = Inventory::new(here.clone(), coverage(covered));
            let (followed, anew) = (succession.judge(&inventory), judge(&inventory, Vec::new(), &config));
            let (followed, anew) = (told(&followed), told(&anew));
            let differs = followed.iter().zip(&anew).find(|(left, right)| left != right);
            assert_eq!(differs, None, "in step {step} under {profile:?}");
            assert_eq!(followed.len(), anew.len(), "in step {step} under {profile:?}");
        }
    }
}

#[test]
fn exemptions_end_by_the_date() {
    let inventory = Inventory::new(vec![resource(MORE.split("\n---\n").nth(2).unwrap(), "shop").unwrap()], coverage(1));
    let mut succession = Succession::new(config());
    let rules = |judgement: &Judgement| judgement.findings.iter().map(|it| it.finding.rule.id).collect::<Vec<_>>();
    succession.set_today(Date { year: 2026, month: 11, day: 24 });
    assert!(!rules(&succession.judge(&inventory)).contains(&"container-privileged"));
    succession.set_today(Date { year: 2026, month: 11, day: 25 });
    let ended = rules(&succession.judge(&inventory));
    assert!(ended.contains(&"container-privileged") && ended.contains(&"exemption-expired"), "{ended:?}");
}
