//! An inventory laid over another one is judged as if all had been read together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::finding::{Finding, Place};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Profile;
use hardline_core::resource::{Kind, Resource};
use hardline_core::rule::Category;
use hardline_core::rules::RULES;
use hardline_core::source::Source;
use hardline_core::verdict::judge;

use crate::rules::examples;
use crate::support::{config, judged};

/// Applications of the corpus that consist of many kinds, and the example of this repository.
const APPLICATIONS: [&str; 5] = ["examples/3am", "aks-store-demo", "online-boutique", "podinfo", "sock-shop"];

#[expect(clippy::disallowed_methods, reason = "the applications are in files")]
fn read(application: &str) -> Vec<Resource> {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let folder = match application.strip_prefix("examples/") {
        Some(_) => repository.join(application),
        None => repository.join("../shared/corpus").join(application),
    };
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
    let mut files: Vec<_> =
        ignore::Walk::new(folder).filter_map(Result::ok).map(ignore::DirEntry::into_path).filter(is_manifest).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    texts.flat_map(|text| hardline_manifest::read::read(&Arc::new(Source::new("", text))).resources).collect()
}

/// A finding as far as it does not depend on which inventory it is about.
fn words(finding: &Finding) -> String {
    let place = match &finding.place {
        Place::Field { path, .. } => path.to_string(),
        Place::Text { source, span } => source.slice(*span).to_owned(),
    };
    format!("{} {place}: {} ({} more)", finding.rule.id, finding.message, finding.evidence.len())
}

/// What is found about the subjects of an inventory: of all of them, or of one.
fn found(inventory: &Inventory, subject: Option<u32>) -> Vec<String> {
    let mut config = config();
    config.profile = Profile::Critical;
    let judgement = judge(inventory, Vec::new(), &config);
    let is_about = |finding: &Finding| match &finding.place {
        Place::Field { resource, .. } => subject.is_none_or(|subject| subject == *resource),
        Place::Text { source, .. } => subject.is_none_or(|subject| Arc::ptr_eq(source, inventory[subject].source())),
    };
    let findings = judgement.findings.iter().map(|judged| &judged.finding);
    let mut words: Vec<_> = findings.filter(|finding| is_about(finding)).map(words).collect();
    words.sort();
    words
}

#[test]
fn one_resource_over_the_others_is_judged_as_among_them() {
    let mut findings = 0;
    let applications = APPLICATIONS.map(|application| {
        let resources = read(application);
        assert!(resources.len() > 3, "{application} is there");
        resources
    });
    let examples = RULES
        .iter()
        .filter(|rule| rule.category == Category::Network)
        .flat_map(|rule| examples(rule))
        .map(|example| hardline_manifest::read::read(&Arc::new(Source::new("", example.text))).resources);
    for resources in applications.into_iter().chain(examples) {
        let mut ids = BTreeSet::new();
        let resources: Vec<_> = resources.into_iter().filter(|it| ids.insert(it.id())).collect();
        let coverage = Coverage::of_manifests(&resources);
        let together = Inventory::new(resources.clone(), coverage.clone());
        for (at, resource) in (0..).zip(&resources) {
            let expected = found(&together, Some(at));
            assert_eq!(found(&together.with(vec![resource.clone()]), None), expected, "replaced: {}", resource.id());
            let others = resources.iter().filter(|other| other.id() != resource.id()).cloned().collect();
            let others = Inventory::new(others, coverage.clone());
            assert_eq!(found(&others.with(vec![resource.clone()]), None), expected, "added: {}", resource.id());
            findings += expected.len();
        }
    }
    assert!(findings > 500, "{findings} findings are enough to compare");
}

#[test]
fn what_is_hidden_or_taken_away_is_not_seen() {
    let (_, inventory) = judged(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {app: a}}}
---
{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {selector: {app: a}}}
---
{apiVersion: example.com/v1, kind: Thing, metadata: {name: a, namespace: shop}}
---
{apiVersion: example.org/v1, kind: Thing, metadata: {name: a, namespace: shop}}
",
        &config(),
    );
    let pod = &inventory[0];
    let without = inventory.without(pod);
    assert_eq!((without.resources().count(), without.subjects().len()), (3, 0));
    assert!(without.find(Kind::Pod, Some("shop"), "a").is_none());
    assert!(inventory.find(Kind::Pod, Some("shop"), "a").is_some());

    let again = without.with(vec![pod.clone()]);
    assert_eq!(again.find(Kind::Pod, Some("shop"), "a").map(Resource::id), Some(pod.id()));
    assert_eq!(again.resources().count(), 4);
    assert_eq!(again.namespaces().collect::<Vec<_>>(), ["shop"]);

    let thing = inventory.with(vec![inventory[2].clone()]);
    assert_eq!(thing.resources().map(Resource::api_version).collect::<Vec<_>>().len(), 4, "groups tell kinds apart");
    assert_eq!(thing.get(99).map(Resource::id), None);
}
